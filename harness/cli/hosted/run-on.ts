import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { stringify } from 'yaml';
import type { HostedCall } from '../../model/hosting.js';
import type { Context } from '../context.js';
import { type HostOptions, nameOfCall, openHost } from './call.js';
import { unpackInto } from './results.js';

export interface RunOnOptions extends HostOptions {
  readonly dryRun?: boolean;
  readonly tags?: string;
  readonly name?: string[];
}

const maxMs = 4 * 3_600_000;

/** `ordeal run --on`: the same features, run there; its reports and packages come back to the out folder. */
export async function runOn(
  context: Context,
  features: readonly string[],
  options: RunOnOptions,
  signal: AbortSignal,
): Promise<number> {
  const files = features.map((f) => resolve(context.outside.cwd, f));
  await using host = await openHost(context, files, options);
  const own = new Map(await Promise.all(files.map((f) => host.read(f))));
  const call: HostedCall = {
    name: `${nameOfCall(host.serviceId)}-${Date.now().toString(36)}`,
    image: host.image,
    args: [
      'run',
      ...files.map((f) => host.at(f)),
      '--no-allure',
      ...(options.tags === undefined ? [] : ['--tags', options.tags]),
      ...(options.name ?? []).flatMap((n) => ['--name', n]),
    ],
    files: new Map([...host.files, ...own]),
    maxMs,
    ...(options.storage === undefined ? {} : { storage: options.storage }),
  };
  await host.hosting.check(call);
  if (options.dryRun === true) {
    const objects = host.hosting.objectsOf(call);
    context.print(objects, () => objects.map((o) => stringify(o)).join('---\n'));
    return 0;
  }
  context.say(`Running on ${options.on} as ${call.name}`);
  return host.hosting.run(call, {
    say: (line) => context.say(line),
    signal,
    take: async ({ results }) => {
      await mkdir(context.outFolder, { recursive: true, mode: 0o700 });
      const archive = join(context.outFolder, `.${call.name}.zip`);
      try {
        await pipeline(results, createWriteStream(archive, { mode: 0o600 }));
        const count = await unpackInto(archive, context.outFolder);
        context.say(`${count} files of its results: ${join(context.outFolder, 'index.html')}`);
      } finally {
        await rm(archive, { force: true });
      }
    },
  });
}
