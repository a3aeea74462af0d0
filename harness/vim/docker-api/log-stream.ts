const HEADER = 8;

/** Docker's frames of stdout and stderr: one byte says which, four at 4 how long it is. Source: Docker API, attach. */
export function textOfLog(frames: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at + HEADER <= frames.length; ) {
    const length = frames.readUInt32BE(at + 4);
    parts.push(frames.subarray(at + HEADER, at + HEADER + length));
    at += HEADER + length;
  }
  return Buffer.concat(parts);
}
