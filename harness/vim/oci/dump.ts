import { mkdir, mkdtemp, readdir, readFile, readlink, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OrdealError, reasonOf } from '../../util/errors.js';
import type { Cgroup } from './cgroup.js';
import type { OciContainer } from './engine.js';
import type { EngineHost } from './host.js';

/** A connection that nobody has accepted yet is not dumped; its peer is told so when it speaks. */
const CRIU_CONFIG = 'skip-in-flight\n';
const CONFIG = 'criu.conf';
const DUMP_MS = 600_000;
const FULL_BYTES = 2 ** 20;
const STOPPED = /^State:\s+[Tt]\b/m;
/** What CRIU cannot dump, by the name of a file descriptor, and what to do about it. */
const undumpable: readonly [RegExp, string][] = [
  [
    /io_uring/,
    'it uses io_uring, which CRIU cannot dump; switch it off in the application (UV_USE_IO_URING=0), or go cold',
  ],
  [/^\/dev\/(nvidia|dri|kfd|vfio)/, 'it uses a device of the host, whose state nobody can save; go cold'],
];

export interface RuntimeTools {
  readonly criu: string;
  readonly runc: string;
}

/** Memory by CRIU, through runc on the engine's own containers: an engine's checkpoint forgets files and takes its time. */
export class Dumps {
  #probe: Promise<string | undefined> | undefined;

  constructor(
    readonly host: EngineHost,
    readonly tools: RuntimeTools,
    readonly runtimeRoot: string,
  ) {}

  /** All that can be done while the container still runs. */
  async prepare(images: string, work: string): Promise<void> {
    for (const folder of [images, work]) await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(join(work, CONFIG), CRIU_CONFIG);
  }

  /** The config.json of the bundle that it was made from. Prerequisite: it runs. */
  async specOf({ id }: OciContainer): Promise<string> {
    const script = `exec cat "$(sed -n 's/.*"bundle=\\([^"]*\\)".*/\\1/p' "$1/$2/state.json")/config.json"`;
    return this.host.run('sh', ['-c', script, 'sh', this.runtimeRoot, id]);
  }

  /**
   * Prerequisite: the folders are prepared; the container is frozen, and stays so. On failure: nothing but files in `images` is left.
   * @throws OrdealError of kind vim-failed with the last errors of CRIU's log
   */
  async take({ id, name }: OciContainer, images: string, work: string): Promise<void> {
    const { criu, runc } = this.tools;
    const options = [
      '--leave-running',
      '--tcp-established',
      '--file-locks',
      '--image-path',
      images,
      '--work-path',
      work,
    ];
    const args = ['--criu', criu, '--root', this.runtimeRoot, 'checkpoint', ...options, id];
    const env = { CRIU_CONFIG_FILE: join(work, CONFIG) };
    try {
      await this.host.run(runc, args, { timeoutMs: DUMP_MS, env });
    } catch (e) {
      const log = await readFile(join(work, 'dump.log'), 'utf8').catch(() => '');
      // A log that lies on the full disk itself does not say so.
      const { bavail, bsize } = await statfs(images);
      if (bavail * bsize < FULL_BYTES || log.includes('No space left')) {
        throw new OrdealError('no-space', `No space is left for the memory of "${name}"`, {
          where: images,
          cause: e,
          remedy: 'Free space or choose another folder, then run again; nothing half-written was kept.',
        });
      }
      const errors = log.split('\n').filter((line) => line.includes('Error') && !line.includes('RLIMIT_NOFILE'));
      throw new OrdealError('vim-failed', `The memory of "${name}" cannot be dumped`, {
        cause: errors.length === 0 ? e : new Error(errors.slice(0, 3).join('; ')),
        remedy: 'Nothing was stored. `ordeal capabilities` tries CRIU on this host; a cold snapshot needs none.',
      });
    }
  }

  /** Why this container cannot be dumped now: looked at before it is touched. */
  async blockers(container: OciContainer, cgroup: Cgroup): Promise<string[]> {
    const found = new Set(container.blockers);
    for (const pid of await cgroup.pids()) {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      // CRIU waits for such a task for ever, and the freezer with it.
      if (STOPPED.test(status)) found.add(`its process ${pid} is stopped (SIGSTOP); continue it first (SIGCONT)`);
      for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
        const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
        for (const [pattern, why] of undumpable) if (pattern.test(target)) found.add(why);
      }
    }
    return [...found];
  }

  /**
   * A real dump of a scratch process that holds a UDP socket: `criu check` passes where every such dump fails (criu#2829).
   * @returns why it cannot be done here; undefined when it can
   */
  cannotDump(): Promise<string | undefined> {
    this.#probe ??= this.#tryDump();
    return this.#probe;
  }

  async #tryDump(): Promise<string | undefined> {
    const folder = await mkdtemp(join(tmpdir(), 'ordeal-criu-'));
    try {
      // It starts a session, dumps the other one and waits for its end, all in one shell: nothing is left when it fails.
      const script = `
setsid bash -c 'exec 3<>/dev/udp/127.0.0.1/9 </dev/null >/dev/null 2>&1; exec sleep 30' &
pid=$!
sleep 0.1
"$1" dump --tree "$pid" --images-dir "$2" --log-file dump.log >"$2/said" 2>&1
code=$?
kill -9 "$pid" 2>/dev/null
wait "$pid" 2>/dev/null
exit $code`;
      await this.host.run('bash', ['-c', script, 'bash', this.tools.criu, folder]);
      await this.host.run(this.tools.runc, ['--version']);
      return undefined;
    } catch (e) {
      const log = await readFile(join(folder, 'dump.log'), 'utf8').catch(() => '');
      const said = await readFile(join(folder, 'said'), 'utf8').catch(() => '');
      const error = log.split('\n').find((line) => line.includes('Error')) ?? (said.trim() || reasonOf(e));
      return `a process with a socket cannot be dumped by ${this.tools.criu}: ${error}`;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}
