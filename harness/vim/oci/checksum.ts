const ETHERNET = 14;
const VLAN_TAG = 4;
const types = { vlan: 0x8100, ipv4: 0x0800, ipv6: 0x86dd } as const;
/** Where the checksum is, by protocol number: TCP and UDP. */
const offsets: Readonly<Record<number, number>> = { 6: 16, 17: 6 };

interface Segment {
  /** Where TCP or UDP begins and ends, and its checksum. */
  readonly start: number;
  readonly end: number;
  readonly at: number;
  readonly pseudo: number;
}

/**
 * The kernel leaves the checksum of what stays on one machine to a network card: the field holds the sum of the pseudo
 * header only, which the receiver would refuse once the frame has been through a process. Changes the frame in place.
 * Source: Linux, Documentation/networking/checksum-offloads.rst.
 */
export function completeChecksum(frame: Buffer): void {
  const segment = segmentOf(frame);
  if (segment === undefined) return;
  const { start, end, at, pseudo } = segment;
  if (frame.readUInt16BE(at) !== pseudo) return;
  const sum = ~folded(sumOf(frame, start, end)) & 0xffff;
  frame.writeUInt16BE(sum === 0 ? 0xffff : sum, at);
}

function segmentOf(frame: Buffer): Segment | undefined {
  if (frame.length < ETHERNET + 20) return undefined;
  let ip = ETHERNET;
  let type = frame.readUInt16BE(12);
  if (type === types.vlan) {
    type = frame.readUInt16BE(16);
    ip += VLAN_TAG;
  }
  if (type === types.ipv4) {
    const head = ((frame[ip] ?? 0) & 0xf) * 4;
    const isFragment = (frame.readUInt16BE(ip + 6) & 0x3fff) !== 0;
    const end = ip + frame.readUInt16BE(ip + 2);
    return isFragment ? undefined : segment(frame, frame[ip + 9] ?? 0, ip + head, end, [ip + 12, ip + 20]);
  }
  if (type === types.ipv6 && frame.length >= ip + 40) {
    const end = ip + 40 + frame.readUInt16BE(ip + 4);
    return segment(frame, frame[ip + 6] ?? 0, ip + 40, end, [ip + 8, ip + 40]);
  }
  return undefined;
}

function segment(
  frame: Buffer,
  protocol: number,
  start: number,
  end: number,
  [from, to]: readonly [number, number],
): Segment | undefined {
  const offset = offsets[protocol];
  if (offset === undefined || end > frame.length || start + offset + 2 > end) return undefined;
  const pseudo = folded(sumOf(frame, from, to) + protocol + (end - start));
  return { start, end, at: start + offset, pseudo };
}

function sumOf(frame: Buffer, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i + 1 < to; i += 2) sum += frame.readUInt16BE(i);
  if ((to - from) % 2 === 1) sum += (frame[to - 1] ?? 0) << 8;
  return sum;
}

function folded(sum: number): number {
  let left = sum;
  while (left > 0xffff) left = (left & 0xffff) + Math.floor(left / 0x10000);
  return left;
}
