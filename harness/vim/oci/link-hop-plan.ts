import { z } from 'zod';
import { injection } from '../../model/fault.js';

/** What the hop is told when it starts: its only argument is the file that holds this. */
export const hopPlan = z.object({
  injection,
  /** Where its control socket is. */
  control: z.string(),
  /** Where it hears of frames: a UDP port in a network namespace of its own. */
  port: z.number(),
  /** Where they go back to. */
  back: z.object({ address: z.string(), port: z.number() }),
  /** One for each container whose frames pass: the network identifier of its VXLAN device. */
  vnis: z.array(z.number()),
});
export type HopPlan = z.output<typeof hopPlan>;

/** One word a line, over the control socket; each line is answered with one line of JSON. */
export const hopRequest = z.enum(['measure', 'count', 'end']);
export type HopRequest = z.output<typeof hopRequest>;

export const hopAnswer = z.object({
  isOn: z.boolean().default(false),
  /** Frames of containers that have passed since it was started. */
  frames: z.number().default(0),
  error: z.string().optional(),
  reading: z
    .object({
      effective: z.boolean(),
      measured: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
      how: z.string(),
    })
    .optional(),
});
export type HopAnswer = z.output<typeof hopAnswer>;
