import { rm } from 'node:fs/promises';
import { test as base } from '@playwright/test';
import { temporaryFolder } from '../temporary-folder.js';

export * from './contents.js';

export const test = base.extend<{ folder: string }>({
  folder: async ({}, use) => {
    const folder = await temporaryFolder('package');
    await use(folder);
    await rm(folder, { recursive: true, force: true });
  },
});
