import type { CheckedFault } from '../fault/catalogue.js';
import { type NetworkService, vnfcsOf } from '../model/network-service.js';
import { OrdealError } from '../util/errors.js';

/**
 * The VNFCs that a fault may take out of service: its VNFC; every VNFC on a link that is cut; the end of a way that is
 * cut whose messages are lost. A link that is only slow, narrow or lossy takes nobody out.
 */
export function struckBy({ target, kind, params }: CheckedFault, service: NetworkService): readonly string[] {
  if ('vnfc' in target) return [target.vnfc];
  const losesAll = (kind === 'loss' || kind === 'corruption') && 'ratio' in params && params.ratio === 1;
  if (kind !== 'link-cut' && kind !== 'partition' && !losesAll) return [];
  const end = target.from ?? target.to;
  if (end !== undefined) return [end];
  return vnfcsOf(service)
    .filter((v) => v.connectionPoints.some((cp) => cp.link === target.link))
    .map((v) => v.id);
}

/**
 * Capped by default: one VNFC of a redundancy group, and half of a VNF (at least one VNFC), over the whole test. The
 * descriptor may raise both; a test that strikes every VNFC of the service needs the explicit word all the same.
 * @throws OrdealError of kind blast-radius
 */
export function checkBlastRadius(
  service: NetworkService,
  faults: readonly CheckedFault[],
  allowed: boolean,
  where: string,
): void {
  if (allowed) return;
  const { blastRadius, vnfs } = service;
  const struck = new Set(faults.flatMap((f) => struckBy(f, service)));
  const exceeded = (what: string, limit: string, remedy: string) =>
    new OrdealError('blast-radius', `${what} would be struck`, { where, expected: limit, remedy });
  const say = 'say "that the test may go beyond the blast radius".';
  const raise = `Strike fewer VNFCs, raise blastRadius in the descriptor, or ${say}`;
  for (const vnf of vnfs) {
    const count = vnf.vnfcs.filter((c) => struck.has(c.id)).length;
    const most = Math.max(1, Math.floor(vnf.vnfcs.length * blastRadius.shareOfVnf));
    if (count > most) throw exceeded(`${count} of ${vnf.vnfcs.length} VNFCs of "${vnf.id}"`, `at most ${most}`, raise);
  }
  const all = vnfcsOf(service);
  for (const group of new Set(all.flatMap((v) => v.redundancyGroup ?? []))) {
    const count = all.filter((v) => v.redundancyGroup === group && struck.has(v.id)).length;
    const most = blastRadius.vnfcsPerRedundancyGroup;
    if (count > most) throw exceeded(`${count} VNFCs of the redundancy group "${group}"`, `at most ${most}`, raise);
  }
  if (all.length > 1 && struck.size === all.length) {
    throw exceeded(`All ${all.length} VNFCs of the service`, 'one that is left', `Strike fewer VNFCs, or ${say}`);
  }
}
