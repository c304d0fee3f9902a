import { assert, assertEquals, assertRejects } from "@std/assert";
import { type BundleContent, openBundle, writeBundle } from "../../../checkpoint/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { MemoryFiles } from "../../helpers/memory_files.ts";
import { smallContent, weights } from "../../helpers/bundle_contents.ts";

const PATH = "small.dino";

async function bytesOf(content: BundleContent): Promise<Uint8Array> {
  const files = new MemoryFiles();
  await writeBundle(PATH, content, { files });
  return files.get(PATH).slice();
}

/** Small, but with a raw and a byte-plane chunk. */
function twoCodecs(): BundleContent {
  const tensors = new Map(smallContent(5).tensors);
  tensors.set("model/planes", weights([96]));
  tensors.set("model/constant", { dtype: "f32", shape: [40], data: new Uint8Array(160) });
  return { tensors, state: { marker: 5 } };
}

/**
 * What a damaged file does: the first error that opening, verifying or reading gives, null if none. Reading may succeed
 * only with the true tensors. No buffer larger than the file is ever asked for.
 */
async function firstError(bytes: Uint8Array, truth: BundleContent): Promise<string | null> {
  const files = new MemoryFiles();
  files.put(PATH, bytes);
  try {
    await using bundle = await openBundle(PATH, { files });
    let readError: DinogradError | null = null;
    try {
      const tensors = await bundle.readAll();
      for (const [name, tensor] of truth.tensors) assertEquals(tensors.get(name), tensor, `a wrong ${name} was read`);
    } catch (error) {
      if (!(error instanceof DinogradError)) throw error;
      readError = error;
    }
    const { problems } = await bundle.verify();
    if (readError) assert(problems.length > 0, "reading failed where verifying found nothing");
    return problems[0] ?? null;
  } catch (error) {
    if (!(error instanceof DinogradError && error.kind === "checkpoint")) throw error;
    return error.message;
  } finally {
    assert(files.largestRead <= Math.max(bytes.length, 64), `a buffer of ${files.largestRead} bytes was asked for`);
  }
}

Deno.test("the bundle that is damaged below is sound and has chunks of both codecs", async () => {
  const content = twoCodecs();
  const files = new MemoryFiles();
  files.put(PATH, await bytesOf(content));
  await using bundle = await openBundle(PATH, { files });
  const codecs = [...bundle.tensors.values()].flatMap(({ chunks }) => chunks.map(({ codec }) => codec));
  assertEquals(new Set(codecs), new Set([0, 1]));
  assertEquals(await firstError(files.get(PATH), content), null);
});

Deno.test("every flipped bit of a bundle is an error that names the file and the place, never a wrong tensor", async () => {
  const content = twoCodecs();
  const bytes = await bytesOf(content);
  for (let at = 0; at < bytes.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      bytes[at] ^= 1 << bit;
      const message = await firstError(bytes, content);
      bytes[at] ^= 1 << bit;
      assert(message !== null, `bit ${bit} of byte ${at} was flipped and nothing noticed`);
      assert(
        /^small\.dino(, (prelude|header|footer|tensor "model\/\w+", chunk \d+ at \d+)\b|, byte 0|:)/.test(`${message}`),
        message,
      );
    }
  }
});

Deno.test("a bundle cut at any length is an error", async () => {
  const content = twoCodecs();
  const bytes = await bytesOf(content);
  for (let length = 0; length < bytes.length; length++) {
    assert(await firstError(bytes.subarray(0, length), content) !== null, `cut at ${length} and nothing noticed`);
  }
});

Deno.test("a bundle with anything appended is an error", async () => {
  const content = twoCodecs();
  const bytes = await bytesOf(content);
  for (const extra of [new Uint8Array(1), new Uint8Array(64), new Uint8Array(5000), bytes]) {
    const longer = new Uint8Array(bytes.length + extra.length);
    longer.set(bytes);
    longer.set(extra, bytes.length);
    assert(await firstError(longer, content) !== null, `${extra.length} bytes appended and nothing noticed`);
  }
});

Deno.test("zeroed, swapped and repeated 64-byte blocks are errors", async () => {
  const content = twoCodecs();
  const bytes = await bytesOf(content);
  for (let at = 0; at + 64 <= bytes.length; at += 64) {
    for (const other of [0, 64, bytes.length - 128]) {
      for (const source of [new Uint8Array(64), bytes.subarray(other, other + 64)]) {
        const damaged = bytes.slice();
        damaged.set(source, at);
        if (damaged.every((byte, index) => byte === bytes[index])) continue;
        assert(await firstError(damaged, content) !== null, `block at ${at} replaced and nothing noticed`);
      }
    }
  }
});

Deno.test("a file that is no bundle, an empty one and a missing one are told apart in one line", async () => {
  const files = new MemoryFiles();
  files.put("text.dino", new TextEncoder().encode("not a bundle, but long enough to be one ".repeat(5)));
  files.put("empty.dino", new Uint8Array(0));
  await assertRejects(
    () => openBundle("text.dino", { files }),
    DinogradError,
    "text.dino, byte 0: expected the magic of a bundle",
  );
  await assertRejects(() => openBundle("empty.dino", { files }), DinogradError, "at least 88 bytes but found 0");
  await assertRejects(
    () => openBundle("none.dino", { files }),
    DinogradError,
    "none.dino: expected to read it but there is no such file or folder",
  );
});
