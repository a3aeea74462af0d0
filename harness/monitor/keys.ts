/** The keys that requests draw from, in an order that looks random, repeats for a seed, and leaves no key out. */
export interface Keys {
  /** How many there are; 1 when requests have no key. */
  readonly count: number;
  /** The key of request n; every key comes once in `count` requests. */
  at(n: number): string;
}

export interface KeyRange {
  readonly prefix: string;
  readonly from: number;
  readonly to: number;
}

export const noKeys: Keys = { count: 1, at: () => '' };

/**
 * A Feistel network over the next power of four, walked until it lands inside the range: a permutation that needs no
 * table, so that a million sessions cost nothing.
 */
export function permutedKeys({ prefix, from, to }: KeyRange, seed: number): Keys {
  const count = Math.max(1, to - from + 1);
  const halfBits = Math.max(1, Math.ceil(Math.log2(count) / 2));
  const mask = 2 ** halfBits - 1;
  const permute = (n: number): number => {
    let left = Math.floor(n / 2 ** halfBits);
    let right = n & mask;
    for (let round = 0; round < 4; round++) [left, right] = [right, left ^ (mixed(right, 4 * seed + round) & mask)];
    return left * 2 ** halfBits + right;
  };
  return {
    count,
    at(n) {
      let place = permute(n % count);
      while (place >= count) place = permute(place);
      return `${prefix}${from + place}`;
    },
  };
}

/** The finaliser of MurmurHash3: every bit of the input reaches every bit of the result. */
function mixed(value: number, seed: number): number {
  let h = Math.imul(value ^ Math.imul(seed, 0x9e3779b1), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 16), 0xc2b2ae35);
  h ^= h >>> 13;
  h = Math.imul(h, 0x27d4eb2f);
  return (h ^ (h >>> 15)) >>> 0;
}

export const keysOf = (range: KeyRange | undefined, seed: number): Keys =>
  range === undefined ? noKeys : permutedKeys(range, seed);
