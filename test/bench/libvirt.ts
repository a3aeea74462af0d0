import { execFile } from 'node:child_process';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SnapshotImage } from '../../harness/model/vim.js';
import { openState } from '../../harness/store/state.js';
import { until } from '../../harness/util/deadline.js';
import { LibvirtVim } from '../../harness/vim/libvirt/libvirt-vim.js';
import { LibvirtClient, procedures } from '../../harness/vim/libvirt/rpc/index.js';
import { LibvirtHost } from '../hosts/libvirt/libvirt-host.js';
import { contextOf } from '../vim/libvirt/vm-sample.js';
import { EchoProber, echo } from './echo-prober.js';
import { markdownTable, median } from './statistics.js';

const run = promisify(execFile);
const address = 31;
const proberMs = 10;
const pageBytes = 4096;
/** virDomainSnapshotCreateFlags */
const DISK_ONLY_ATOMIC_NO_METADATA = 16 | 128 | 4;

interface Sample {
  readonly total: number;
  readonly gap: number;
  /** How long the guest stood still, by libvirt's events. */
  readonly still: number;
}
interface Work {
  readonly run: () => Promise<void>;
  /** Puts everything back; its time does not count. */
  readonly after: () => Promise<void>;
}

/** One VM of 128 and of 512 MiB: our snapshots against virsh doing the same work on the same VM, in turn. */
export async function bench(args: readonly string[] = []): Promise<string> {
  const rounds = Number(args.find((a) => a.startsWith('--rounds='))?.slice('--rounds='.length) ?? 5);
  const host = await LibvirtHost.start().catch((e: Error) => e.message);
  if (typeof host === 'string') return `No real VM can be had here: ${host}`;
  try {
    const parts: string[] = [];
    for (const memoryMiB of [128, 512]) parts.push(await new OneSize(host, memoryMiB, rounds).measure());
    return [
      ...parts,
      `Medians of ${rounds} rounds, the order turned with each. Software emulation; the prober says a word every ${proberMs} ms on one TCP connection, so the idle row is its own noise.`,
      yardsticks,
    ].join('\n\n');
  } finally {
    await host[Symbol.asyncDispose]();
  }
}

const yardsticks = `"Stop and save" is two ways. Save and restore ends the guest and starts it again; a snapshot standing still lets it go on in the same QEMU, and is the stricter yardstick. The silence holds the prober's own noise, of which a pause of some 20 ms has more than one of some 300: what the guest itself stood still, by libvirt's events, has none.`;

/** From the first event that says that a domain stands still to the last one that says that it runs. */
class StillClock {
  readonly #end: () => void;
  #fromMs: number | undefined;
  #toMs: number | undefined;

  constructor(client: LibvirtClient, name: string) {
    this.#end = client.onLifecycle(({ domain, lifecycle, atMs }) => {
      if (domain.name !== name) return;
      if (lifecycle === 'suspended' || lifecycle === 'stopped') this.#fromMs ??= atMs;
      if (lifecycle === 'resumed') this.#toMs = atMs;
    });
  }

  /** In milliseconds; 0 when it never stood still. */
  stop(): number {
    this.#end();
    return this.#fromMs === undefined || this.#toMs === undefined ? 0 : Math.max(0, this.#toMs - this.#fromMs);
  }
}

class OneSize {
  readonly name: string;
  readonly #client: LibvirtClient;
  readonly #samples = new Map<string, Sample[]>();
  readonly #reverts: number[] = [];
  readonly #boots: number[] = [];
  #echoUrl = '';
  #stored = '';

  constructor(
    readonly host: LibvirtHost,
    readonly memoryMiB: number,
    readonly rounds: number,
  ) {
    this.name = `bench-${memoryMiB}`;
    this.#client = new LibvirtClient(host.uri);
  }

  async measure(): Promise<string> {
    const { host, name, memoryMiB } = this;
    const client = this.#client;
    const xml = await host.guestXml({ name, address, memoryMiB });
    const { dom } = await client.call(procedures.domainDefineXml, { xml, flags: 0 });
    this.#echoUrl = await host.reach(address, 9000);
    await using vim = await LibvirtVim.open(contextOf(host, await host.reach(address)));
    const compute = await vim.locate(name);
    await this.#boot(vim, compute);
    const works = this.#works(vim, compute);
    const names = [...works.keys()];
    for (let round = 0; round < this.rounds; round++) {
      for (let i = 0; i < names.length; i++) {
        const operation = names[(i + round) % names.length] ?? '';
        const work = works.get(operation);
        if (work !== undefined) await this.#one(operation, work);
      }
      await this.#revert(vim, compute);
    }
    this.#stored = await this.#secondSnapshot(vim, compute);
    await vim.stop(compute, { graceMs: 0 });
    await this.#boot(vim, compute);
    await vim.stop(compute, { graceMs: 0 });
    await client.call(procedures.domainUndefine, { dom, flags: 0 });
    await client.close();
    return this.#tell();
  }

