import { int32, optional, string, uint32, XdrWriter } from '../../../../harness/vim/libvirt/rpc/xdr.js';

/** code, domain, message, level, no domain, three empty strings, two integers, no network */
export function errorPayload(code: number, domain: number, message: string): Buffer {
  const out = new XdrWriter();
  int32.encode(out, code);
  int32.encode(out, domain);
  optional(string(1000)).encode(out, message);
  int32.encode(out, 2);
  for (let i = 0; i < 4; i++) uint32.encode(out, 0);
  int32.encode(out, -1);
  int32.encode(out, -1);
  uint32.encode(out, 0);
  return out.bytes;
}
