import { OrdealError } from '../../util/errors.js';

/**
 * The MAC of an address: the same at each start, so that peers who remember it (ARP) reach it at once. Locally
 * administered (IEEE 802). @throws OrdealError as bytesOf does
 */
export function macOf(address: string): string {
  const bytes = bytesOf(address);
  return ['02', '4f', ...bytes.map((b) => b.toString(16).padStart(2, '0'))].join(':');
}

/** @throws OrdealError of kind file-invalid for what is no IPv4 address */
export function bytesOf(address: string): number[] {
  const bytes = address.split('.').map(Number);
  if (bytes.length === 4 && bytes.every((b) => Number.isInteger(b) && b >= 0 && b < 256)) return bytes;
  throw new OrdealError('file-invalid', 'This is no IPv4 address', {
    got: address,
    remedy: 'Correct deployment.networks in the descriptor.',
  });
}
