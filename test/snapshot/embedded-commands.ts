import fc from 'fast-check';
import type { VnfId } from './embedded-world.js';
import type { Trouble } from './life.js';

const trouble: fc.Arbitrary<Trouble | undefined> = fc.option(
  fc.record({
    how: fc.constantFrom(
      ...(['fails', 'fails', 'fails', 'fails', 'dies', 'dies', 'is killed', 'is killed', 'loses its host'] as const),
    ),
    at: fc.nat(30),
  }),
  { nil: undefined, freq: 3 },
);
const which = fc.nat(9);
const command = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('work' as const), vnfc: fc.nat(2), value: fc.nat({ max: 999_999_999 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('create' as const),
      vnfs: fc.subarray<VnfId>(['web', 'db'], { minLength: 1 }),
      type: fc.constantFrom('cold' as const, 'warm' as const),
      trouble,
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('revert' as const), which, stops: fc.boolean(), trouble }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('delete' as const), which, consolidate: fc.boolean(), trouble }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('rename' as const), which, name: fc.string({ minLength: 1 }), trouble }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('package' as const), which, trouble }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('export' as const), which, trouble }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('import' as const), which, trouble }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('extract' as const), which, trouble }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unpackage' as const), which, trouble }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
);
export type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;
export const commands = fc.array(command, { minLength: 5, maxLength: 25 });
