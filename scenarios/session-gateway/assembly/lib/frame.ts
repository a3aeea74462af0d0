import { crc32, Reader, Writer } from './bytes';
import * as host from './ordeal';

/**
 * What goes over a virtual link: checksum (u32), kind (u8), call (u32), payload. The link is a network: a frame whose
 * checksum is wrong is dropped and counted, and whoever waits for it asks again.
 */
const headerLength = 9;

const outgoing = new Writer(16 * 1024);

/** @param call ties an answer to its question; 0 where no answer is expected */
export function beginFrame(kind: i32, call: u32 = 0): Writer {
  return outgoing
    .clear()
    .u32(0)
    .u8(<u8>kind)
    .u32(call);
}

/** Sends what was written since `beginFrame`; can be called again for another receiver. */
export function sendFrame(cp: i32, to: i32): void {
  store<u32>(outgoing.at, crc32(outgoing.at + 4, outgoing.length - 4));
  host.send(cp, to, outgoing.at, outgoing.length);
}

export class Frame {
  kind: i32 = 0;
  call: u32 = 0;
  payload: Reader = new Reader();
}

const incoming = new Frame();
export let corruptFrames: u32 = 0;

/** @returns null when the frame is damaged; otherwise one that lasts until the next is opened */
export function openFrame(pointer: usize, length: i32): Frame | null {
  if (length < headerLength || load<u32>(pointer) != crc32(pointer + 4, length - 4)) {
    corruptFrames++;
    return null;
  }
  incoming.kind = <i32>load<u8>(pointer + 4);
  incoming.call = load<u32>(pointer + 5);
  incoming.payload = new Reader(pointer + headerLength, pointer + length);
  return incoming;
}
