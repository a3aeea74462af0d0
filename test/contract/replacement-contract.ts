import { expect } from '@playwright/test';
import { bootMs, bringsMemoryBack, type Contract, snapshotOf } from './contract-sample.js';

/** Steps 7 and 8 of clause 4.1.1.4. */
export function replacementContract({ proves }: Contract): void {
  proves(
    ['replacement'],
    'quarantines the failed one, restores a new one from the snapshot, and switches over to it',
    async (s) => {
      const { replacement, snapshots } = s.vim;
      if (replacement === undefined) throw new Error('the VIM says that it can, and has no such interface');
      const then = await s.bump();
      const good = await snapshotOf(s, { runId: 'run-1' });
      await s.bump();
      const failed = await s.vim.locate(s.subject);
      await replacement.quarantine(failed, 'run-1');
      await replacement.quarantine(failed, 'run-1');
      expect(await s.vim.inspect(failed)).toMatchObject({ quarantined: true, runId: 'run-1' });
      await expect(s.counter()).rejects.toThrow();

      const fresh = await replacement.restoreAsNew(good.id, 'run-1');
      expect((await replacement.ownedBy('run-1')).map((c) => c.computeId).sort()).toEqual([failed, fresh].sort());
      await expect(replacement.release(fresh, 'another-run')).rejects.toMatchObject({ name: 'OrdealError' });
      await replacement.switchOver([{ resource: s.subject, to: fresh }], 'run-1');
      await replacement.switchOver([{ resource: s.subject, to: fresh }], 'run-1');
      expect(await s.vim.locate(s.subject)).toBe(fresh);
      const now = (await bringsMemoryBack(s)) ? then : 0;
      await expect.poll(() => s.counter().catch(() => -1), { timeout: bootMs }).toBe(now);
      expect(await s.ping(), 'the new one has the place of the old one on the link').toBe(true);

      // The evidence is still there, while the service goes on.
      const forensic = await (
        await snapshots.capture(failed, { name: 'forensic', type: 'warm', runId: 'run-1' })
      ).store();
      expect(forensic.computeId).toBe(failed);
      await expect(replacement.release(fresh, 'run-1')).rejects.toMatchObject({ name: 'OrdealError' });
      await replacement.release(failed, 'run-1');
      await replacement.release(failed, 'run-1');
      expect(await replacement.ownedBy()).toEqual([]);
      expect(await s.bump()).toBe(now + 1);
    },
  );

  proves(['replacement'], 'gives a quarantined VNFC back as it was, when nothing has taken its place', async (s) => {
    const { replacement } = s.vim;
    if (replacement === undefined) throw new Error('the VIM says that it can, and has no such interface');
    const then = await s.bump();
    const { id } = await snapshotOf(s);
    const compute = await s.vim.locate(s.subject);
    await replacement.quarantine(compute, 'run-1');
    const never = await replacement.restoreAsNew(id, 'run-1');
    await replacement.release(never, 'run-1');
    await replacement.unquarantine(compute, 'run-1');
    await replacement.unquarantine(compute, 'run-1');
    expect(await replacement.ownedBy()).toEqual([]);
    await expect.poll(() => s.counter().catch(() => -1), { timeout: bootMs }).toBe(then);
  });
}
