import { expect, test } from '@playwright/test';

/** By the names that a user writes: package.json says where they lead. */
test('a program of its own finds the library under the name of the package', async () => {
  const ordeal: object = await import('ordeal');
  expect(Object.keys(ordeal)).toEqual(
    expect.arrayContaining(['ServiceSession', 'runOnlineTest', 'recover', 'judge', 'verifyPackage', 'OrdealError']),
  );
});

test('a Playwright test finds its fixtures, and a cucumber configuration the steps', async () => {
  expect(Object.keys(await import('ordeal/playwright'))).toEqual(expect.arrayContaining(['test', 'expect']));
  expect(import.meta.resolve('ordeal/steps')).toMatch(/dist\/steps\/index\.js$/);
});
