import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from '@playwright/test';
import { capabilityRows } from '../../harness/model/capability.js';
import { writeAtomically } from '../../harness/util/atomic-file.js';
import { sleep } from '../../harness/util/deadline.js';
import { packageRoot } from '../../harness/util/package-root.js';
import { bootMs, type ContractOptions, contractOf } from './contract-sample.js';
import { faultContract } from './fault-contract.js';
import { replacementContract } from './replacement-contract.js';
import { replayContract } from './replay-contract.js';
import { snapshotContract } from './snapshot-contract.js';

/**
 * What every VIM must do, the embedded one included. A row that the VIM does not support must be among the gaps, with
 * a reason; everything that it says it supports is tried.
 */
export function vimContract(name: string, options: ContractOptions): void {
  test.describe(`contract of the VIM "${name}"`, () => {
    const contract = contractOf(name, options);
    const { sample } = contract;
    const tag = `@vim:${name}`;

    test('names every capability, and every gap is known with its reason', {
      tag: [tag, '@GAP-1', '@Nfvi.001'],
    }, async () => {
      const table = await sample().vim.capabilities();
      const unsupported = [...table].filter(([, c]) => !c.supported).map(([row]) => row);
      for (const row of capabilityRows) expect(table.has(row), `${row} is not named`).toBe(true);
      for (const [row, c] of table) if (!c.supported) expect(c.reason.length, row).toBeGreaterThan(10);
      expect(Object.keys(options.gaps).sort()).toEqual([...unsupported].sort());
      // The conformance matrix is read where the host may be gone: it takes what the VIM said here.
      const file = join(packageRoot, 'reports', 'out', 'proof', `capabilities-${name}.json`);
      await writeAtomically(file, JSON.stringify({ vims: { [name]: Object.fromEntries(table) } }), 0o644);
    });

    test('locates its resources, and names what it does not have', { tag }, async () => {
      const { vim, subject, disk } = sample();
      const compute = await vim.locate(subject);
      const state = await vim.inspect(compute);
      expect(state).toMatchObject({ computeId: compute, resource: subject, powerState: 'on', quarantined: false });
      expect(state.resources.memoryBytes).toBeGreaterThan(0);
      expect(state.disks).toContainEqual(expect.objectContaining({ id: disk, attached: true }));
      await expect(vim.locate('nobody-of-that-name')).rejects.toMatchObject({ kind: 'unknown-target' });
      await expect(vim.inspect('nobody-of-that-name')).rejects.toMatchObject({ kind: 'unknown-target' });
    });

    test('shows the virtual links with their ports', { tag }, async () => {
      const { vim, link } = sample();
      const links = await vim.links();
      if (link !== undefined) expect(links).toContainEqual(expect.objectContaining({ id: link, state: 'up' }));
      for (const it of links) expect(it.ports.length).toBeGreaterThan(0);
    });

    test('stops and starts a VNFC, and both may be said twice', { tag: [tag, '@Nfvi.006'] }, async () => {
      const s = sample();
      const compute = await s.vim.locate(s.subject);
      await s.bump();
      expect(['graceful', 'forced']).toContain(await s.vim.stop(compute, { graceMs: 5000 }));
      expect(await s.vim.stop(compute)).toBe('was-off');
      expect(await s.vim.inspect(compute)).toMatchObject({ powerState: 'off' });
      await expect(s.counter()).rejects.toThrow();
      await s.vim.start(compute);
      expect(await s.vim.inspect(compute)).toMatchObject({ powerState: 'on' });
      await expect.poll(() => s.counter().catch(() => -1), { timeout: bootMs }).toBe(0);
    });

    test('another process sees the same service and the same snapshots', { tag }, async () => {
      const s = sample();
      const { id } = await (
        await s.vim.snapshots.capture(await s.vim.locate(s.subject), { name: 'mine', type: 'cold' })
      ).store();
      await using other = await s.reopen();
      expect(await other.locate(s.subject)).toBe(await s.vim.locate(s.subject));
      expect((await other.snapshots.list()).map((r) => r.id)).toEqual([id]);
    });

    test('gives the log of a VNFC, where it keeps one', { tag }, async () => {
      const { vim, subject } = sample();
      test.skip(vim.logs === undefined, 'the VIM keeps no logs of its VNFCs');
      const logs = (await vim.logs?.logs(await vim.locate(subject))) ?? [];
      expect(logs.length).toBeGreaterThan(0);
      for (const log of logs) expect(await text(await log.open())).not.toBe('');
    });

    contract.proves(['pause'], 'pauses a VNFC where it stands, and it goes on as if nothing had been', async (s) => {
      const compute = await s.vim.locate(s.subject);
      const before = await s.bump();
      const frozenAt = await s.vim.pausing?.pause(compute);
      expect(frozenAt).toBeGreaterThan(0);
      await s.vim.pausing?.pause(compute);
      expect(await s.vim.inspect(compute)).toMatchObject({ powerState: 'suspended' });
      await expect(s.counter()).rejects.toThrow();
      await s.vim.pausing?.resume(compute);
      await s.vim.pausing?.resume(compute);
      expect(await s.vim.inspect(compute)).toMatchObject({ powerState: 'on' });
      expect(await s.counter()).toBe(before);
    });

    contract.proves(['OP-create.quiesce'], 'quiesces, and unquiesces by itself at the deadline', async (s) => {
      const compute = await s.vim.locate(s.subject);
      // A guest may go on in its memory: it is its disk that is written no more.
      const write = (what: string) => s.writeDisk(what).then(() => 'written', String);
      await s.vim.quiescing?.quiesce(compute, 30_000);
      const meanwhile = write('meanwhile');
      expect(await Promise.race([meanwhile, sleep(1000).then(() => 'it waits')]), 'while quiesced').not.toBe('written');
      await s.vim.quiescing?.unquiesce(compute);
      await s.vim.quiescing?.unquiesce(compute);
      await meanwhile;
      expect(await s.bump()).toBeGreaterThan(0);
      await s.vim.quiescing?.quiesce(compute, 1000);
      await expect.poll(() => write('thawed'), { timeout: 30_000 }).toBe('written');
      expect(await s.readDisk(6)).toBe('thawed');
    });

    contract.proves(['storage'], 'detaches a disk and attaches it again, with what was on it', async (s) => {
      const compute = await s.vim.locate(s.subject);
      await s.writeDisk('kept');
      await s.vim.storage?.detach(compute, s.disk);
      const { disks } = await s.vim.inspect(compute);
      expect(disks).toContainEqual(expect.objectContaining({ id: s.disk, attached: false }));
      await expect(s.readDisk(4)).rejects.toThrow();
      await s.vim.storage?.attach(compute, s.disk);
      expect(await s.readDisk(4)).toBe('kept');
    });

    snapshotContract(contract);
    replacementContract(contract);
    replayContract(contract);
    faultContract(contract);
  });
}
