import { After, Before, setDefaultTimeout, setDefinitionFunctionWrapper } from '@cucumber/cucumber';
import { thrown } from './settings.js';
import type { OrdealWorld } from './world.js';

// Every wait of the harness has its own deadline; cucumber's would cut a restoration in half.
setDefaultTimeout(-1);

setDefinitionFunctionWrapper(
  (step: (...args: unknown[]) => unknown) =>
    async function (this: OrdealWorld, ...args: unknown[]) {
      try {
        return await step.apply(this, args);
      } catch (e) {
        thrown.push(e);
        throw e;
      }
    },
);

Before(function (this: OrdealWorld, scenario) {
  this.begin(scenario);
});

After(function (this: OrdealWorld) {
  return this.end();
});
