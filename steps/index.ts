/** All steps of Ordeal: name this file in `import` of your own cucumber configuration. */
import './hooks.js';
import './parameter-types.js';
import './given.js';
import './when.js';
import './load.js';
import './then.js';
import './snapshot.js';

export { OrdealWorld, VerdictError } from './world.js';
