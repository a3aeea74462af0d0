import { setTimeout as delay } from 'node:timers/promises';
import { errnoOf, OrdealError } from '../../../util/errors.js';

/** An external connection point: a real socket on loopback, which belongs to the resource, not to its container. */
export interface ExternalPoint {
  readonly address: string;
  readonly isOpen: boolean;
  open(): Promise<void>;
  /** Connections are reset, and new ones refused. Idempotent. */
  close(): void;
  /** What the VNFC sent to a handle; dropped when nobody waits for it any more. */
  answer(handle: number, data: Uint8Array): void;
  /** Turns away what came in since the handle: the VNFC that knew of it has been reverted. */
  turnAwaySince(handle: number): void;
}

/** Takes a message in; false when it is lost. */
export type TakeIn = (handle: number, data: Uint8Array) => boolean;

/** Handles are never used twice, so that an answer from before a revert cannot reach a request from after it. */
export class Handles {
  #next = 1;
  next(): number {
    const handle = this.#next;
    this.#next = handle === 0x7fff_ffff ? 1 : handle + 1;
    return handle;
  }
  /** The one that will be given out next. */
  get watermark(): number {
    return this.#next;
  }
}

export function portError(e: unknown, name: string, port: number): Error {
  if (errnoOf(e) !== 'EADDRINUSE') {
    return new OrdealError('vim-failed', `Connection point "${name}" cannot listen on port ${port}`, { cause: e });
  }
  return new OrdealError('port-in-use', `Port ${port} of connection point "${name}" is in use`, {
    remedy: 'Stop what listens there, or choose another port in the descriptor (0 lets the VIM choose).',
  });
}

/** After a crash the port is ours again, unless somebody took it in between: try for a while. */
export async function reopen(
  point: ExternalPoint,
  stillWanted: () => boolean,
  failed: (e: unknown) => void,
): Promise<void> {
  for (let attempt = 0; stillWanted() && !point.isOpen; attempt++) {
    try {
      await point.open();
      if (!stillWanted()) point.close();
      return;
    } catch (e) {
      if (attempt % 50 === 0) failed(e);
      await delay(100);
    }
  }
}
