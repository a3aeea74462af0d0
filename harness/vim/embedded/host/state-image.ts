import { z } from 'zod';
import { OrdealError } from '../../../util/errors.js';
import type { ReactorState } from './thread-protocol.js';

/** `state.json` of a snapshot: all that a VNFC is besides its memory and its disks. */
const stateImage = z.object({
  format: z.literal('ordeal.embedded-state/1'),
  /** The module as its vendor delivered it. */
  moduleSha256: z.string(),
  /** Handles of requests below it were given out before the snapshot. */
  handleWatermark: z.number().int(),
  /** False for what is left of a VNFC that crashed in an event: to be looked at, not to be run. */
  eventBoundary: z.boolean(),
  /** Absent from a cold snapshot. */
  reactor: z
    .object({
      globals: z.array(z.object({ type: z.enum(['number', 'bigint']), value: z.string() })),
      timers: z.array(z.object({ id: z.number(), leftMs: z.number() })),
      inbox: z.array(z.tuple([z.number(), z.number(), z.base64()])),
      monotonicMs: z.number(),
      startPending: z.boolean(),
    })
    .optional(),
});

export interface StateImage {
  readonly moduleSha256: string;
  readonly handleWatermark: number;
  readonly eventBoundary: boolean;
  readonly reactor?: ReactorState;
}

export function encodeState({ reactor, ...rest }: StateImage): Uint8Array {
  const image: z.input<typeof stateImage> = {
    format: 'ordeal.embedded-state/1',
    ...rest,
    ...(reactor === undefined
      ? {}
      : {
          reactor: {
            ...reactor,
            globals: [...reactor.globals],
            timers: [...reactor.timers],
            inbox: reactor.inbox.map(([cp, from, data]) => [cp, from, Buffer.from(data).toString('base64')]),
          },
        }),
  };
  return Buffer.from(JSON.stringify(image, null, 1));
}

/** @throws OrdealError of kind snapshot-corrupt */
export function decodeState(text: string, where: string): StateImage {
  try {
    const { reactor, format: _, ...rest } = stateImage.parse(JSON.parse(text));
    if (reactor === undefined) return rest;
    const inbox = reactor.inbox.map(
      ([cp, from, data]) => [cp, from, new Uint8Array(Buffer.from(data, 'base64'))] as const,
    );
    return { ...rest, reactor: { ...reactor, inbox } };
  } catch (e) {
    throw new OrdealError('snapshot-corrupt', 'The state in a snapshot is damaged', { where, cause: e });
  }
}
