import { RuncHost } from '../../hosts/containers/runc-host.js';
import { containerContract } from '../oci/container-contract.js';

containerContract('runc', RuncHost.start);
