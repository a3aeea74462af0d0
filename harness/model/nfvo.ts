import { z } from 'zod';
import { grantedOperation } from './snapshot-descriptor.js';

/** Who grants and who relays (Nfvo.001, clause 6.4.2), and who is told of snapshots (VeVnfmvnf-Vsn), as a descriptor says it. */

const environmentVariable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable')
  .describe('The variable that holds the value of the Authorization header.');

/** What the embedded NFVO grants: the first rule that fits decides, else `otherwise`. */
export const grantPolicy = z.strictObject({
  rules: z
    .array(
      z.strictObject({
        operations: z.array(grantedOperation).optional().describe('Absent: all.'),
        vnfs: z.array(z.string()).optional().describe('Absent: all.'),
        decision: z.enum(['grant', 'deny']),
        reason: z.string().default('the policy says so'),
      }),
    )
    .default([]),
  otherwise: z.enum(['grant', 'deny']).default('grant'),
});
export type GrantPolicy = z.output<typeof grantPolicy>;

export const nfvo = z
  .strictObject({
    resourceManagement: z
      .enum(['direct', 'indirect'])
      .default('direct')
      .describe('indirect: requests to a VIM pass through the NFVO (6.4.2, 6.4.4).'),
    grants: z
      .strictObject({
        url: z
          .url({ protocol: /^https?$/ })
          .describe('The grants resource of ETSI GS NFV-SOL 003, such as https://nfvo.example/grant/v1/grants.'),
        authorizationEnv: environmentVariable.optional(),
        deadlineMs: z.number().int().positive().default(30_000).describe('No answer by then is no grant.'),
      })
      .optional()
      .describe('An NFVO that is asked over HTTP.'),
    policy: grantPolicy.optional().describe('The embedded NFVO: rules.'),
  })
  .refine((it) => it.grants === undefined || it.policy === undefined, 'must have grants or policy, not both');

export const snapshotSubscriber = z
  .strictObject({
    webhook: z
      .strictObject({ url: z.url({ protocol: /^https?$/ }), authorizationEnv: environmentVariable.optional() })
      .optional()
      .describe('Is sent a POST of JSON; every 2xx is the answer.'),
    command: z
      .array(z.string())
      .min(1)
      .optional()
      .describe(
        'Gets event and VNF as its last arguments, the notice on its standard input; exit code 0 is the answer.',
      ),
    events: z
      .array(z.enum(['creation-start', 'creation-end', 'reversion-start', 'reversion-end']))
      .optional()
      .describe('Absent: all.'),
  })
  .refine((it) => (it.webhook === undefined) !== (it.command === undefined), 'must have either a webhook or a command');
