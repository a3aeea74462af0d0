import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { until } from '../../../harness/util/deadline.js';
import { packageRoot } from '../../../harness/util/package-root.js';
import { type Cluster, isConflict } from '../../../harness/vim/kubernetes/cluster.js';

export const definitionsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

interface Definition {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Installs the definitions of a folder of `crds/`, and waits until they are served. */
export async function installCrds(cluster: Cluster, set: string): Promise<void> {
  const folder = join(packageRoot, 'test', 'hosts', 'kubernetes', 'crds', set);
  const files = (await readdir(folder)).filter((f) => f.endsWith('.yaml'));
  const names: string[] = [];
  for (const file of files) {
    const body = parse(await readFile(join(folder, file), 'utf8')) as Definition;
    names.push(body.metadata.name);
    try {
      await cluster.call(definitionsPath, { method: 'POST', body, deadlineMs: 60_000 });
    } catch (e) {
      if (!isConflict(e)) throw e;
    }
  }
  for (const name of names) {
    const isServed = async () => {
      const { status } = await cluster.call<Definition>(`${definitionsPath}/${name}`);
      return status?.conditions?.some((c) => c.type === 'Established' && c.status === 'True');
    };
    await until(`${name} is served`, isServed, { withinMs: 60_000, everyMs: 100 });
  }
}
