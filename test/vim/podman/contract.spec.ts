import { PodmanHost } from '../../hosts/containers/podman-host.js';
import { containerContract } from '../oci/container-contract.js';

containerContract('podman', PodmanHost.start);
