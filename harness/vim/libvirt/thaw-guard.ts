import { sleep } from '../../util/deadline.js';
import { LibvirtClient, procedures, uuidBytes } from './rpc/index.js';

/** Thaws the file systems of one guest after a while, whatever became of who froze them: URI UUID MILLISECONDS */
const ATTEMPTS = 20;
const [, , uri = '', uuid = '', afterMs = '0'] = process.argv;

await sleep(Number(afterMs));
for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
  const client = new LibvirtClient(uri);
  try {
    const { dom } = await client.call(procedures.domainLookupByUuid, { uuid: uuidBytes(uuid) });
    await client.call(procedures.domainFsThaw, { dom, mountpoints: [], flags: 0 });
    break;
  } catch {
    // The daemon restarts, or the agent is slow: again, until it is done.
    await sleep(1000);
  } finally {
    await client.close();
  }
}
