/** Damage that knows nothing of what it damages: bytes set, blocks moved, doubled, cut or zeroed. */
import type { RandomStream } from "../../engine/random.ts";
import { joinBytes } from "../helpers/bytes.ts";
import type { FuzzInput } from "./target.ts";

/** Values that lengths, counts and offsets go wrong at. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x91, 0xc6, 0xdd, 0xdf, 0xdb];

/** A copy with one to four damages, half of them among the first 600 bytes, where headers are. */
export function damageBytes(bytes: Uint8Array, random: RandomStream): Uint8Array {
  let damaged = bytes.slice();
  for (let change = 1 + random.int(4); change > 0 && damaged.length > 0; change--) {
    const at = random.int(random.int(2) ? Math.min(damaged.length, 600) : damaged.length);
    const length = 1 + random.int(Math.min(16, damaged.length - at));
    switch (random.int(8)) {
      case 0:
        damaged[at] ^= 1 << random.int(8);
        break;
      case 1:
        damaged[at] = random.int(256);
        break;
      case 2:
        damaged[at] = EDGES[random.int(EDGES.length)];
        break;
      case 3:
        damaged.fill(random.int(2) ? 0 : 255, at, at + length);
        break;
      case 4:
        damaged.copyWithin(at, random.int(damaged.length), random.int(damaged.length));
        break;
      case 5:
        damaged = joinBytes(damaged.subarray(0, at), damaged.subarray(at + length));
        break;
      case 6:
        damaged = joinBytes(damaged.subarray(0, at + length), damaged.subarray(at));
        break;
      case 7:
        if (random.int(4) === 0) damaged = damaged.slice(0, at);
        break;
    }
  }
  return damaged;
}

/** One of a list. */
export function pick<T>(items: readonly T[], random: RandomStream): T {
  return items[random.int(items.length)];
}

/** The files of a folder of `tests/` whose names end so, in the order of their names; none where there is no folder. */
export function filesIn(folder: string, pattern: RegExp): FuzzInput[] {
  const path = new URL(`../${folder}/`, import.meta.url);
  let entries: Deno.DirEntry[];
  try {
    entries = [...Deno.readDirSync(path)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return entries.filter(({ name, isFile }) => isFile && pattern.test(name))
    .sort((a, b) => a.name < b.name ? -1 : 1)
    .map(({ name }) => ({ name, bytes: Deno.readFileSync(new URL(name, path)) }));
}
