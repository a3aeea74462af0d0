import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { writeAtomically } from '../../util/atomic-file.js';
import { errnoOf, OrdealError, reasonOf } from '../../util/errors.js';
import { Runs } from './runs.js';

/**
 * A recipe says of which pages an image is made: a JSON header and runs of pages.
 *
 *     "ORDEALR2" headerLength u32, header, runs (deflated varints), SHA-256 of all before it
 */
const magic = Buffer.from('ORDEALR2');
const maxHeaderBytes = 16 * 2 ** 20;
const maxBodyBytes = 2 ** 30;

export interface RecipeHeader {
  readonly id: string;
  readonly sizeBytes: number;
  readonly pages: number;
  /** SHA-256 over the hashes of all pages in their order. */
  readonly root: string;
  readonly createdAt: string;
  /** What this image added to the store. */
  readonly addedBytes: number;
  readonly packs: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
}

const isText = (it: unknown): it is string => typeof it === 'string';
const isCount = (it: unknown): it is number => Number.isSafeInteger(it) && Number(it) >= 0;

/**
 * Checked by hand, beside its type: a schema library takes as long to load as a quarter of a GiB to decompress, and a
 * restoration waits for it. The compiler asks for a check of each field.
 */
const checks: { readonly [Field in keyof RecipeHeader]: (it: unknown) => it is RecipeHeader[Field] } = {
  id: isText,
  sizeBytes: isCount,
  pages: isCount,
  root: isText,
  createdAt: isText,
  addedBytes: isCount,
  packs: (it): it is string[] => Array.isArray(it) && it.every((name) => isText(name) && /^[0-9a-f]{24}$/.test(name)),
  attributes: (it): it is Record<string, string> =>
    typeof it === 'object' && it !== null && !Array.isArray(it) && Object.values(it).every(isText),
};

/** @throws Error naming the field */
function checkedHeader(header: unknown): RecipeHeader {
  if (typeof header !== 'object' || header === null) throw new Error('its header is no object');
  const wrong = Object.entries(checks).find(([field, isRight]) => !isRight(Reflect.get(header, field)));
  if (wrong !== undefined) throw new Error(`its header has no sound "${wrong[0]}"`);
  return header as RecipeHeader;
}

export interface Recipe extends RecipeHeader {
  readonly runs: Runs;
}

export const recipePath = (folder: string, id: string): string =>
  join(folder, 'recipes', `${encodeURIComponent(id)}.recipe`);

export async function writeRecipe(folder: string, recipe: Recipe): Promise<void> {
  const { runs, ...header } = recipe;
  const json = Buffer.from(JSON.stringify(checkedHeader(header)));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  const content = Buffer.concat([magic, length, json, deflateRawSync(runs.encode(), { level: 1 })]);
  await writeAtomically(
    recipePath(folder, recipe.id),
    Buffer.concat([content, createHash('sha256').update(content).digest()]),
  );
}

/** @throws OrdealError of kinds snapshot-missing, snapshot-corrupt */
export async function readRecipe(folder: string, id: string): Promise<Recipe> {
  const path = recipePath(folder, id);
  const corrupt = (why: string) =>
    new OrdealError('snapshot-corrupt', `The recipe of image "${id}" is damaged`, {
      where: path,
      got: why,
      remedy: 'Delete the image, or take it from a package or a copy of the store.',
    });
  let file: Buffer;
  try {
    file = await readFile(path);
  } catch (e) {
    if (errnoOf(e) !== 'ENOENT') throw e;
    throw new OrdealError('snapshot-missing', `Image "${id}" is not in the store`, { where: folder });
  }
  if (!file.subarray(0, magic.length).equals(magic)) throw corrupt('it does not begin like a recipe');
  const content = file.subarray(0, -32);
  if (file.length < 44 || !createHash('sha256').update(content).digest().equals(file.subarray(-32))) {
    throw corrupt('it has another checksum');
  }
  const headerBytes = file.readUInt32LE(magic.length);
  if (headerBytes > maxHeaderBytes) throw corrupt(`its header claims ${headerBytes} bytes`);
  try {
    const bodyAt = magic.length + 4 + headerBytes;
    const header = checkedHeader(JSON.parse(content.subarray(magic.length + 4, bodyAt).toString('utf8')));
    const body = inflateRawSync(content.subarray(bodyAt), { maxOutputLength: maxBodyBytes });
    return { ...header, runs: Runs.decode(body, header.pages, header.packs.length) };
  } catch (e) {
    throw corrupt(reasonOf(e));
  }
}
