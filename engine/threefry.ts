/**
 * The generator Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a
 * cipher of a 64-bit counter under a 64-bit key, whose every output is random. The kernel of
 * `ops/dropout.ts` is the same as a loop over the rounds.
 */

/** How far each of the eight rounds of a cycle rotates its second word. */
export const THREEFRY_ROTATIONS: readonly number[] = [13, 15, 26, 6, 17, 29, 16, 24];
/** The parity constant that makes an all-zero key harmless. */
export const THREEFRY_PARITY = 0x1bd11bda;

/**
 * Fills `target` with the first words for the counters `first`, `first` + 1, … (below 2^53). The rounds are written out,
 * because a loop over them costs three times as much.
 */
export function threefryWords(target: Uint32Array, key: readonly [number, number], first: number): void {
  const a = key[0] | 0, b = key[1] | 0, c = THREEFRY_PARITY ^ a ^ b;
  let low = first | 0;
  let high = Math.floor(first / 2 ** 32) | 0;
  for (let i = 0; i < target.length; i++) {
    let x = (low + a) | 0;
    let y = (high + b) | 0;

    x = (x + y) | 0, y = ((y << 13) | (y >>> 19)) ^ x;
    x = (x + y) | 0, y = ((y << 15) | (y >>> 17)) ^ x;
    x = (x + y) | 0, y = ((y << 26) | (y >>> 6)) ^ x;
    x = (x + y) | 0, y = ((y << 6) | (y >>> 26)) ^ x;
    x = (x + b) | 0, y = (y + c + 1) | 0;

    x = (x + y) | 0, y = ((y << 17) | (y >>> 15)) ^ x;
    x = (x + y) | 0, y = ((y << 29) | (y >>> 3)) ^ x;
    x = (x + y) | 0, y = ((y << 16) | (y >>> 16)) ^ x;
    x = (x + y) | 0, y = ((y << 24) | (y >>> 8)) ^ x;
    x = (x + c) | 0, y = (y + a + 2) | 0;

    x = (x + y) | 0, y = ((y << 13) | (y >>> 19)) ^ x;
    x = (x + y) | 0, y = ((y << 15) | (y >>> 17)) ^ x;
    x = (x + y) | 0, y = ((y << 26) | (y >>> 6)) ^ x;
    x = (x + y) | 0, y = ((y << 6) | (y >>> 26)) ^ x;
    x = (x + a) | 0, y = (y + b + 3) | 0;

    x = (x + y) | 0, y = ((y << 17) | (y >>> 15)) ^ x;
    x = (x + y) | 0, y = ((y << 29) | (y >>> 3)) ^ x;
    x = (x + y) | 0, y = ((y << 16) | (y >>> 16)) ^ x;
    x = (x + y) | 0, y = ((y << 24) | (y >>> 8)) ^ x;
    x = (x + b) | 0, y = (y + c + 4) | 0;

    x = (x + y) | 0, y = ((y << 13) | (y >>> 19)) ^ x;
    x = (x + y) | 0, y = ((y << 15) | (y >>> 17)) ^ x;
    x = (x + y) | 0, y = ((y << 26) | (y >>> 6)) ^ x;
    x = (x + y) | 0;
    target[i] = x + c;

    low = (low + 1) | 0;
    if (low === 0) high = (high + 1) | 0;
  }
}