  #works(vim: LibvirtVim, compute: string): Map<string, Work> {
    const { host, name } = this;
    const virsh = (...args: string[]) => run('virsh', ['-q', '-c', host.uri, ...args], { timeout: 300_000 });
    const [memory, overlay, save] = ['mem', 'qcow2', 'save'].map((end) =>
      join(host.folder, `${name}-virsh.${end}`),
    ) as [string, string, string];
    const spec = ['--memspec', `file=${memory},snapshot=external`];
    spec.push('--diskspec', `vda,snapshot=external,file=${overlay}`);
    const external = (...extra: string[]): Work => ({
      run: async () => {
        await virsh('snapshot-create-as', name, 'v', '--atomic', '--no-metadata', ...extra, ...spec);
      },
      after: async () => {
        await virsh('blockcommit', name, 'vda', '--active', '--pivot', '--wait');
        await Promise.all([memory, overlay].map((file) => rm(file, { force: true })));
      },
    });
    let id = '';
    return new Map<string, Work>([
      ['QEMU: background snapshot, by write protection', this.#background(memory, overlay, virsh)],
      ['idle', { run: async () => void (await new Promise((r) => setTimeout(r, 1000))), after: async () => undefined }],
      [
        'Ordeal: live, stored',
        {
          run: async () => {
            const captured = await vim.snapshots.capture(compute, { name: 'bench', type: 'warm' });
            id = (await captured.store()).id;
          },
          after: () => vim.snapshots.delete([id], { consolidate: true }),
        },
      ],
      ['virsh: live', external('--live')],
      ['virsh: external, standing still', external()],
      [
        'virsh: save and restore',
        {
          run: async () => {
            await virsh('save', name, save);
            await virsh('restore', save);
          },
          after: () => rm(save, { force: true }),
        },
      ],
    ]);
  }

