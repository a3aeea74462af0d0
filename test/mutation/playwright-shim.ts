/**
 * Playwright's `test` for specs that need neither workers nor fixtures: they run in this process, one after the other,
 * and the first failure ends it. Hundreds of mutants are killed in the time that a few starts of Playwright take.
 */
export { expect } from '@playwright/test';

class Skipped extends Error {}

type Body = (fixtures: object, info: object) => unknown;
interface Case {
  readonly title: string;
  readonly body: Body;
}

const cases: Case[] = [];
const hooks: Record<'beforeAll' | 'afterAll' | 'beforeEach' | 'afterEach', Body[]> = {
  ...{ beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] },
};
const bodyOf = (parts: readonly unknown[]): Body => parts.at(-1) as Body;

export const test = Object.assign(
  (title: string, ...parts: unknown[]) => void cases.push({ title, body: bodyOf(parts) }),
  {
    describe: Object.assign((...parts: unknown[]) => void (parts.at(-1) as () => void)(), { configure: () => {} }),
    beforeAll: (...parts: unknown[]) => void hooks.beforeAll.push(bodyOf(parts)),
    afterAll: (...parts: unknown[]) => void hooks.afterAll.push(bodyOf(parts)),
    beforeEach: (...parts: unknown[]) => void hooks.beforeEach.push(bodyOf(parts)),
    afterEach: (...parts: unknown[]) => void hooks.afterEach.push(bodyOf(parts)),
    setTimeout: () => {},
    skip: (isSkipped: boolean, why: string) => {
      if (isSkipped) throw new Skipped(why);
    },
  },
);

/** @throws what the first test that fails throws; what it opened is closed first @returns how many passed */
export async function runAll(): Promise<number> {
  const call = async (bodies: readonly Body[]) => {
    for (const body of bodies) await body({}, {});
  };
  await call(hooks.beforeAll);
  try {
    for (const { title, body } of cases) {
      try {
        await call([...hooks.beforeEach, body]);
      } catch (e) {
        if (!(e instanceof Skipped)) throw new Error(`"${title}" failed`, { cause: e });
      } finally {
        await call(hooks.afterEach);
      }
    }
  } finally {
    await call(hooks.afterAll);
  }
  return cases.length;
}
