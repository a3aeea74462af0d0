import { DockerHost } from '../../hosts/containers/docker-host.js';
import { containerContract } from '../oci/container-contract.js';

containerContract('docker', DockerHost.start);
