import { register } from 'node:module';

/** `node --import list-modules.js …` writes the modules that are loaded to the file ORDEAL_TEST_MODULES, a line each. */
register('./list-hook.js', import.meta.url);
