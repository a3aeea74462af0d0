import { Reader, View, Writer } from './bytes';

/** What the VNFCs of the session gateway say to each other; the README describes it for other implementers. */
export const enum Kind {
  Ping = 1,
  Pong = 2,
  Request = 3,
  Response = 4,
  Announcement = 5,
  Record = 6,
  Recorded = 7,
  SyncBegin = 8,
  SyncChunk = 9,
  SyncEnd = 10,
}

export const enum Op {
  Get = 1,
  Put = 2,
  Hit = 3,
  Delete = 4,
}

export const enum Role {
  Joining = 0,
  Standby = 1,
  Primary = 2,
}

export function roleName(role: Role): string {
  return role == Role.Primary ? 'primary' : role == Role.Standby ? 'standby' : 'joining';
}

export const longestId: i32 = 40;
export const longestState: i32 = 128;

/** A question about one session, as it travels from the load balancer to the worker to the store. */
export class Request {
  constructor(
    readonly op: Op,
    readonly id: View,
    readonly body: View,
  ) {}

  static read(from: Reader): Request {
    const op = <Op>from.u8();
    const id = from.sized();
    return new Request(op, id, from.sized());
  }

  write(to: Writer): void {
    to.u8(<u8>this.op)
      .sized(this.id)
      .sized(this.body);
  }
}

/** Where a store stands, told to everybody on the link every `announceMs`. */
export class Announcement {
  role: Role = Role.Joining;
  /** It may be asked for sessions: a primary, or a standby in step with it. */
  ready: bool = false;
  /** A primary: its standby has all that it has. */
  replicated: bool = false;
  /** A standby: it has missed something, and needs all sessions anew. */
  behind: bool = false;
  /** Counts the primaries that this pair of stores has had. */
  epoch: u32 = 0;
  /** The number of its latest record. */
  sequence: u64 = 0;
  sessions: u32 = 0;
  reads: u32 = 0;
  writes: u32 = 0;
  syncsSent: u32 = 0;
  syncsReceived: u32 = 0;
  diskErrors: u32 = 0;

  write(to: Writer): void {
    const flags = (this.ready ? 1 : 0) | (this.replicated ? 2 : 0) | (this.behind ? 4 : 0);
    to.u8(<u8>this.role)
      .u8(<u8>flags)
      .u32(this.epoch)
      .u64(this.sequence)
      .u32(this.sessions);
    to.u32(this.reads).u32(this.writes).u32(this.syncsSent).u32(this.syncsReceived).u32(this.diskErrors);
  }

  read(from: Reader): void {
    this.role = <Role>from.u8();
    const flags = from.u8();
    this.ready = (flags & 1) != 0;
    this.replicated = (flags & 2) != 0;
    this.behind = (flags & 4) != 0;
    this.epoch = from.u32();
    this.sequence = from.u64();
    this.sessions = from.u32();
    this.reads = from.u32();
    this.writes = from.u32();
    this.syncsSent = from.u32();
    this.syncsReceived = from.u32();
    this.diskErrors = from.u32();
  }
}

export function writeResponse(to: Writer, status: i32, body: View | null): void {
  to.u16(<u16>status);
  if (body !== null) to.view(body);
}
