/**
 * Deflating and inflating the exponents of a chunk of weights (`checkpoint/codec/deflate.ts`), against zlib told that
 * there is nothing but frequencies to use.
 *
 * Run: `deno run -A bench/deflate.ts`.
 */
import * as zlib from "node:zlib";
import { deflateLiterals, HEADER_BYTES, inflateLiterals } from "../checkpoint/codec/deflate.ts";
import { PlaneMemory } from "../checkpoint/codec/plane_memory.ts";
import { RandomStream } from "../engine/random.ts";
import { show } from "./report.ts";

const COUNT = 512 * 1024;
const ROUNDS = 8;
const RUNS = Deno.args.includes("--quick") ? 4 : 20;

/** Milliseconds of the quickest of some rounds, after as many that warm up. */
function quickest(run: () => void): number {
  let best = Infinity;
  for (let round = 0; round < 2 * ROUNDS; round++) {
    const start = performance.now();
    for (let index = 0; index < RUNS; index++) run();
    if (round >= ROUNDS) best = Math.min(best, (performance.now() - start) / RUNS);
  }
  return best;
}

/** Measures and tells. */
export function run(): void {
  const weights = RandomStream.named(1, "bench").normals(new Float32Array(COUNT)).map((value) => 0.02 * value);
  const bytes = new Uint8Array(weights.buffer);
  const exponents = Uint8Array.from({ length: COUNT }, (_, index) => bytes[4 * index + 3]);
  const memory = PlaneMemory.own();
  const [from, stream, back] = memory.reserve(COUNT, COUNT + HEADER_BYTES, COUNT);
  memory.bytes.set(exponents, from);

  let length = 0;
  const options = { level: 1, strategy: zlib.constants.Z_HUFFMAN_ONLY };
  const theirs = zlib.deflateRawSync(exponents, options);
  const times = {
    deflate: quickest(() => length = deflateLiterals(memory, { from, count: COUNT, to: stream }) ?? NaN),
    inflate: quickest(() => inflateLiterals(memory, { from: stream, length, to: back, count: COUNT })),
    zlibDeflate: quickest(() => zlib.deflateRawSync(exponents, options)),
    zlibInflate: quickest(() => zlib.inflateRawSync(theirs, { maxOutputLength: COUNT + 1 })),
  };
  const speed = (milliseconds: number) => (COUNT / 1000 / milliseconds).toFixed(0);
  const row = (name: string, own: number, zlibs: number) => [name, speed(own), speed(zlibs), (zlibs / own).toFixed(2)];
  show(["", "ours, MB/s", "zlib, MB/s", "times"], [
    row("deflate", times.deflate, times.zlibDeflate),
    row("inflate", times.inflate, times.zlibInflate),
    ["stored", (length / COUNT).toFixed(4), (theirs.length / COUNT).toFixed(4), (theirs.length / length).toFixed(4)],
  ]);
}

if (import.meta.main) run();
