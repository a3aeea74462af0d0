import { readFile, stat } from 'node:fs/promises';
import { expect } from '@playwright/test';
import { type Contract, snapshotOf } from './contract-sample.js';

/** What a vendor gets to work with (clause 4.2.1). */
export function replayContract({ proves }: Contract): void {
  proves(
    ['replay'],
    'brings up an isolated copy of a snapshot for a debugger, beside the VNFC, which goes on',
    async (s) => {
      const { replay, snapshots } = s.vim;
      if (replay === undefined) throw new Error('the VIM says that it can, and has no such interface');
      const compute = await s.vim.locate(s.subject);
      const then = await s.bump();
      const { id } = await snapshotOf(s);
      const copy = await replay.replay(id);
      try {
        expect(await s.vim.locate(s.subject), 'the copy has no place in the service').toBe(compute);
        expect(await s.vim.inspect(copy.computeId)).toMatchObject({ powerState: 'suspended', resource: copy.name });
        await snapshots.delete([id]);
        expect((await stat(copy.gdbStub)).isSocket()).toBe(true);
        expect((await readFile(copy.memoryDump)).toString('latin1', 0, 4)).toBe('\x7fELF');
        expect(await s.bump(), 'the VNFC itself is not touched').toBe(then + 1);
        expect(await s.ping()).toBe(true);
        await expect(replay.end(compute), 'what is no copy is not ended').rejects.toMatchObject({ kind: 'busy' });
      } finally {
        await replay.end(copy.name);
        await replay.end(copy.computeId);
      }
      await expect(s.vim.inspect(copy.computeId)).rejects.toMatchObject({ kind: 'unknown-target' });
      await expect(stat(copy.memoryDump)).rejects.toThrow();
      expect(await s.counter()).toBe(then + 1);
    },
  );
}
