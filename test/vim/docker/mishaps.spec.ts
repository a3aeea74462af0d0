import { expect, test } from '../../hosts/containers/fixture.js';
import {
  captureWithoutCriu,
  fillUnderCapture,
  killDaemonInSwitch,
  revertWithBrokenCriu,
  switchWithoutImage,
  switchWithTakenName,
} from '../oci/mishaps.js';
import { recoverOnceMended } from '../oci/recovered.js';

test.describe.configure({ timeout: 120_000 });
const tag = '@vim:docker';

test(
  'a snapshot that meets a full disk says so, leaves nothing of itself, and the container goes on',
  {
    tag,
  },
  ({ dockerHost }) => fillUnderCapture(dockerHost),
);

test(
  'without CRIU there are cold snapshots, and each refusal says why',
  {
    tag,
  },
  ({ dockerHost }) => captureWithoutCriu(dockerHost),
);

test(
  'a CRIU that breaks after a snapshot loses nothing: the memory waits, and comes back once it is mended',
  {
    tag,
  },
  ({ dockerHost }) => revertWithBrokenCriu(dockerHost),
);

test(
  'a new container is made from the image of the failed one, though that image has lost its name',
  {
    tag,
  },
  ({ dockerHost: host }) => switchWithoutImage(host, () => host.docker('rmi', '--force', 'ordeal/vnfc:test')),
);

test(
  'a name that somebody else has taken hinders no switch, and who has taken it is left alone',
  {
    tag,
  },
  ({ dockerHost: host }) =>
    switchWithTakenName(
      host,
      async () => {
        await host.docker('rename', 'subject', 'subject-before');
        const command = ['ordeal/vnfc:test', '/bin/perl', '/bin/vnfc'];
        return (await host.docker('run', '--detach', '--network', 'none', '--name', 'subject', ...command)).trim();
      },
      async (stranger) => {
        const seen = await host.docker('inspect', '-f', '{{.Name}} {{.State.Status}}', stranger);
        await host.docker('rm', '--force', stranger);
        expect(seen).toBe('/subject running\n');
      },
    ),
);

test(
  'a dockerd that is killed in mid-switch leaves a switch that is finished when it is back',
  {
    tag,
  },
  ({ dockerHost }) => killDaemonInSwitch(dockerHost),
);

test(
  'a CRIU that breaks in mid-run: the run says that nothing is restored, and `ordeal recover` restores once it is mended',
  {
    tag,
  },
  ({ dockerHost }) => recoverOnceMended(dockerHost),
);
