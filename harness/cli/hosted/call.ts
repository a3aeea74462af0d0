import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { parseDocument } from 'yaml';
import type { Hosting } from '../../model/hosting.js';
import { readService, ServiceSession } from '../../online-test/session.js';
import { classifyIo, OrdealError } from '../../util/errors.js';
import type { Context } from '../context.js';
import { serviceFile } from '../service-file.js';

export interface HostOptions {
  readonly on?: string;
  readonly image?: string;
  readonly service?: string[];
  readonly storage?: string;
}

export const hostFlags = {
  on: ['--on <vim>', 'run Ordeal itself there, beside the service: kubernetes'],
  image: ['--image <name>', 'with --on: the image of Ordeal, as the cluster finds it'],
  storage: ['--storage <claim>', 'with --on: what keeps journal, history and results, a claim in its namespace'],
} as const;

/** A session that can host, and the files of its service as they are there. */
export interface Host extends AsyncDisposable {
  readonly hosting: Hosting;
  readonly serviceId: string;
  readonly image: string;
  /** Of the service; a call adds its own. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** @returns where it is there @throws OrdealError of kind usage for a file that is not below the service's folder */
  at(file: string): string;
  read(file: string): Promise<[string, Uint8Array]>;
}

/** @param features whose steps name the service, where `--service` does not */
export async function openHost(context: Context, features: readonly string[], options: HostOptions): Promise<Host> {
  const { on = '', image } = options;
  if (image === undefined) {
    throw new OrdealError('usage', 'The image of Ordeal is not named', {
      where: '--image',
      expected: 'what was built from harness/vim/kubernetes/deploy/image/Containerfile',
    });
  }
  const file = await serviceOf(context, features, options.service ?? []);
  const service = await readService(file);
  const session = await ServiceSession.open(service, context);
  const hosting = session.vims.get(on)?.hosting;
  if (hosting === undefined) {
    const able = [...session.vims.values()].filter((v) => v.hosting !== undefined).map((v) => v.kind);
    await session[Symbol.asyncDispose]();
    throw new OrdealError('usage', `Ordeal cannot be run on "${on}"`, {
      where: '--on',
      expected: able.length === 0 ? `a VIM that can; none of ${service.file} can` : able.join(', '),
    });
  }
  const pathOf = (path: string): string => {
    const inside = relative(service.folder, path);
    if (!inside.startsWith('..')) return inside.split(sep).join('/');
    throw new OrdealError('usage', 'A file of the test is not below the folder of its service', {
      where: path,
      expected: `a file below ${service.folder}`,
    });
  };
  const read = async (path: string): Promise<[string, Uint8Array]> => {
    const content = await readFile(path).catch((e: unknown) => {
      throw classifyIo(e, path);
    });
    return [pathOf(path), path === service.file ? inside(content.toString(), on) : content];
  };
  const needed = [service.file, ...(await filesNamed(service.folder, service.descriptor))];
  return {
    hosting,
    serviceId: service.descriptor.id,
    image,
    files: new Map(await Promise.all(needed.map(read))),
    at: (path) => `${hosting.filesAt}/${pathOf(path)}`,
    read,
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

/** There, it is whom its pod acts as, and the cluster is the one that it is in. */
function inside(descriptor: string, vim: string): Uint8Array {
  const document = parseDocument(descriptor);
  for (const key of ['kubeconfig', 'context', 'folder']) document.deleteIn(['vims', vim, key]);
  return Buffer.from(String(document));
}

/** Manifests and VNFDs: whatever the descriptor names and that there is below its folder. */
async function filesNamed(folder: string, descriptor: unknown): Promise<string[]> {
  const texts = new Set<string>();
  JSON.stringify(descriptor, (_, value: unknown) => {
    if (typeof value === 'string' && /^[\w][\w./-]*$/.test(value)) texts.add(value);
    return value;
  });
  const found: string[] = [];
  for (const text of texts) {
    const path = resolve(folder, text);
    const info = await stat(path).catch((e: NodeJS.ErrnoException) => {
      if (e.code === 'ENOENT' || e.code === 'ENOTDIR') return undefined;
      throw e;
    });
    if (info?.isFile()) found.push(path);
    if (!info?.isDirectory() || !text.includes('.')) continue;
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    found.push(...entries.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name)));
  }
  return [...new Set(found)].filter((path) => path !== folder);
}

/** @throws OrdealError of kind usage where it is not one */
async function serviceOf(context: Context, features: readonly string[], given: readonly string[]): Promise<string> {
  const named = new Set<string>();
  for (const pair of given) named.add(serviceFile(context, pair.replace(/^[^=]+=/, '')));
  if (given.length === 0) {
    for (const feature of features) {
      const text = await readFile(feature, 'utf8').catch((e: unknown) => {
        throw classifyIo(e, feature);
      });
      for (const [, name = ''] of text.matchAll(/the network service "([^"]+)"/g)) {
        const beside = resolve(dirname(feature), name);
        named.add(/\.ya?ml$/.test(name) ? beside : serviceFile(context, name));
      }
    }
  }
  const [file] = named;
  if (named.size === 1 && file !== undefined) return file;
  throw new OrdealError('usage', 'It is not clear which service is tested there', {
    expected: 'features that name one service',
    got: named.size === 0 ? 'none' : [...named].join(', '),
  });
}

/** A name of the API: what it is for, and when it was asked for. */
export const nameOfCall = (what: string): string =>
  `ordeal-${what}`
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .slice(0, 50);
