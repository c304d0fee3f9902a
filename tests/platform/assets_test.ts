/** Files of other packages: beside them, or where the program says. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { provideAssets, readAsset } from "../../platform/assets.ts";
import { DinogradError } from "../../platform/errors.ts";

const NAME = "@jsquash/webp/codec/dec/webp_dec.wasm";

Deno.test("an asset is found beside its package, also where that cannot be said of it; or it is what was provided", async () => {
  const beside = await readAsset(NAME, () => import.meta.resolve(NAME));
  assert(WebAssembly.validate(beside));
  const refuse = () => {
    throw new Error("no");
  };
  assertEquals(await readAsset(NAME, refuse), beside);
  const bytes = Uint8Array.of(1, 2, 3);
  for (const source of [bytes, bytes.buffer, "data:;base64,AQID", new URL("data:;base64,AQID")]) {
    provideAssets({ [NAME]: source });
    assertEquals(await readAsset(NAME, refuse), bytes);
  }
  provideAssets({ [NAME]: "file:///no/such/file.wasm" });
  const error = await assertRejects(() => readAsset(NAME, refuse), DinogradError);
  assertEquals(error.kind, "usage");
  assert(
    /^@jsquash\/webp.*: expected to read it but .*; provideAssets says where it is$/.test(error.message),
    error.message,
  );
});