  /** By libvirt's protocol, as we would do it: no program is started while the guest stands still. */
  #background(memory: string, overlay: string, virsh: (...args: string[]) => Promise<unknown>): Work {
    const { host, name } = this;
    const disk = `<disk name='vda' snapshot='external'><driver type='qcow2'/><source file='${overlay}'/></disk>`;
    const xml = `<domainsnapshot><memory snapshot='no'/><disks>${disk}</disks></domainsnapshot>`;
    const run = async () => {
      const client = new LibvirtClient(host.uri);
      const { dom } = await client.call(procedures.domainLookupByName, { name });
      const qmp = async (execute: string, args: object = {}) => {
        const command = JSON.stringify({ execute, arguments: args });
        const { result } = await client.call(procedures.qemuMonitorCommand, { dom, command, flags: 0 });
        return JSON.parse(result) as { readonly return?: { readonly status?: string } };
      };
      const protect = (state: boolean) =>
        qmp('migrate-set-capabilities', { capabilities: [{ capability: 'background-snapshot', state }] });
      await protect(true);
      await client.call(procedures.domainSuspend, { dom });
      await client.call(procedures.domainSnapshotCreateXml, { dom, xml, flags: DISK_ONLY_ATOMIC_NO_METADATA });
      await qmp('migrate', { uri: `exec:cat > ${memory}` });
      const ended = async () => ['completed', 'failed'].includes((await qmp('query-migrate')).return?.status ?? '');
      await until('the background snapshot ends', ended, { withinMs: 60_000 });
      await protect(false);
      await client.close();
    };
    const after = async () => {
      // libvirt does not know of a migration that is not its own: it may take the guest for suspended.
      await virsh('resume', name).catch(() => undefined);
      await virsh('blockcommit', name, 'vda', '--active', '--pivot', '--wait');
      await Promise.all([memory, overlay].map((file) => rm(file, { force: true })));
    };
    return { run, after };
  }

  async #one(operation: string, { run: work, after }: Work): Promise<void> {
    const prober = await EchoProber.start(this.#echoUrl, proberMs);
    const clock = new StillClock(this.#client, this.name);
    const from = performance.now();
    await work();
    const total = performance.now() - from;
    const gap = await prober.stop();
    const still = clock.stop();
    this.#samples.set(operation, [...(this.#samples.get(operation) ?? []), { total, gap, still }]);
    await after();
  }

  async #boot(vim: LibvirtVim, compute: string): Promise<void> {
    const from = performance.now();
    await vim.start(compute);
    await this.#serves(180_000);
    this.#boots.push(performance.now() - from);
  }

  async #revert(vim: LibvirtVim, compute: string): Promise<void> {
    const { id } = await (await vim.snapshots.capture(compute, { name: 'bench', type: 'warm' })).store();
    const from = performance.now();
    await vim.snapshots.revert(compute, id);
    await this.#serves(60_000);
    this.#reverts.push(performance.now() - from);
    await vim.snapshots.delete([id], { consolidate: true });
  }

  async #serves(withinMs: number): Promise<void> {
    const answered = () =>
      echo(this.#echoUrl, 300).then(
        (socket) => socket.destroy(),
        () => undefined,
      );
    await until('the guest serves', answered, { withinMs, everyMs: 10 });
  }

  /** What two snapshots, a second apart, add to a store: their images page by page, as a package has them. */
  async #secondSnapshot(vim: LibvirtVim, compute: string): Promise<string> {
    const folder = join(this.host.folder, `store-${this.memoryMiB}`);
    await using state = await openState(folder);
    const store = await state.chunks();
    const added: number[] = [];
    const memories: string[] = [];
    const ids: string[] = [];
    let sizeBytes = 0;
    for (const which of ['first', 'second']) {
      const { id } = await (await vim.snapshots.capture(compute, { name: which, type: 'warm' })).store();
      ids.push(id);
      const images = await vim.snapshots.exportImages(id);
      let bytes = 0;
      for (const image of images) {
        const source = (await image.open()) as AsyncIterable<Uint8Array>;
        bytes += (await store.put(`${which}-${image.name}`, source)).addedBytes;
      }
      added.push(bytes);
      sizeBytes = images.reduce((sum: number, i: SnapshotImage) => sum + i.sizeBytes, 0);
      memories.push(join(this.host.folder, 'ordeal', 'snapshots', id, 'export-memory.raw'));
    }
    const dirty = await differingPages(memories[0] ?? '', memories[1] ?? '');
    await vim.snapshots.delete(ids, { consolidate: true });
    const mib = (bytes = 0) => (bytes / 2 ** 20).toFixed(1);
    const dirtyBytes = dirty * pageBytes;
    return `Second snapshot: the guest wrote ${dirty} pages (${mib(dirtyBytes)} MiB) in between, and the store grew by ${mib(added[1])} MiB of ${mib(sizeBytes)} MiB (the first: ${mib(added[0])} MiB): ratio ${((added[1] ?? 0) / dirtyBytes).toFixed(2)} to the dirty pages.`;
  }

  #tell(): string {
    const of = (operation: string) => this.#samples.get(operation) ?? [];
    const total = (operation: string) => median(of(operation).map((s) => s.total));
    const gap = (operation: string) => median(of(operation).map((s) => s.gap));
    const still = (operation: string) => median(of(operation).map((s) => s.still));
    const rows = [...this.#samples.keys()].sort().map((operation) => {
      const all = of(operation).map((s) => s.total);
      const span = `${Math.min(...all).toFixed(0)} to ${Math.max(...all).toFixed(0)}`;
      return [operation, total(operation).toFixed(0), span, gap(operation).toFixed(0), still(operation).toFixed(0)];
    });
    rows.push(['Ordeal: revert until it serves', median(this.#reverts).toFixed(0), '', '', '']);
    rows.push(['cold boot until it serves', median(this.#boots).toFixed(0), '', '', '']);
    const head = [`${this.memoryMiB} MiB`, 'total ms', 'from, to', 'longest silence ms', 'stood still ms'];
    const [ours, live, whole] = ['Ordeal: live, stored', 'virsh: live', 'virsh: external, standing still'];
    const ratios = [
      `total to virsh's live: ${(total(ours) / total(live)).toFixed(2)}`,
      `silence to save and restore: ${(gap(ours) / gap('virsh: save and restore')).toFixed(2)}`,
      `silence to virsh standing still: ${(gap(ours) / gap(whole)).toFixed(2)}`,
      `standing still to virsh standing still: ${(still(ours) / still(whole)).toFixed(2)}`,
      `revert to cold boot: ${(median(this.#reverts) / median(this.#boots)).toFixed(2)}`,
    ];
    return `${markdownTable(head, rows)}\n\nRatios: ${ratios.join('; ')}.\n${this.#stored}`;
  }
}

/** Of two images of the same length. */
async function differingPages(a: string, b: string): Promise<number> {
  if ((await stat(a)).size !== (await stat(b)).size) return Number.NaN;
  const [x, y] = await Promise.all([readFile(a), readFile(b)]);
  let pages = 0;
  for (let at = 0; at < x.length; at += pageBytes) {
    if (x.compare(y, at, at + pageBytes, at, at + pageBytes) !== 0) pages++;
  }
  return pages;
}
