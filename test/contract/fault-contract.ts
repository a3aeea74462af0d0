import { expect } from '@playwright/test';
import type { FaultKind, Injection } from '../../harness/model/fault.js';
import { bootMs, type Contract, type ContractSample } from './contract-sample.js';

const doses: Readonly<Record<FaultKind, Injection['params']>> = {
  shutdown: {},
  crash: {},
  stall: {},
  'link-cut': {},
  partition: {},
  delay: { delayMs: 80 },
  loss: { ratio: 0.5 },
  duplication: { ratio: 0.5 },
  reordering: { ratio: 0.3 },
  corruption: { ratio: 0.3 },
  rate: { bytesPerSecond: 50_000 },
  'cpu-starvation': { share: 0.25 },
  'memory-pressure': { leaveBytes: 1 << 20 },
  'disk-full': {},
  'disk-error': {},
  'clock-skew': { offsetMs: 3_600_000 },
};
const onLinks: readonly string[] = ['link-cut', 'delay', 'loss', 'duplication', 'reordering', 'corruption', 'rate'];
/** After these the service is silent at once, and after the heal it is not. */
const silences: readonly string[] = ['shutdown', 'stall', 'link-cut', 'partition', 'nic-unplug'];

function target(kind: string, { link, subject, peer }: ContractSample): Injection['target'] {
  if (link !== undefined && kind === 'partition') return { link, from: subject, to: peer };
  if (link !== undefined && onLinks.includes(kind)) return { link };
  return { vnfc: subject };
}

/** Each fault is inject, verify and heal, each of them idempotent. */
export function faultContract({ proves, alsoFaults }: Contract): void {
  const all: Readonly<Record<string, Injection['params']>> = { ...doses, ...alsoFaults };
  for (const kind of Object.keys(all)) {
    proves([`fault.${kind}`], `injects ${kind}, measures it at the target, and heals it`, async (s, info) => {
      const { faults } = s.vim;
      if (faults === undefined) throw new Error('the VIM says that it can, and has no such interface');
      expect(faults.kinds).toContain(kind);
      const injection: Injection = {
        id: `contract-${kind}-${info.retry}`,
        runId: 'run-1',
        kind,
        vim: s.vim.kind,
        target: target(kind, s),
        params: s.doses?.[kind as FaultKind] ?? all[kind] ?? {},
        seed: 7,
        expiresAfterMs: 120_000,
      };
      expect(await s.ping(), 'well before').toBe(true);
      expect((await faults.verify(injection)).effective, 'not effective before it is injected').toBe(false);
      await faults.inject(injection);
      await faults.inject(injection);
      const reading = await faults.verify(injection);
      expect(reading.effective, JSON.stringify(reading)).toBe(true);
      expect(reading.how).not.toBe('');
      expect((await faults.active()).map((i) => i.id)).toContain(injection.id);
      if (silences.includes(kind)) expect(await s.ping().catch(() => false), 'silent meanwhile').toBe(false);
      await faults.heal(injection);
      await faults.heal(injection);
      expect((await faults.active()).map((i) => i.id)).not.toContain(injection.id);
      expect((await faults.verify(injection)).effective, 'not effective after the heal').toBe(false);
      await expect.poll(() => s.ping().catch(() => false), { timeout: bootMs }).toBe(true);
    });
  }
}
