import { z } from 'zod';

/** Who is informed when an online test has ended, and how (clauses 4.1.1.5, 4.2.1.5). */

export const webhookTarget = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe('Is sent a POST of JSON; every 2xx is its answer.'),
  secretEnv: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable')
    .optional()
    .describe('The variable that holds the secret to sign with, as https://www.standardwebhooks.com has it.'),
});

export const commandTarget = z
  .array(z.string())
  .min(1)
  .describe('Is given the notice as JSON on its standard input; exit code 0 is its answer.');

const oneWay = (it: { webhook?: unknown; command?: unknown }): boolean =>
  (it.webhook === undefined) !== (it.command === undefined);

export const informee = z
  .strictObject({
    who: z.enum(['service-provider', 'vnf-provider']),
    vnfs: z.array(z.string()).optional().describe('Only of tests whose area holds one of these; absent: of all.'),
    when: z.enum(['always', 'not-as-before']).default('always'),
    webhook: webhookTarget.optional(),
    command: commandTarget.optional(),
    deadlineMs: z.number().int().positive().max(600_000).default(15_000).describe('For all attempts together.'),
  })
  .refine(oneWay, 'must have either a webhook or a command');
export type Informee = z.output<typeof informee>;

/** What became of informing one of them. */
export const informed = z.object({
  who: informee.shape.who,
  /** The URL without its query, or the command's name. */
  by: z.string(),
  outcome: z.enum(['told', 'not-told']),
  attempts: z.number().int(),
  reason: z.string().optional(),
});
export type Informed = z.output<typeof informed>;
