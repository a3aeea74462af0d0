import { ensurePackages } from '../debian.js';
import { shell } from './shell.js';

/** @returns why gdb cannot be used here; undefined when it can */
export const missingGdb = (): Promise<string | undefined> =>
  ensurePackages({ gdb: 'gdb' }).then(
    () => undefined,
    (e: Error) => e.message,
  );

/** What gdb says to these commands, about an x86-64 guest of which it knows no symbols. */
export const gdb = (...commands: readonly string[]): Promise<string> =>
  shell('gdb', ['-nx', '-batch', ...['set architecture i386:x86-64', ...commands].flatMap((c) => ['-ex', c])]);
