import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { parse } from 'yaml';
import { packageRoot } from '../../../harness/util/package-root.js';

const crds = join(packageRoot, 'test', 'hosts', 'kubernetes', 'crds', 'chaos-mesh');
const target = join(packageRoot, 'harness', 'vim', 'kubernetes', 'chaos-mesh', 'generated.ts');

/** What a task of a workflow runs is a part of any pod. */
const ofKubernetes: Readonly<Record<string, string>> = { container: 'V1Container', volumes: 'V1Volume[]' };

interface Crd {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly schema: { readonly openAPIV3Schema: { properties: { spec: JSONSchema } } };
    }[];
  };
}

/** Schedules and workflows hold every other kind's spec, many times over: they refer to the types instead. */
function withReferences(schema: JSONSchema, kinds: ReadonlySet<string>, own: string): JSONSchema {
  const properties = Object.entries(schema.properties ?? {}).map(([name, child]) => {
    const kind = [...kinds].find((k) => k.toLowerCase() === name.toLowerCase() && k !== own);
    if (kind !== undefined) return [name, { tsType: `${kind}Spec` }];
    if (name in ofKubernetes) return [name, { tsType: ofKubernetes[name] }];
    return [name, name.endsWith('Chaos') ? { type: 'object' } : withReferences(child, kinds, own)];
  });
  const items =
    schema.items === undefined || Array.isArray(schema.items) ? schema.items : withReferences(schema.items, kinds, own);
  return {
    ...schema,
    ...(schema.properties === undefined ? {} : { properties: Object.fromEntries(properties) }),
    ...(items === undefined ? {} : { items }),
    // A child of a workflow's template is a template again, to a depth that the CRD ends somewhere.
    ...(schema.type === 'object' && schema.properties !== undefined ? { additionalProperties: false } : {}),
  };
}

const header = `// Generated from the CRDs in test/hosts/kubernetes/crds by generate-types.js beside them. Not to be edited.
import type { V1Container, V1Volume } from '@kubernetes/client-node';`;
const all = await Promise.all(
  (await readdir(crds))
    .filter((f) => f.endsWith('.yaml'))
    .map(async (f) => parse(await readFile(join(crds, f), 'utf8')) as Crd),
);
const kinds = new Set(all.map((crd) => crd.spec.names.kind));
const parts: string[] = [];
for (const crd of all.sort((a, b) => a.spec.names.kind.localeCompare(b.spec.names.kind))) {
  const { kind } = crd.spec.names;
  const schema = crd.spec.versions[0]?.schema.openAPIV3Schema.properties.spec;
  if (schema === undefined) throw new Error(`${kind} has no schema`);
  const options = { bannerComment: '', additionalProperties: false, ignoreMinAndMaxItems: true };
  parts.push(await compile(withReferences(schema, kinds, kind), `${kind}Spec`, options));
}
await writeFile(target, `${header}\n\n${parts.join('\n')}`);
