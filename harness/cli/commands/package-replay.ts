import { resolve } from 'node:path';
import type { Command } from 'commander';
import { endReplay, readIdentity, replayPackage } from '../../package/index.js';
import { OrdealError } from '../../util/errors.js';
import type { ActionWrapper } from '../command.js';
import type { Context } from '../context.js';

interface ReplayOptions {
  readonly vnfc?: string;
  readonly option?: string[];
  readonly identity?: string[];
  readonly leave?: boolean;
}

export function packageReplayCommands(command: Command, action: ActionWrapper): void {
  const vimOption = [
    '--option <key=value...>',
    "of the VIM, as in a descriptor's vims section: uri=qemu:///session",
  ] as const;
  command
    .command('replay')
    .description('bring up an isolated copy of a failed VNFC, paused as it was captured, for gdb')
    .argument('<file>', 'package')
    .option('--vnfc <id>', 'which of its VNFCs; needed when several have memory')
    .option(...vimOption)
    .option('--identity <file...>', 'certificate and key (PEM), when the package is encrypted to you')
    .option('--leave', 'leave the copy there; else it is ended with Ctrl-C')
    .action(action(replay));
  command
    .command('end-replay')
    .description('end a copy that `package replay --leave` left')
    .argument('<vim>', 'such as libvirt')
    .argument('<copy>', 'name or id of the copy')
    .option(...vimOption)
    .action(action(end));
}

async function replay(context: Context, file: string, options: ReplayOptions): Promise<number> {
  const { outside, stateFolder } = context;
  const vimOptions = optionsOf(options.option ?? []);
  const [certificate, key] = (options.identity ?? []).map((f) => resolve(outside.cwd, f));
  const identities = certificate === undefined ? [] : [await readIdentity(certificate, key ?? certificate)];
  const copy = await replayPackage(resolve(outside.cwd, file), {
    ...(options.vnfc === undefined ? {} : { vnfcId: options.vnfc }),
    vimOptions,
    stateFolder,
    identities,
  });
  context.print(copy, () =>
    [
      `${copy.vnfcId} as it was captured at ${copy.capturedAt}: paused, on no network, disks of its own.`,
      `  ${copy.vim}:  ${copy.name} (${copy.computeId})`,
      `  live:    gdb -ex 'target remote ${copy.gdbStub}'`,
      `  memory:  gdb -ex 'core-file ${copy.memoryDump}'`,
      'Add the vmlinux of the guest as first argument to see symbols. `continue` in gdb lets it go on, and so does quitting;',
      '`disconnect` before you quit leaves it where it stands.',
    ].join('\n'),
  );
  if (options.leave === true) {
    const flags = (options.option ?? []).map((o) => ` --option '${o}'`).join('');
    context.say(`End it with: ordeal package end-replay ${copy.vim} ${copy.name}${flags}`);
    return 0;
  }
  context.say('Ctrl-C ends it.');
  await interrupted(outside);
  await endReplay(copy.vim, copy.computeId, { vimOptions, stateFolder });
  context.say(`${copy.name} is gone.`);
  return 0;
}

function interrupted(outside: Context['outside']): Promise<void> {
  return new Promise((resolve) => {
    // A promise alone keeps no process alive.
    const awake = setInterval(() => {}, 60_000);
    const stop = outside.onInterrupt(() => {
      clearInterval(awake);
      stop();
      resolve();
    });
  });
}

async function end(
  context: Context,
  vim: string,
  copy: string,
  { option }: Pick<ReplayOptions, 'option'>,
): Promise<number> {
  await endReplay(vim, copy, { vimOptions: optionsOf(option ?? []), stateFolder: context.stateFolder });
  context.print({ ended: copy }, () => `${copy} is gone.`);
  return 0;
}

function optionsOf(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((pair) => {
      const [, key, value] = /^([^=]+)=(.*)$/.exec(pair) ?? [];
      if (key !== undefined && value !== undefined) return [key, value];
      throw new OrdealError('usage', 'An option of the VIM has no value', {
        where: '--option',
        expected: 'key=value, such as uri=qemu:///session',
        got: pair,
      });
    }),
  );
}
