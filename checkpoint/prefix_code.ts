/** Prefix codes as deflate has them (RFC 1951, 3.2.2): lengths for given frequencies, and codes for given lengths. */

/** Lengths of the best prefix code without codes longer than `limit`; 0 for symbols that do not occur. */
export function codeLengths(counts: ArrayLike<number>, limit: number): Uint8Array {
  const lengths = new Uint8Array(counts.length);
  const coins: Package[] = [];
  for (let symbol = 0; symbol < counts.length; symbol++) {
    if (counts[symbol] > 0) coins.push({ weight: counts[symbol], symbols: [symbol] });
  }
  if (coins.length === 1) lengths[coins[0].symbols[0]] = 1;
  if (coins.length < 2) return lengths;
  coins.sort((a, b) => a.weight - b.weight);
  // Package-merge (Larmore and Hirschberg 1990): a symbol's length is how many of the cheapest 2n - 2 packages hold it.
  let packages = coins;
  for (let level = 1; level < limit; level++) {
    const pairs: Package[] = [];
    for (let at = 0; at + 1 < packages.length; at += 2) {
      const [first, second] = [packages[at], packages[at + 1]];
      pairs.push({ weight: first.weight + second.weight, symbols: [...first.symbols, ...second.symbols] });
    }
    packages = [...coins, ...pairs].sort((a, b) => a.weight - b.weight);
  }
  for (const { symbols } of packages.slice(0, 2 * coins.length - 2)) {
    for (const symbol of symbols) lengths[symbol]++;
  }
  return lengths;
}

/** Symbols that are bought together, and what they cost. */
interface Package {
  readonly weight: number;
  readonly symbols: readonly number[];
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
