import { readFile } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import { jsonSchemaFile, jsonSchemaText } from '../../scenarios/json-schema.js';

test('the JSON Schema for editors is the one that the code checks by', async () => {
  const shipped: unknown = JSON.parse(await readFile(jsonSchemaFile, 'utf8'));
  expect(shipped, 'run `npm run schema`').toEqual(JSON.parse(jsonSchemaText()));
});
