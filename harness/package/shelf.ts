import type { ChunkStore, OpenedImage } from '../store/chunks/chunk-store.js';
import { OrdealError } from '../util/errors.js';
import { ArchiveReader } from './archive-reader.js';
import type { PackageSource } from './package-source.js';

/** Smaller entries are not worth images of their own. */
const smallest = 64 * 1024;
const prefix = 'package/';
const imageId = (packageId: string, part: number): string => `${prefix}${packageId}/${String(part).padStart(6, '0')}`;

/**
 * The packages of the repository, byte for byte, in the chunk store. A package is cut where a VIM's images begin and end
 * in it, so that their pages are found again: two packages of one VNF hold what differs between them, and no more.
 */
export class Shelf {
  constructor(readonly chunks: () => Promise<ChunkStore>) {}

  /** How the repository's records name the place. */
  static locationOf(packageId: string): string {
    return `chunk-store:${prefix}${packageId}`;
  }

  /** Durable when it returns. Prerequisite: nothing of that id is there. @param file a sound ZIP @returns bytes added to the store */
  async put(packageId: string, file: string): Promise<number> {
    const chunks = await this.chunks();
    const cuts = await cutsOf(file);
    let added = 0;
    for (let n = 0; n + 1 < cuts.length; n++) {
      const range = { from: cuts[n] ?? 0, to: cuts[n + 1] ?? 0 };
      added += (await chunks.put(imageId(packageId, n), { file, range })).addedBytes;
    }
    return added;
  }

  /** @throws OrdealError of kind snapshot-missing */
  async open(packageId: string): Promise<PackageSource> {
    const chunks = await this.chunks();
    const parts: { image: OpenedImage; at: number }[] = [];
    const close = () => {
      for (const { image } of parts.splice(0)) image[Symbol.dispose]();
    };
    let bytes = 0;
    try {
      for (const id of await chunks.ids(imagesOf(packageId))) {
        const image = await chunks.open(id);
        parts.push({ image, at: bytes });
        bytes += image.sizeBytes;
      }
    } catch (e) {
      close();
      throw e;
    }
    if (parts.length === 0) {
      throw new OrdealError('snapshot-missing', `The content of package "${packageId}" is not in the chunk store`, {
        where: chunks.folder,
        remedy: 'Delete the package, and create or import it again.',
      });
    }
    async function* read(from: number, to: number): AsyncGenerator<Buffer> {
      for (const { image, at } of parts) {
        const first = Math.max(from - at, 0);
        const end = Math.min(to - at, image.sizeBytes);
        if (first < end) yield* image.read(first, end);
      }
    }
    return { name: Shelf.locationOf(packageId), bytes, read, [Symbol.asyncDispose]: async () => close() };
  }

  /** Idempotent. What the package used alone becomes garbage. */
  async remove(packageId: string): Promise<void> {
    const chunks = await this.chunks();
    for (const id of await chunks.ids(imagesOf(packageId))) {
      try {
        await chunks.delete(id);
      } catch (e) {
        // Another process was quicker.
        if (!(e instanceof OrdealError) || e.kind !== 'snapshot-missing') throw e;
      }
    }
  }

  /** The packages of which anything is there. */
  async packageIds(): Promise<string[]> {
    const chunks = await this.chunks();
    const ids = (await chunks.ids(prefix)).map((id) => id.slice(prefix.length, id.lastIndexOf('/')));
    return [...new Set(ids)];
  }

  /** @returns the bytes that were freed, or about so many; undefined: the store is in use, and the next one will do it */
  async collectGarbage(): Promise<number | undefined> {
    const chunks = await this.chunks();
    try {
      return (await chunks.collectGarbage()).freesBytes;
    } catch (e) {
      if (e instanceof OrdealError && e.kind === 'busy') return undefined;
      throw e;
    }
  }
}

const imagesOf = (packageId: string): string => `${prefix}${packageId}/`;

/** The beginning, where each entry that is stored as it is begins and ends, and the end. */
async function cutsOf(file: string): Promise<number[]> {
  await using archive = await ArchiveReader.open(file);
  const stored = [...archive.entries.values()].filter((e) => !e.deflated && e.compressedBytes >= smallest);
  const cuts = stored.flatMap((e) => [e.dataStart, e.dataStart + e.compressedBytes]);
  return [...new Set([0, ...cuts, archive.bytes])].sort((a, b) => a - b);
}
