import { expect, test } from '../../hosts/containers/fixture.js';
import {
  fillUnderCapture,
  killDaemonInSwitch,
  revertWithBrokenCriu,
  switchWithoutImage,
  switchWithTakenName,
} from '../oci/mishaps.js';

test.describe.configure({ timeout: 120_000 });
const tag = '@vim:podman';

test(
  'a snapshot that meets a full disk says so, leaves nothing of itself, and the container goes on',
  {
    tag,
  },
  ({ podmanHost }) => fillUnderCapture(podmanHost),
);

test(
  'a CRIU that breaks after a snapshot loses nothing: the memory waits, and comes back once it is mended',
  {
    tag,
  },
  ({ podmanHost }) => revertWithBrokenCriu(podmanHost),
);

test(
  'a new container is made from the image of the failed one, though that image has lost its name',
  {
    tag,
  },
  ({ podmanHost: host }) => switchWithoutImage(host, () => host.podman('untag', 'ordeal/vnfc:test')),
);

test(
  'a name that somebody else has taken hinders no switch, and who has taken it is left alone',
  {
    tag,
  },
  ({ podmanHost: host }) =>
    switchWithTakenName(
      host,
      async () => {
        await host.podman('rename', 'subject', 'subject-before');
        const command = ['ordeal/vnfc:test', '/bin/perl', '/bin/vnfc'];
        return (await host.podman('run', '--detach', '--network', 'none', '--name', 'subject', ...command)).trim();
      },
      async (stranger) => {
        const seen = await host.podman('inspect', '-f', '{{.Name}} {{.State.Status}}', stranger);
        await host.podman('rm', '--force', '--time', '0', stranger);
        expect(seen).toBe('subject running\n');
      },
    ),
);

test(
  'a service of Podman that is killed in mid-switch leaves a switch that is finished when it is back',
  {
    tag,
  },
  ({ podmanHost }) => killDaemonInSwitch(podmanHost),
);
