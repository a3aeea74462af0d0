import { randomBytes } from 'node:crypto';

/** Short, sortable by time, safe in file names and labels: `run-20261122T230301-4f2a9c`. */
export function newId(prefix: string, now = new Date()): string {
  const stamp = now.toISOString().replace(/[-:]/g, '').slice(0, 15);
  return `${prefix}-${stamp}-${randomBytes(3).toString('hex')}`;
}
