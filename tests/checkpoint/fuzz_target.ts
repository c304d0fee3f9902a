/** What the fuzzer does to a file and what it demands of the readers: a result or an error of ours, within bounds. */
import { openBundle, openPth, openSafetensors, type PthTensor, toStateValue } from "../../checkpoint/mod.ts";
import { DinogradError } from "../../engine/errors.ts";
import type { RandomStream } from "../../engine/random.ts";
import { mendChecksums } from "./forge.ts";
import { MemoryFiles } from "./memory_files.ts";

/** Readers may ask for a small fixed part of a file that is even smaller. */
const SMALLEST_READ = 64;
const SLOWEST = 5000;

/**
 * Reads everything in a file of the kind that its name says. Returns "read" or "refused".
 * @throws Error if a reader threw anything else, asked for a buffer larger than the file, or took too long
 */
export async function exercise(name: string, bytes: Uint8Array): Promise<"read" | "refused"> {
  const files = new MemoryFiles();
  files.put(name, bytes);
  const start = performance.now();
  let outcome: "read" | "refused" = "read";
  try {
    if (name.endsWith(".dino")) await exerciseBundle(name, files);
    else if (name.endsWith(".pth")) await exercisePth(name, files);
    else await exerciseSafetensors(name, files);
  } catch (error) {
    if (!(error instanceof DinogradError && error.kind === "checkpoint")) throw error;
    if (error.message.includes("\n")) throw new Error(`expected one line but found: ${error.message}`);
    outcome = "refused";
  }
  if (files.largestRead > Math.max(SMALLEST_READ, bytes.length)) {
    throw new Error(`expected no buffer larger than the file but found ${files.largestRead} for ${bytes.length} bytes`);
  }
  const took = performance.now() - start;
  if (took > SLOWEST) throw new Error(`expected an end within ${SLOWEST} ms but found ${took}`);
  return outcome;
}

async function exerciseBundle(name: string, files: MemoryFiles): Promise<void> {
  await using bundle = await openBundle(name, { files });
  await bundle.verify();
  await bundle.readAll();
}

async function exercisePth(name: string, files: MemoryFiles): Promise<void> {
  await using file = await openPth(name, { files });
  const tensors: PthTensor[] = [];
  toStateValue(file.root, {
    tensor: (tensor) => {
      tensors.push(tensor);
      return null;
    },
  });
  for (const tensor of tensors) await file.read(tensor);
}

async function exerciseSafetensors(name: string, files: MemoryFiles): Promise<void> {
  await using file = await openSafetensors(name, { files });
  for (const tensor of file.tensors.keys()) await file.read(tensor);
}

/** Values that lengths, counts and offsets go wrong at. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x91, 0xc6, 0xdd, 0xdf, 0xdb];

/** A damaged copy: a few bytes set, blocks moved, doubled, cut or zeroed; of a bundle mostly with its checksums mended. */
export function mutate(name: string, bytes: Uint8Array, random: RandomStream): Uint8Array {
  let mutated = bytes.slice();
  for (let change = 1 + random.int(4); change > 0 && mutated.length > 0; change--) {
    // Half of the changes go to the beginning, where headers and pickles are.
    const at = random.int(random.int(2) ? Math.min(mutated.length, 600) : mutated.length);
    const length = 1 + random.int(Math.min(16, mutated.length - at));
    switch (random.int(8)) {
      case 0:
        mutated[at] ^= 1 << random.int(8);
        break;
      case 1:
        mutated[at] = random.int(256);
        break;
      case 2:
        mutated[at] = EDGES[random.int(EDGES.length)];
        break;
      case 3:
        mutated.fill(random.int(2) ? 0 : 255, at, at + length);
        break;
      case 4:
        mutated.copyWithin(at, random.int(mutated.length), random.int(mutated.length));
        break;
      case 5:
        mutated = Uint8Array.of(...mutated.subarray(0, at), ...mutated.subarray(at + length));
        break;
      case 6:
        mutated = Uint8Array.of(...mutated.subarray(0, at + length), ...mutated.subarray(at));
        break;
      case 7:
        if (random.int(4) === 0) mutated = mutated.slice(0, at);
        break;
    }
  }
  return name.endsWith(".dino") && random.int(4) > 0 ? mendChecksums(mutated) : mutated;
}
