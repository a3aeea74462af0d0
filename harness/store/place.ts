import { join, resolve } from 'node:path';

/** The repositories and operations of a state folder: one file, which is not there where nothing was ever done. */
export const databaseOf = (stateFolder: string): string => join(resolve(stateFolder), 'ordeal.db');
