import { assert, assertEquals, assertRejects } from "@std/assert";
import { equalBytes } from "../../../checkpoint/bundle/format.ts";
import { type FileLayer, openBundle, type StoredTensor, writeBundle } from "../../../checkpoint/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { MemoryFiles } from "../../helpers/memory_files.ts";
import { randomTensor, weights } from "../../helpers/bundle_contents.ts";

const PATH = "folder/a.dino";

/** A layer over files whose reads take a turn of the event loop, with the reads that are under way and were made. */
function slowly(files: FileLayer): { files: FileLayer; reads: { underWay: number; most: number; made: number } } {
  const reads = { underWay: 0, most: 0, made: 0 };
  const layer: FileLayer = {
    rename: (from, to) => files.rename(from, to),
    remove: (path) => files.remove(path),
    syncFolder: (path) => files.syncFolder(path),
    list: (path) => files.list(path),
    async open(path, mode) {
      const handle = await files.open(path, mode);
      return {
        size: () => handle.size(),
        write: (buffer, position) => handle.write(buffer, position),
        sync: () => handle.sync(),
        close: () => handle.close(),
        async read(buffer, position) {
          reads.made++;
          reads.most = Math.max(reads.most, ++reads.underWay);
          // The further back in the file, the sooner: what comes first must not matter.
          await new Promise((resolve) => setTimeout(resolve, position < 3_000_000 ? 12 : 2));
          reads.underWay--;
          return await handle.read(buffer, position);
        },
      };
    },
  };
  return { files: layer, reads };
}

async function bundleOf(tensors: Map<string, StoredTensor>, compress: boolean): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  await writeBundle(PATH, { tensors, state: null }, { files, compress });
  return files;
}

/** Compares bytes fast: the assertion library takes seconds for a megabyte. */
function assertSame(found: ReadonlyMap<string, StoredTensor>, expected: ReadonlyMap<string, StoredTensor>): void {
  assertEquals([...found.keys()], [...expected.keys()]);
  for (const [name, { data }] of expected) assert(equalBytes(found.get(name)?.data ?? NOTHING, data), name);
}

const NOTHING = new Uint8Array(0);
const large = () =>
  new Map(["a", "b", "c", "d", "e", "f"].map((name) => [name, randomTensor("u8", [2_000_000], name)]));

Deno.test("several large chunks are read at a time, and each arrives in its own place", async () => {
  const tensors = large();
  const { files, reads } = slowly(await bundleOf(tensors, false));
  await using bundle = await openBundle(PATH, { files });
  assertSame(await bundle.readAll(), tensors);
  assert(reads.most > 1, `${reads.most} at a time`);
});

Deno.test("small tensors are read together, whatever their codec and however they are stored", async () => {
  const tensors = new Map<string, StoredTensor>();
  for (let index = 0; index < 600; index++) {
    tensors.set(`${index}`, index % 2 ? weights([300], `${index}`) : randomTensor("u8", [index], `${index}`));
  }
  for (const compress of [true, false]) {
    const { files, reads } = slowly(await bundleOf(tensors, compress));
    await using bundle = await openBundle(PATH, { files });
    reads.made = 0;
    assertSame(await bundle.readAll(), tensors);
    assert(reads.made <= 2, `${reads.made} reads`);
    // A choice with gaps, and in another order than the file's.
    const names = ["598", "3", "4", "5", "301"];
    const memory = new Map(names.map((name) => [name, new Uint8Array(tensors.get(name)?.data.length ?? NaN)]));
    await bundle.readAllInto(memory);
    for (const name of names) assertEquals(memory.get(name), tensors.get(name)?.data);
  }
});

Deno.test("of several damaged chunks the first in the file is told, once nothing is being read any more", async () => {
  const files = await bundleOf(large(), false);
  const offsets: number[] = [];
  {
    await using bundle = await openBundle(PATH, { files });
    for (const { chunks } of bundle.tensors.values()) offsets.push(chunks[0].offset);
  }
  const bytes = files.get(PATH).slice();
  for (const offset of offsets.slice(1)) bytes[offset + 5] ^= 1;
  const damaged = new MemoryFiles();
  damaged.put(PATH, bytes);
  const { files: slow, reads } = slowly(damaged);
  await using bundle = await openBundle(PATH, { files: slow });
  const error = await assertRejects(() => bundle.readAll(), DinogradError);
  assert(error.message.startsWith(`${PATH}, tensor "b", chunk 0 at ${offsets[1]}: expected CRC`), error.message);
  assertEquals(reads.underWay, 0);
});
