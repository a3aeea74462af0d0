import type { ResolveHook } from 'node:module';

const shim = new URL('./playwright-shim.js', import.meta.url).href;

/** A module hook: what specs import from Playwright comes from the shim, which itself has the real one. */
export const resolve: ResolveHook = (specifier, context, next) =>
  specifier === '@playwright/test' && context.parentURL !== shim
    ? { url: shim, shortCircuit: true }
    : next(specifier, context);
