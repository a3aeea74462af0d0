import { expect } from '@playwright/test';
import type { DaemonHost } from '../../hosts/containers/container-host.js';
import {
  captureWithoutCriu,
  fillUnderCapture,
  killDaemonInSwitch,
  revertWithBrokenCriu,
  switchWithoutImage,
  switchWithTakenName,
} from './mishaps.js';

interface Client<H> {
  /** As its users call it. */
  readonly daemon: string;
  /** The engine's own command line. */
  readonly run: (host: H, ...args: readonly string[]) => Promise<string>;
  /** The command that takes the name from an image that is in use. */
  readonly unname: readonly string[];
}

/**
 * What can go wrong on the host of an engine with a daemon, each as a test.
 * @param on makes a test that has the host
 */
export function mishapSuite<H extends DaemonHost>(
  { daemon, run, unname }: Client<H>,
  on: (title: string, body: (host: H) => Promise<void>) => void,
): void {
  on(
    'a snapshot that meets a full disk says so, leaves nothing of itself, and the container goes on',
    fillUnderCapture,
  );
  on('without CRIU there are cold snapshots, and each refusal says why', captureWithoutCriu);
  on(
    'a CRIU that breaks after a snapshot loses nothing: the memory waits, and comes back once it is mended',
    revertWithBrokenCriu,
  );
  on('a new container is made from the image of the failed one, though that image has lost its name', (host) =>
    switchWithoutImage(host, () => run(host, ...unname, 'ordeal/vnfc:test')),
  );
  on('a name that somebody else has taken hinders no switch, and who has taken it is left alone', (host) =>
    switchWithTakenName(
      host,
      async () => {
        await run(host, 'rename', 'subject', 'subject-before');
        const command = ['ordeal/vnfc:test', '/bin/perl', '/bin/vnfc'];
        return (await run(host, 'run', '--detach', '--network', 'none', '--name', 'subject', ...command)).trim();
      },
      async (stranger) => {
        const seen = await run(host, 'inspect', '-f', '{{.Name}} {{.State.Status}}', stranger);
        await run(host, 'kill', stranger);
        await run(host, 'rm', '--force', stranger);
        expect(seen).toMatch(/^\/?subject running\n$/);
      },
    ),
  );
  on(`a ${daemon} that is killed in mid-switch leaves a switch that is finished when it is back`, killDaemonInSwitch);
}
