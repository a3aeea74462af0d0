import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { z } from 'zod';
import { writeAtomically } from '../../util/atomic-file.js';
import { errnoOf, OrdealError, reasonOf } from '../../util/errors.js';
import type { Run } from './layout.js';

/**
 * A recipe says of which pages an image is made: a JSON header and runs of pages.
 *
 *     "ORDEALR1" headerLength u32, header, runs (deflated varints), SHA-256 of all before it
 */
const magic = Buffer.from('ORDEALR1');
const maxHeaderBytes = 16 * 2 ** 20;
const maxBodyBytes = 2 ** 30;

const recipeHeader = z.object({
  id: z.string(),
  sizeBytes: z.number().int().nonnegative(),
  pages: z.number().int().nonnegative(),
  /** SHA-256 over the hashes of all pages in their order. */
  root: z.string(),
  createdAt: z.string(),
  /** What this image added to the store. */
  addedBytes: z.number().int().nonnegative(),
  packs: z.array(z.string().regex(/^[0-9a-f]{24}$/)),
  attributes: z.record(z.string(), z.string()),
});
export type RecipeHeader = z.output<typeof recipeHeader>;
export interface Recipe extends RecipeHeader {
  readonly runs: readonly Run[];
}

export const recipePath = (folder: string, id: string): string =>
  join(folder, 'recipes', `${encodeURIComponent(id)}.recipe`);

export async function writeRecipe(folder: string, recipe: Recipe): Promise<void> {
  const { runs, ...header } = recipe;
  const json = Buffer.from(JSON.stringify(recipeHeader.parse(header)));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  const content = Buffer.concat([magic, length, json, deflateRawSync(encodeRuns(runs), { level: 6 })]);
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
    const header = recipeHeader.parse(JSON.parse(content.subarray(magic.length + 4, bodyAt).toString('utf8')));
    const body = inflateRawSync(content.subarray(bodyAt), { maxOutputLength: maxBodyBytes });
    return { ...header, runs: decodeRuns(body, header) };
  } catch (e) {
    throw corrupt(reasonOf(e));
  }
}

/** pack + 1, then how far the start is from where the pack's last run ended (zigzag), then the count. */
function encodeRuns(runs: readonly Run[]): Buffer {
  const bytes: number[] = [];
  const push = (value: number) => {
    let rest = value;
    while (rest >= 128) {
      bytes.push((rest % 128) + 128);
      rest = Math.floor(rest / 128);
    }
    bytes.push(rest);
  };
  const ends = new Map<number, number>();
  for (const { pack, start, count } of runs) {
    push(pack + 1);
    if (pack >= 0) {
      const jump = start - (ends.get(pack) ?? 0);
      push(jump >= 0 ? jump * 2 : -jump * 2 - 1);
      ends.set(pack, start + count);
    }
    push(count);
  }
  return Buffer.from(bytes);
}

function decodeRuns(body: Buffer, { pages, packs }: RecipeHeader): Run[] {
  const runs: Run[] = [];
  const ends = new Map<number, number>();
  let at = 0;
  const pull = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = body[at++];
      if (byte === undefined || scale > 2 ** 42) throw new Error('its runs are cut off');
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  };
  let total = 0;
  while (at < body.length) {
    const pack = pull() - 1;
    let start = 0;
    if (pack >= 0) {
      const jump = pull();
      start = (ends.get(pack) ?? 0) + (jump % 2 === 0 ? jump / 2 : -(jump + 1) / 2);
    }
    const count = pull();
    if (pack >= packs.length || start < 0 || count === 0) throw new Error('its runs make no sense');
    if (pack >= 0) ends.set(pack, start + count);
    runs.push({ pack, start, count });
    total += count;
  }
  if (total !== pages) throw new Error(`its runs have ${total} pages of ${pages}`);
  return runs;
}

/** Collects runs page by page. */
export class RunBuilder {
  readonly runs: { pack: number; start: number; count: number }[] = [];

  add(pack: number, page: number): void {
    const last = this.runs.at(-1);
    if (last !== undefined && last.pack === pack && (pack < 0 || last.start + last.count === page)) last.count++;
    else this.runs.push({ pack, start: pack < 0 ? 0 : page, count: 1 });
  }
}
