/** Damaged checkpoints of all three formats; of a bundle mostly with its checksums fixed, or nothing behind them is met. */
import { openBundle, openPth, openSafetensors, type PthTensor, toStateValue } from "../../../checkpoint/mod.ts";
import { mendChecksums } from "../../helpers/forge.ts";
import { MemoryFiles } from "../../helpers/memory_files.ts";
import { damageBytes, filesIn, pick } from "../damage.ts";
import type { FuzzInput, FuzzTarget } from "../target.ts";

/** Readers may ask for a small fixed part of a file that is even smaller. */
const SMALLEST_READ = 64;

type Reader = (name: string, files: MemoryFiles) => Promise<void>;

/** A target that damages the fixtures of one format. */
function damagedFiles(name: string, extension: string, options: { read: Reader; isMended: boolean }): FuzzTarget {
  const pattern = new RegExp(`\\.${extension}$`);
  let sound: FuzzInput[] | undefined;
  return {
    name,
    kinds: ["checkpoint"],
    shares: { refused: 0.5, read: 0.01 },
    make(random) {
      sound ??= [...filesIn("checkpoint/fixtures", pattern), ...filesIn(`fuzz/corpus/${name}`, pattern)];
      const { name: file, bytes } = pick(sound, random);
      const damaged = damageBytes(bytes, random);
      return { name: file, bytes: options.isMended && random.int(4) > 0 ? mendChecksums(damaged) : damaged };
    },
    async read({ name: file, bytes }) {
      const files = new MemoryFiles();
      files.put(file, bytes);
      try {
        await options.read(file, files);
      } finally {
        if (files.largestRead > Math.max(SMALLEST_READ, bytes.length)) {
          // deno-lint-ignore no-unsafe-finally -- worse than whatever else the reader may have said
          throw new Error(`expected no buffer larger than ${bytes.length} bytes but found ${files.largestRead}`);
        }
      }
    },
  };
}

export const bundleTarget = damagedFiles("bundle", "dino", {
  isMended: true,
  async read(name, files) {
    await using bundle = await openBundle(name, { files });
    await bundle.verify();
    await bundle.readAll();
  },
});

export const pthTarget = damagedFiles("pth", "pth", {
  isMended: false,
  async read(name, files) {
    await using file = await openPth(name, { files });
    const tensors: PthTensor[] = [];
    toStateValue(file.root, {
      tensor: (tensor) => {
        tensors.push(tensor);
        return null;
      },
    });
    for (const tensor of tensors) await file.read(tensor);
  },
});

export const safetensorsTarget = damagedFiles("safetensors", "safetensors", {
  isMended: false,
  async read(name, files) {
    await using file = await openSafetensors(name, { files });
    for (const tensor of file.tensors.keys()) await file.read(tensor);
  },
});
