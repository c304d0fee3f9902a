/** What a page gives as an image: files by the project's own decoders, everything else by way of a canvas. */
import { assertEquals, assertRejects } from "@std/assert";
import { DinogradError } from "../../../../engine/errors.ts";
import { decodeImage } from "../../../../detector/data/images/image_codec.ts";
import { imageFrom } from "../../../../detector/data/images/page_image.ts";

const FIXTURES = new URL("./fixtures/", import.meta.url);

Deno.test("a chosen file has the pixels that it has everywhere, and one that is damaged is refused by its name", async () => {
  const bytes = await Deno.readFile(new URL("lossy.webp", FIXTURES));
  assertEquals(await imageFrom(new File([bytes], "a.webp")), await decodeImage(bytes, { name: "a.webp" }));
  const refused = await assertRejects(() => imageFrom(new File(["no image"], "b.png")), DinogradError, "image b.png:");
  assertEquals(refused.kind, "data");
});
