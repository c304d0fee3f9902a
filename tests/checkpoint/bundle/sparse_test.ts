import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import { type FileLayer, nodeFiles, openBundle, type StoredTensor, writeBundle } from "../../../checkpoint/mod.ts";
import { inFolder } from "../../helpers/in_folder.ts";

const MIB = 1 << 20;

/** The real disk, but for writes of zeros, which leave a hole: the file is as long as any, and takes no space. */
function sparseFiles(): FileLayer {
  const zeros = Buffer.alloc(8 * MIB); // comparing memory is much faster than looking at every byte
  const isZero = (bytes: Uint8Array) => zeros.subarray(0, bytes.length).equals(bytes);
  return {
    ...nodeFiles,
    async open(path, mode) {
      const handle = await nodeFiles.open(path, mode);
      return {
        size: () => handle.size(),
        read: (buffer, position) => handle.read(buffer, position),
        write: (buffer, position) => isZero(buffer) ? Promise.resolve(buffer.length) : handle.write(buffer, position),
        sync: () => handle.sync(),
        close: () => handle.close(),
      };
    },
  };
}

Deno.test("a bundle larger than 4 GiB is written and read with bounded memory", () =>
  inFolder(async (folder) => {
    const path = `${folder}/huge.dino`;
    const shared: StoredTensor = { dtype: "u8", shape: [64 * MIB], data: new Uint8Array(64 * MIB) };
    const tensors = new Map(Array.from({ length: 66 }, (_, index) => [`model/${index}`, shared]));
    const last: StoredTensor = { dtype: "f32", shape: [3], data: new Uint8Array(Float32Array.of(1, 2, 3).buffer) };
    tensors.set("model/last", last);
    const before = Deno.memoryUsage().rss;
    let peak = before;
    const timer = setInterval(() => peak = Math.max(peak, Deno.memoryUsage().rss), 20);
    try {
      const summary = await writeBundle(path, { tensors, state: null }, { files: sparseFiles(), compress: false });
      assert(summary.fileBytes > 2 ** 32, `the file has ${summary.fileBytes} bytes`);
      await using bundle = await openBundle(path);
      assertEquals(await bundle.read("model/last"), last);
      assert((bundle.tensors.get("model/last")?.chunks[0].offset ?? 0) > 2 ** 32);
      assertEquals((await bundle.read("model/65")).data.length, 64 * MIB);
    } finally {
      clearInterval(timer);
    }
    const extra = (peak - before) / MIB;
    assert(extra < 256, `${extra} MiB more than before`);
  }));
