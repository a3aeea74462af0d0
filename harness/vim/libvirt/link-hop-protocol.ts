import { z } from 'zod';
import { injection } from '../../model/fault.js';

/** What the hop is told when it starts: the only argument is the file that holds this. */
export const hopPlan = z.object({
  injection,
  /** Where its control socket is. */
  control: z.string(),
  nics: z.array(
    z.object({
      /** The MAC as a number: the address on the link. */
      address: z.number(),
      /** Unix sockets: frames on their way to the guest come out of QEMU, and go back in. */
      out: z.string(),
      in: z.string(),
    }),
  ),
  /** The addresses on the link, those of NICs without a hop included. */
  addresses: z.array(z.number()),
  /** Of a partition: frames with this source alone are held up. */
  from: z.number().optional(),
});
export type HopPlan = z.output<typeof hopPlan>;

/** One JSON value a line, over the control socket; each line is answered with one. */
export const hopRequest = z.enum(['measure', 'end']);
export type HopRequest = z.output<typeof hopRequest>;

/** 52:54:00:77:00:0b as a number: it has 48 bits, which a double holds exactly. */
export const addressOf = (mac: string): number => Number.parseInt(mac.replaceAll(':', ''), 16);
