import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sleep, until } from '../../harness/util/deadline.js';
import { LibvirtVim } from '../../harness/vim/libvirt/libvirt-vim.js';
import { LibvirtClient, procedures } from '../../harness/vim/libvirt/rpc/index.js';
import { LibvirtHost } from '../hosts/libvirt/libvirt-host.js';
import { contextOf } from '../vim/libvirt/vm-sample.js';
import { markdownTable, median } from './statistics.js';

const run = promisify(execFile);
const address = 31;
const proberMs = 10;

/** One VM of 128 and of 512 MiB: our snapshots against virsh doing the same work on the same VM, in turn. */
export async function bench(): Promise<string> {
  const host = await LibvirtHost.start().catch((e: Error) => e.message);
  if (typeof host === 'string') return `No real VM can be had here: ${host}`;
  try {
    const rows: string[][] = [];
    for (const [memoryMiB, rounds] of [
      [128, 5],
      [512, 3],
    ] as const) {
      rows.push(...(await oneSize(host, memoryMiB, rounds)));
    }
    const head = ['guest', 'operation', 'rounds', 'total ms', `worst gap of a ${proberMs} ms prober, ms`, 'stored MiB'];
    return `${markdownTable(head, rows)}\n\nMedians. Software emulation; the prober asks over HTTP, so the idle row is its own noise.`;
  } finally {
    await host[Symbol.asyncDispose]();
  }
}

async function oneSize(host: LibvirtHost, memoryMiB: number, rounds: number): Promise<string[][]> {
  const name = `bench-${memoryMiB}`;
  const client = new LibvirtClient(host.uri);
  const { dom } = await client.call(procedures.domainDefineXml, {
    xml: await host.guestXml({ name, address, memoryMiB }),
    flags: 0,
  });
  const base = await host.reach(address);
  await using vim = await LibvirtVim.open(contextOf(host, base));
  const compute = await vim.locate(name);
  const virsh = (...args: string[]) => run('virsh', ['-q', '-c', host.uri, ...args], { timeout: 300_000 });
  const figures = new Map<string, { totals: number[]; gaps: number[]; bytes: number }>();
  const measure = async (operation: string, work: () => Promise<number | undefined>) => {
    const prober = new Prober(base);
    await sleep(300);
    const from = performance.now();
    const bytes = (await work()) ?? 0;
    const total = performance.now() - from;
    await prober.answers();
    const found = figures.get(operation) ?? { totals: [], gaps: [], bytes: 0 };
    found.totals.push(total);
    found.gaps.push(await prober.stop());
    found.bytes = bytes;
    figures.set(operation, found);
  };
  const boot = async () => {
    const from = performance.now();
    await vim.start(compute);
    await until('the guest answers', () => answers(base), { withinMs: 180_000, everyMs: 50 });
    return performance.now() - from;
  };

  const boots = [await boot()];
  const reverts: number[] = [];
  for (let i = 0; i < rounds; i++) {
    await measure('idle', async () => void (await sleep(1000)));
    let id = '';
    await measure('Ordeal: live external', async () => {
      const record = await (await vim.snapshots.capture(compute, { name: 'bench', type: 'warm' })).store();
      id = record.id;
      return record.bytesStored;
    });
    const from = performance.now();
    await vim.snapshots.revert(compute, id);
    await until('the guest answers', () => answers(base), { withinMs: 60_000, everyMs: 20 });
    reverts.push(performance.now() - from);
    await vim.snapshots.delete([id], { consolidate: true });
    const [memory, overlay, save] = ['mem', 'qcow2', 'save'].map((end) =>
      join(host.folder, `${name}-virsh.${end}`),
    ) as [string, string, string];
    const spec = [
      '--memspec',
      `file=${memory},snapshot=external`,
      '--diskspec',
      `vda,snapshot=external,file=${overlay}`,
    ];
    for (const [operation, extra] of [
      ['virsh: live external', ['--live']],
      ['virsh: external', []],
    ] as const) {
      await measure(operation, async () => {
        await virsh('snapshot-create-as', name, 'v', '--atomic', '--no-metadata', ...extra, ...spec);
        return undefined;
      });
      await virsh('blockcommit', name, 'vda', '--active', '--pivot', '--wait');
      await Promise.all([memory, overlay].map((file) => rm(file, { force: true })));
    }
    await measure('virsh: save and restore', async () => {
      await virsh('save', name, save);
      await virsh('restore', save);
      return undefined;
    });
    await rm(save, { force: true });
  }
  await vim.stop(compute, { graceMs: 0 });
  boots.push(await boot());
  await vim.stop(compute, { graceMs: 0 });
  await client.call(procedures.domainUndefine, { dom, flags: 0 });
  await client.close();
  const size = `${memoryMiB} MiB`;
  const row = (operation: string, n: number, total: number, gap = '', bytes = '') => [
    size,
    operation,
    String(n),
    total.toFixed(0),
    gap,
    bytes,
  ];
  return [
    ...[...figures].map(([operation, { totals, gaps, bytes }]) =>
      row(
        operation,
        totals.length,
        median(totals),
        median(gaps).toFixed(0),
        bytes > 0 ? (bytes / 2 ** 20).toFixed(0) : '',
      ),
    ),
    row('Ordeal: revert until it answers', reverts.length, median(reverts)),
    row('cold boot until it answers', boots.length, median(boots)),
  ];
}

const answers = (base: string): Promise<boolean> =>
  fetch(`${base}/counter`, { signal: AbortSignal.timeout(2000) })
    .then(async (r) => (await r.text()) !== '')
    .catch(() => false);

/** Asks again and again; the pause of the guest is the longest time between two answers. */
class Prober {
  #last = performance.now();
  #worst = 0;
  #stopped = false;
  readonly #loop: Promise<void>;

  constructor(readonly base: string) {
    this.#loop = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      if (await answers(this.base)) {
        const now = performance.now();
        this.#worst = Math.max(this.#worst, now - this.#last);
        this.#last = now;
      }
      await sleep(proberMs);
    }
  }

  /** Until it has answered once more. */
  async answers(): Promise<void> {
    const asked = performance.now();
    await until('the guest answers again', () => this.#last > asked, { withinMs: 60_000 });
  }

  async stop(): Promise<number> {
    this.#stopped = true;
    await this.#loop;
    return this.#worst;
  }
}
