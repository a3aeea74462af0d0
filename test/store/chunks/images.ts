import { seededRandom } from '../../../harness/util/random.js';

const words =
  'session subscriber imsi-001010000000001 active teid 0x timeout null true false bearer qos internet {"id": ,"ue": }'.split(
    ' ',
  );

/**
 * An image as memory is: pages of zeros (30 %), of small integers, pointers and text (50 %), and of what does not
 * compress (20 %).
 */
export function memoryImage(bytes: number, seed: number): Buffer {
  const image = Buffer.alloc(bytes);
  const random = fastRandom(seed);
  for (let at = 0; at < bytes; at += 4096) fillPage(image.subarray(at, at + 4096), random);
  return image;
}

/** Overwrites this share of the pages, each a random one, in part or whole. */
export function dirty(image: Buffer, share: number, seed: number): void {
  const random = fastRandom(seed);
  const pages = Math.floor(image.length / 4096);
  for (let n = 0; n < pages * share; n++) {
    const at = (random() % pages) * 4096;
    const page = image.subarray(at, at + 4096);
    if (random() % 4 === 0) fillPage(page, random);
    else for (let k = 0; k < 16; k++) page.writeUInt32LE(random(), (random() % 1024) * 4);
  }
}

function fillPage(page: Buffer, random: () => number): void {
  const kind = random() % 100;
  page.fill(0);
  if (kind < 30) return;
  if (kind >= 80) {
    for (let at = 0; at + 4 <= page.length; at += 4) page.writeUInt32LE(random(), at);
    return;
  }
  for (let at = 0; at + 48 <= page.length; ) {
    if (random() % 3 === 0) {
      page.writeUInt32LE(0x10000 + (random() % 2 ** 20) * 16, at);
      page.writeUInt32LE(random() % 64, at + 4);
      at += 8;
    } else at = (at + page.write(words[random() % words.length] ?? '', at) + 8) & ~7;
  }
}

/** Integers below 2^32, quicker than the seeded generator that they begin with. */
function fastRandom(seed: number): () => number {
  let x = Math.floor(seededRandom(seed)() * 2 ** 32) | 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}
