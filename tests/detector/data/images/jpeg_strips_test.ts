import { assert, assertEquals } from "@std/assert";
import { decodeImage, type Image } from "../../../../detector/data/mod.ts";
import { addAlpha } from "../../../../detector/data/images/jpeg.ts";
import { JpegStrips, stripRows } from "../../../../detector/data/images/jpeg_strips.ts";

function gradient(width: number, height: number): Image {
  const data = new Uint8Array(3 * width * height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    data.set([x * 255 / width, y * 255 / height, (x + y) % 64 + 60], 3 * pixel);
  }
  return { width, height, data };
}

async function written(image: Image, rows: number): Promise<Image> {
  const strips = await JpegStrips.start(image);
  for (let top = 0; top < image.height; top += rows) {
    strips.add(addAlpha(image.data.subarray(3 * top * image.width, 3 * (top + rows) * image.width)));
  }
  return await decodeImage(strips.finish(), { name: "strips" });
}

Deno.test("an image in strips decodes to the same pixels as in one, whatever its size and that of the strips", async () => {
  for (const [width, height] of [[64, 64], [61, 203], [200, 75], [8, 8], [3, 170]]) {
    const image = gradient(width, height);
    const whole = await written(image, 8 * Math.ceil(height / 8));
    assertEquals([whole.width, whole.height], [width, height]);
    const distance = whole.data.reduce((sum, value, at) => sum + Math.abs(value - image.data[at]), 0) /
      whole.data.length;
    assert(distance < 4, `quality: ${distance}`);
    for (const rows of [8, 16, 40]) {
      assertEquals(await written(image, rows), whole, `${width} x ${height} in strips of ${rows}`);
    }
  }
});

Deno.test("a strip is a multiple of eight rows, and no longer than a restart interval can say", () => {
  assertEquals(stripRows(6000, 2_000_000), 328);
  assertEquals(stripRows(100, 1e9), 8 * Math.floor(65_535 / 13));
  assertEquals(stripRows(65_000, 2_000_000), 24);
  assertEquals(stripRows(3_000_000, 2_000_000), 8);
});
