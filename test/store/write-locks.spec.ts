import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { Journal } from '../../harness/store/journal.js';
import { writersOf } from '../../harness/store/write-locks.js';
import { OrdealError } from '../../harness/util/errors.js';
import { temporaryFolder } from '../temporary-folder.js';

let folder: string;
test.beforeEach(async () => {
  folder = await temporaryFolder('locks');
});
test.afterEach(() => rm(folder, { recursive: true, force: true }));

/** A process that stands still in the middle of a write to the journal of the folder. */
async function stoppedWriter(): Promise<ChildProcess> {
  const libsql = import.meta.resolve('libsql');
  const script = `
    const { default: Database } = await import(${JSON.stringify(libsql)});
    const db = new Database(${JSON.stringify(join(folder, 'journal.db'))});
    db.exec('begin immediate');
    console.log('in the middle');
    process.kill(process.pid, 'SIGSTOP');`;
  const writer = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(writer.stdout as NodeJS.ReadableStream, 'data');
  return writer;
}

test('who was stopped in the middle of a write is named, and holds everybody up until it ends', async () => {
  test.skip(!existsSync('/proc/locks'), 'this kernel does not list its locks');
  using journal = new Journal(folder, { busyMs: 50 });
  expect(writersOf(folder)).toEqual([]);
  const writer = await stoppedWriter();
  try {
    expect(writersOf(folder)).toEqual([writer.pid]);
    expect(() => journal.guardHeartbeat('r1')).toThrow(/The journal is held by another process/);
    expect(journal.runs()).toEqual([]);
  } finally {
    const ended = once(writer, 'exit');
    writer.kill('SIGKILL');
    await ended;
  }
  expect(writersOf(folder)).toEqual([]);
  journal.guardHeartbeat('r1');
});

test('a journal that is held at this moment is busy, not broken', async () => {
  new Journal(folder)[Symbol.dispose]();
  const writer = await stoppedWriter();
  try {
    using journal = new Journal(folder, { busyMs: 20 });
    const stop = () => journal.requestStop('r1', 'ann');
    expect(stop).toThrow(OrdealError);
    expect(stop).toThrow(expect.objectContaining({ kind: 'busy' }));
  } finally {
    const ended = once(writer, 'exit');
    writer.kill('SIGKILL');
    await ended;
  }
});

test('only locks for writing on an index of the folder count, and none that is waited for', async () => {
  await writeFile(join(folder, 'a.db-shm'), '');
  await writeFile(join(folder, 'other'), '');
  const { ino } = await stat(join(folder, 'a.db-shm'));
  const { ino: other } = await stat(join(folder, 'other'));
  const locks = join(folder, 'locks');
  const line = (i: number, kind: string, pid: number, inode: number) =>
    `${i}: POSIX  ADVISORY  ${kind} ${pid} fe:00:${inode} 120 120`;
  await writeFile(
    locks,
    [
      line(1, 'WRITE', 41, ino),
      line(2, 'READ ', 42, ino),
      line(3, 'WRITE', 43, other),
      line(4, 'WRITE', 41, ino),
      `4: -> POSIX  ADVISORY  WRITE 44 fe:00:${ino} 120 120`,
      `5: FLOCK  ADVISORY  WRITE 45 fe:00:${ino} 0 EOF`,
      line(16, 'WRITE', 46, ino),
      '',
    ].join('\n'),
  );
  expect(writersOf(folder, locks)).toEqual([41, 46]);
});

test('where nothing is listed nobody is named', async () => {
  expect(writersOf(folder, join(folder, 'no-such-file'))).toEqual([]);
  expect(writersOf(join(folder, 'no-such-folder'))).toEqual([]);
  await writeFile(join(folder, 'no-folder'), '');
  expect(() => writersOf(join(folder, 'no-folder'))).toThrow(/ENOTDIR/);
});
