import { access, rm, writeFile } from 'node:fs/promises';
import { isThere, shell } from './libvirt/shell.js';

const policyFile = '/usr/sbin/policy-rc.d';

/**
 * A test changes nothing on the machine of whoever runs it: packages are installed only where ORDEAL_HOSTS=install says
 * so, and their services are not started.
 * @param needed the package that a command comes with, by command
 * @param also packages that are installed together with a missing one
 * @throws with the reason why the tests that need them cannot run here
 */
export async function ensurePackages(
  needed: Readonly<Record<string, string>>,
  also: Readonly<Record<string, readonly string[]>> = {},
): Promise<void> {
  const found = await Promise.all(Object.entries(needed).map(async ([c, p]) => ((await isThere(c)) ? [] : [p])));
  const missing = [...new Set(found.flat())];
  if (missing.length === 0) return;
  if (process.env.ORDEAL_HOSTS !== 'install') {
    throw new Error(`${missing.join(', ')} are missing; ORDEAL_HOSTS=install lets the tests install them`);
  }
  if (!(await isThere('apt-get'))) throw new Error(`${missing.join(', ')} are missing, and this is no Debian`);
  await shell('apt-get', ['update', '-q'], { timeoutMs: 120_000 });
  const extra = missing.flatMap((p) => also[p] ?? []);
  await withoutServices(() =>
    shell('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing, ...extra], { timeoutMs: 400_000 }),
  );
}

/** Debian asks this file before it starts what it has just installed: 101 forbids it. */
async function withoutServices(install: () => Promise<unknown>): Promise<void> {
  const isOurs = await access(policyFile).then(
    () => false,
    () => true,
  );
  if (isOurs) await writeFile(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await install();
  } finally {
    if (isOurs) await rm(policyFile, { force: true });
  }
}
