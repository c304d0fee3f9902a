/** Prefix codes as deflate has them (RFC 1951, 3.2.2): lengths for given frequencies, and codes for given lengths. */

/**
 * Lengths of the best prefix code without codes longer than `limit`; 0 for symbols that do not occur.
 *
 * Package-merge (Larmore and Hirschberg 1990): on each of `limit` levels every symbol is a coin, and the coins and pairs
 * of the level below are joined two by two, cheapest first. A symbol's length is how many of its coins are among what
 * the cheapest 2n - 2 of the last level are made of.
 */
export function codeLengths(counts: ArrayLike<number>, limit: number): Uint8Array {
  const lengths = new Uint8Array(counts.length);
  const symbols = Array.from(counts, (_, symbol) => symbol).filter((symbol) => counts[symbol] > 0);
  if (symbols.length === 1) lengths[symbols[0]] = 1;
  if (symbols.length < 2) return lengths;
  symbols.sort((a, b) => counts[a] - counts[b]);
  const coins = Float64Array.from(symbols, (symbol) => counts[symbol]);
  const levels: Level[] = [];
  for (let level = 0; level < limit; level++) {
    levels.push(nextLevel(coins, levels.at(-1)?.weights ?? new Float64Array(0)));
  }
  let wanted = 2 * coins.length - 2;
  for (const { isCoin } of levels.reverse()) {
    let bought = 0;
    for (let at = 0; at < wanted; at++) bought += isCoin[at];
    for (let at = 0; at < bought; at++) lengths[symbols[at]]++;
    wanted = 2 * (wanted - bought);
  }
  return lengths;
}

/** Coins and pairs, cheapest first, and 1 for each coin. */
interface Level {
  readonly weights: Float64Array;
  readonly isCoin: Uint8Array;
}

/** Merges the coins with pairs of what is on the level below. */
function nextLevel(coins: Float64Array, below: Float64Array): Level {
  const size = coins.length + (below.length >>> 1);
  const weights = new Float64Array(size);
  const isCoin = new Uint8Array(size);
  let coin = 0;
  let pair = 0;
  for (let at = 0; at < size; at++) {
    const pairWeight = pair + 1 < below.length ? below[pair] + below[pair + 1] : Infinity;
    const takeCoin = coin < coins.length && coins[coin] <= pairWeight;
    weights[at] = takeCoin ? coins[coin] : pairWeight;
    isCoin[at] = Number(takeCoin);
    if (takeCoin) coin++;
    else pair += 2;
  }
  return { weights, isCoin };
}

/**
 * The canonical code for lengths of at most 15 bits, as words with the code's bits reversed, in the order in which a
 * stream has them; null if the lengths are those of no complete code.
 */
export function canonicalCodes(lengths: Uint8Array): Uint16Array | null {
  const perLength = new Uint16Array(16);
  for (const length of lengths) perLength[length]++;
  perLength[0] = 0;
  const next = new Uint32Array(16);
  for (let length = 1; length < 16; length++) next[length] = (next[length - 1] + perLength[length - 1]) << 1;
  if (next[15] + perLength[15] !== 1 << 15) return null;
  const codes = new Uint16Array(lengths.length);
  lengths.forEach((length, symbol) => {
    if (length > 0) codes[symbol] = reverse(next[length]++, length);
  });
  return codes;
}

function reverse(code: number, length: number): number {
  let reversed = 0;
  for (let bit = 0; bit < length; bit++) reversed |= (code >>> bit & 1) << (length - 1 - bit);
  return reversed;
}
