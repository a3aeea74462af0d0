import type { Hypervisor } from './hypervisor.js';
import { ErrorCode, procedures } from './rpc/index.js';

/** Idempotent; it is gone with its domain. @param name as libvirt knows it: the snapshot's id */
export async function deleteInternal(hypervisor: Hypervisor, compute: string, name: string): Promise<void> {
  const dom = await hypervisor.findDomain(compute);
  if (dom === undefined) return;
  const what = `snapshot ${name} of "${dom.name}" cannot be deleted`;
  const codes = [ErrorCode.noDomainSnapshot, ErrorCode.noDomain];
  const found = await hypervisor.callUnless(
    codes,
    procedures.domainSnapshotLookupByName,
    { dom, name, flags: 0 },
    what,
  );
  if (found !== undefined) await hypervisor.call(procedures.domainSnapshotDelete, { snap: found.snap, flags: 0 }, what);
}
