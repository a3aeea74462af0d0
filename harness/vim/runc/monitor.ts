import { spawn } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { withDeadline } from '../../util/deadline.js';
import { errnoOf, OrdealError } from '../../util/errors.js';
import type { EngineHost } from '../oci/host.js';
import { LazyPages } from './lazy-pages.js';
import type { RuncFolder } from './runc-folder.js';

const CREATE_MS = 600_000;
type Files = ReturnType<RuncFolder['container']>;
const answer = z.object({ data: z.number(), message: z.string().optional() });

export interface MonitorTools {
  readonly runc: string;
  readonly criu: string;
  readonly conmon: string;
  /** Memory comes back when it is touched. */
  readonly isLazy: boolean;
}

/**
 * conmon stays with a container, as it does for Podman and CRI-O: it keeps what the container says and how it ended. runc
 * itself does not stay. Source: conmon(8); what it says over its pipe, containers/conmon, parent_pipe_fd.c.
 */
export class Monitor {
  constructor(
    readonly host: EngineHost,
    readonly tools: MonitorTools,
    readonly runtimeRoot: string,
  ) {}

  /** What a restoration needs beside it and can be there before. @param images of a dump */
  async prepare({ bundle }: Files, images: string): Promise<void> {
    const { isLazy, criu } = this.tools;
    if (isLazy) await new LazyPages(this.host, criu).serve(images, bundle);
  }

  /**
   * Prerequisite: what is restored is prepared.
   * Creates the container of a bundle, or restores it from a dump: then it runs.
   * @throws OrdealError of kind vim-failed with what runc or CRIU said
   */
  async launch(id: string, name: string, files: Files, images?: string): Promise<void> {
    await rm(files.exitCode, { force: true });
    await mkdir(files.exits, { recursive: true, mode: 0o700 });
    const { runc, criu, conmon, isLazy } = this.tools;
    const restoring = ['--tcp-established', '--file-locks', ...(isLazy ? ['--lazy-pages'] : [])];
    const args = [
      '--api-version',
      ...['--cid', id, '--cuuid', id, '--name', name, '--runtime', await this.#pathOf(runc)],
      ...['--bundle', files.bundle, '--container-pidfile', files.pid, '--conmon-pidfile', files.monitorPid],
      ...['--exit-dir', files.exits, '--log-path', `k8s-file:${files.log}`, '--full-attach'],
      ...['--root', this.runtimeRoot, '--criu', criu].flatMap((arg) => ['--runtime-arg', arg]),
      ...(images === undefined ? [] : ['--restore', images, ...restoring.flatMap((arg) => ['--runtime-opt', arg])]),
    ];
    const what = images === undefined ? `"${name}" cannot be started` : `"${name}" cannot be restored from its dump`;
    const said = await withDeadline(CREATE_MS, what, () => this.#run(conmon, args, files.folder));
    if (said.data > 0) return;
    const errors = images === undefined ? [] : await errorsIn(join(files.bundle, 'restore.log'));
    throw new OrdealError('vim-failed', what, {
      cause: new Error([said.message?.trim() ?? 'no reason is given', ...errors.slice(0, 3)].join('; ')),
    });
  }

  /** conmon looks for nothing on the PATH. */
  async #pathOf(command: string): Promise<string> {
    if (command.startsWith('/')) return command;
    return (await this.host.run('sh', ['-c', 'command -v "$1"', 'sh', command])).trim();
  }

  async #run(conmon: string, args: readonly string[], cwd: string): Promise<z.output<typeof answer>> {
    const [file = conmon, ...all] = [...this.host.prefix, conmon, ...args];
    const child = spawn(file, all, {
      cwd,
      env: { ...process.env, _OCI_SYNCPIPE: '3' },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    let complaint = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    const pipe = child.stdio[3] as Readable;
    const failed = new Promise<never>((_, reject) => {
      child.once('error', (e) => reject(errnoOf(e) === 'ENOENT' ? notThere(conmon) : e));
    });
    try {
      return await Promise.race([firstAnswer(pipe, () => complaint.trim()), failed]);
    } finally {
      pipe.destroy();
      child.stderr?.destroy();
    }
  }
}

async function firstAnswer(pipe: Readable, complaint: () => string): Promise<z.output<typeof answer>> {
  for await (const line of createInterface({ input: pipe })) return answer.parse(JSON.parse(line));
  return { data: -1, message: complaint() || 'conmon has ended without a word' };
}

const notThere = (conmon: string): OrdealError =>
  new OrdealError('capability-missing', `"${conmon}" is not on the host of the containers`, {
    remedy: 'Install conmon there, or name it as vims.runc.conmon.',
  });

async function errorsIn(log: string): Promise<string[]> {
  const text = await readFile(log, 'utf8').catch((e: unknown) => {
    if (errnoOf(e) === 'ENOENT') return '';
    throw e;
  });
  return text.split('\n').filter((line) => line.includes('Error'));
}
