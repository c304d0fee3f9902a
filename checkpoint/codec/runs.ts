/**
 * Deflate (RFC 1951) for bytes of long runs, such as moments and weights that are mostly zero: literals, and matches of
 * distance 1, which repeat the byte before. Any inflate reads it. Where bytes repeat in other ways too, fflate finds that,
 * and a sample says so beforehand.
 */
import { deflateAny } from "./any_deflate.ts";
import { BitWriter } from "./bit_stream.ts";
import { END, expectComplete, HEADER_BYTES, writeHeader } from "./deflate.ts";
import { LEAST_RUN, LONGEST_RUN, PAIR_BITS_AT, RUN_TOKEN, TABLE_BITS } from "./plane_kernels.ts";
import { HISTOGRAMS, PAIR_CODES, type PlaneMemory } from "./plane_memory.ts";
import { canonicalCodes, codeLengths } from "./prefix_code.ts";

const TOKENS = RUN_TOKEN + LONGEST_RUN - LEAST_RUN + 1;
/** Symbols of deflate: literals, the end, and 29 for lengths. */
const SYMBOLS = 286;
/** The symbol of the longest match, which has no extra bits. */
const LONGEST_SYMBOL = 285;
/** Windows of a plane that are tried both ways, and their bytes: a 64th of a plane of half a megabyte. */
const WINDOWS = 4;
const WINDOW_BYTES = 2048;
const SAMPLE_BYTES = WINDOWS * WINDOW_BYTES;
/** How much smaller fflate must be on the sample to be taken: it takes many times as long. */
const WORTH_SEARCHING = 0.98;

/** What each token becomes: a symbol, and bits that follow its code (those of a match with its distance). */
const SYMBOL_OF = Array.from({ length: TOKENS }, (_, token) => symbolOf(token));

interface TokenSymbol {
  readonly symbol: number;
  readonly extra: number;
  readonly extraBits: number;
}

function symbolOf(token: number): TokenSymbol {
  if (token < RUN_TOKEN) return { symbol: token, extra: 0, extraBits: 0 };
  const beyond = token - RUN_TOKEN;
  if (beyond + LEAST_RUN === LONGEST_RUN) return { symbol: LONGEST_SYMBOL, extra: 0, extraBits: 0 };
  if (beyond < 8) return { symbol: END + 1 + beyond, extra: 0, extraBits: 0 };
  const extraBits = 29 - Math.clz32(beyond);
  const symbol = END + 1 + 4 * (extraBits + 1) + (beyond >>> extraBits & 3);
  return { symbol, extra: beyond & (1 << extraBits) - 1, extraBits };
}

/** Sizes of the rooms that `deflateRuns` needs for a plane of `count` bytes: for tokens, and for a sample and its stream. */
export const runRooms = (count: number): number[] => [2 * count, SAMPLE_BYTES, SAMPLE_BYTES + HEADER_BYTES];

interface RunsPlace {
  readonly from: number;
  readonly count: number;
  /** Room for `count + HEADER_BYTES`. */
  readonly to: number;
  /** Rooms as `runRooms` asks for. */
  readonly rooms: readonly number[];
}

/**
 * Deflates `count` bytes at `from` to `to`, in one block. Null if that does not take fewer than `count` bytes, or if a
 * sample says that fflate would make them clearly fewer. Valid until the next call.
 */
export function deflateRuns(memory: PlaneMemory, { from, count, to, rooms }: RunsPlace): Uint8Array | null {
  const [tokens, sample, sampleStream] = rooms;
  const { bytes } = memory;
  const isWhole = count <= SAMPLE_BYTES;
  if (!isWhole) {
    for (let window = 0; window < WINDOWS; window++) {
      const start = from + Math.floor(window * (count - WINDOW_BYTES) / (WINDOWS - 1));
      bytes.copyWithin(sample + window * WINDOW_BYTES, start, start + WINDOW_BYTES);
    }
    const ours = writeBlock(memory, { from: sample, count: SAMPLE_BYTES, to: sampleStream, tokens });
    const theirs = deflateAny(bytes.subarray(sample, sample + SAMPLE_BYTES)).length;
    if (ours === null || theirs < WORTH_SEARCHING * ours) return null;
  }
  const length = writeBlock(memory, { from, count, to, tokens });
  if (length === null) return null;
  // A small plane takes fflate no time.
  if (isWhole && deflateAny(bytes.subarray(from, from + count)).length < length) return null;
  return bytes.subarray(to, to + length);
}

/** Returns how many bytes were written; null where they would be no fewer. */
function writeBlock(
  memory: PlaneMemory,
  { from, count, to, tokens }: { from: number; count: number; to: number; tokens: number },
): number | null {
  const histogram = memory.words(HISTOGRAMS, TOKENS).fill(0);
  const end = memory.kernels.findRuns(from, count, tokens, HISTOGRAMS);
  const counts = new Uint32Array(SYMBOLS);
  histogram.forEach((times, token) => counts[SYMBOL_OF[token].symbol] += times);
  counts[END] = 1;
  const all = codeLengths(counts, TABLE_BITS);
  const codes = expectComplete(canonicalCodes(all));
  const last = all.findLastIndex((length) => length > 0);
  const lengths = all.subarray(0, Math.max(last, END) + 1);
  const table = memory.words(PAIR_CODES, TOKENS);
  let bits = lengths[END];
  histogram.forEach((times, token) => {
    if (times === 0) return;
    const { symbol, extra, extraBits } = SYMBOL_OF[token];
    // The code of distance 1 is a zero.
    const length = lengths[symbol] + extraBits + (token < RUN_TOKEN ? 0 : 1);
    table[token] = codes[symbol] | extra << lengths[symbol] | length << PAIR_BITS_AT;
    bits += times * length;
  });
  const writer = new BitWriter(memory.bytes, to);
  writeHeader(writer, lengths, last > END ? 1 : 0);
  if (Math.ceil((writer.written + bits) / 8) >= count) return null;
  const packed = (end - tokens) & -4;
  writer.appended(memory.kernels.packLiterals(tokens, packed, PAIR_CODES, writer.position, writer.held, writer.bits));
  if (tokens + packed < end) {
    const entry = table[memory.bytes[end - 2] | memory.bytes[end - 1] << 8];
    writer.write(entry & (1 << PAIR_BITS_AT) - 1, entry >>> PAIR_BITS_AT);
  }
  writer.write(codes[END], lengths[END]);
  return writer.finish();
}
