import { expect, test } from '@playwright/test';
import { failedStep } from '../../harness/online-test/recovery-step.js';
import { OrdealError } from '../../harness/util/errors.js';

test('a failure is told with its reason', () => {
  expect(failedStep('run-1', 'heal stall on web', new Error('no such thread'))).toEqual({
    ...{ runId: 'run-1', what: 'heal stall on web', outcome: 'failed', reason: 'no such thread' },
  });
  expect(failedStep('run-1', 'thaw web', 'gone').reason).toBe('gone');
});

test('what did not answer, or was held by another process, may pass', () => {
  for (const kind of ['timeout', 'vim-unreachable', 'busy'] as const)
    expect(failedStep('run-1', 'heal', new OrdealError(kind, 'Not now')).mayPass).toBe(true);
});

test('what is refused or broken does not pass by itself', () => {
  for (const kind of ['vim-failed', 'internal', 'capability-missing'] as const)
    expect(failedStep('run-1', 'heal', new OrdealError(kind, 'Never'))).not.toHaveProperty('mayPass');
  const busy = Object.assign(new Error('busy'), { kind: 'busy' });
  expect(failedStep('run-1', 'heal', busy)).not.toHaveProperty('mayPass');
});
