import { assert, assertEquals } from "@std/assert";
import { decodeImage, type Image } from "../../../detector/data/mod.ts";
import { blankImage } from "../../../detector/data/images/image.ts";
import { annotateImage, detectionsSvg, drawDetections, type DrawnDetection } from "../../../detector/draw/annotate.ts";
import { drawableText, type Font, loadFont } from "../../../detector/render/fonts.ts";
import { renderSvg } from "../../../detector/render/svg.ts";

const pixel = (
  { width, data }: Image,
  x: number,
  y: number,
) => [...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];

function labels(svg: string): number[][] {
  const found = svg.matchAll(/<rect x="([^"]+)" y="([^"]+)" width="([^"]+)" height="([^"]+)" fill="#/g);
  return [...found].map((match) => match.slice(1, 5).map(Number));
}

Deno.test("a box is drawn on its border, with its label, and nothing changes elsewhere", async () => {
  const image = blankImage(800, 600, { colour: [40, 40, 40] });
  const box = [100, 200, 300, 400] as const;
  const drawn = await drawDetections(image, [{ label: 1, name: "cup", score: 0.5, box }]);
  assertEquals([drawn.width, drawn.height], [800, 600]);
  for (const [x, y] of [[100, 300], [300, 300], [200, 400]]) {
    assert(pixel(drawn, x, y).some((value) => value > 150), `expected the border at ${x}, ${y}`);
  }
  assertEquals(pixel(drawn, 200, 300), [40, 40, 40]);
  assertEquals(pixel(drawn, 700, 500), [40, 40, 40]);
  assertEquals(pixel(image, 100, 300), [40, 40, 40], "the image itself is left alone");
});

Deno.test("labels stay in the image and off each other, wherever the boxes are", () => {
  const boxes: DrawnDetection["box"][] = [[-50, -50, 40, 40], [-40, -30, 60, 60], [620, 300, 900, 700], [
    10,
    470,
    90,
    478,
  ]];
  const detections = boxes.map((box, label) => ({ label, name: "something", score: 0.25, box }));
  const placed = labels(detectionsSvg(detections, { width: 640, height: 480, scale: 1 }));
  assertEquals(placed.length, boxes.length);
  for (const [i, [x, y, width, height]] of placed.entries()) {
    assert(x >= 0 && y >= 0 && x + width <= 640 && y + height <= 480, `label at ${x}, ${y}`);
    for (const [otherX, otherY, otherWidth, otherHeight] of placed.slice(0, i)) {
      const apart = x >= otherX + otherWidth || otherX >= x + width || y >= otherY + otherHeight ||
        otherY >= y + height;
      assert(apart, "expected labels side by side");
    }
  }
});

Deno.test("small images are enlarged, and names may hold any character", async () => {
  const image = blankImage(64, 32);
  const drawn = await drawDetections(image, [{ label: 300, name: '<a> & "b"', score: 1, box: [5, 5, 20, 20] }]);
  assertEquals([drawn.width, drawn.height], [640, 320]);
  assertEquals(await drawDetections(blankImage(700, 30), []), blankImage(700, 30));
});

Deno.test("names in every script are drawn, and what no font has stands as its code point", async () => {
  const drawn = async (name: string) => {
    const image = await drawDetections(blankImage(640, 640), [{ label: 7, name, score: 0.5, box: [5, 300, 600, 600] }]);
    return image.data.toHex();
  };
  const names = ["人物", "汽车", "사람", "कार", "🚗", "🐕", "قطة", "แมว", "кот"];
  const pictures = await Promise.all(names.map(drawn));
  assertEquals(new Set(pictures).size, names.length, "each name has a picture of its own");
  assertEquals(
    await drawableText("Fußgänger пешеход πεζός قطة n° 1 – «b»", "DejaVu Sans Bold"),
    "Fußgänger пешеход πεζός قطة n° 1 – «b»",
  );
  assertEquals(await drawableText("人物 🚗", "DejaVu Sans Bold"), "人物 🚗");
  assertEquals(await drawableText("a\u{20BB7}b", "DejaVu Sans Bold"), "aU+20BB7b");
  assertEquals(await drawableText("👩\u200d👧\ufe0f", "DejaVu Sans Bold"), "👩👧");
});

Deno.test("a font is asked for the characters that it has, whatever file it is in", async () => {
  const [dejavu, unifont] = [await loadFont("DejaVu Sans Bold"), await loadFont("UnifontEX")];
  const has = ({ covers }: Font, text: string) => Array.from(text, (letter) => covers(letter.codePointAt(0) ?? 0));
  assertEquals(has(dejavu, "aéЖعא人한🚗"), [true, true, true, true, true, false, false, false]);
  assertEquals(has(unifont, "aéЖعא人한क🚗\u{20BB7}"), [true, true, true, true, true, true, true, true, true, false]);
  const tables = new DataView(unifont.bytes.buffer);
  assertEquals(tables.getUint32(0), 0x00010000, "TrueType, out of its WOFF container");
});

Deno.test("a drawing is the same in bands as in one piece, and a large one takes bands", async () => {
  const detections: DrawnDetection[] = Array.from({ length: 40 }, (_, i) => ({
    label: i,
    name: `class ${i}`,
    score: i / 40,
    box: [i * 70, i * 45, i * 70 + 400, i * 45 + 300],
  }));
  const [width, height] = [3000, 2000];
  const image = blankImage(width, height, { colour: [90, 120, 60] });
  const banded = await drawDetections(image, detections);
  const { rgba } = await renderSvg(detectionsSvg(detections, { width, height, scale: 1 }), {
    fonts: ["DejaVu Sans Bold"],
  });
  let apart = 0;
  for (let pixel = 0; pixel < width * height; pixel++) {
    const cover = 255 - rgba[4 * pixel + 3];
    for (let channel = 0; channel < 3; channel++) {
      const under = image.data[3 * pixel + channel] * cover / 255;
      const whole = Math.min(255, Math.round(rgba[4 * pixel + channel] + under));
      if (whole !== banded.data[3 * pixel + channel]) apart++;
    }
  }
  assertEquals(apart, 0);
});

Deno.test("a large picture is written in strips, with its drawing in place across them", async () => {
  const image = blankImage(4096, 4096, { colour: [40, 40, 40] });
  const box = [100, 100, 4000, 4000] as const;
  const { bytes, scale } = await annotateImage(image, [{ label: 1, name: "field", score: 0.5, box }]);
  assertEquals(scale, 1);
  const written = await decodeImage(bytes, { name: "large" });
  assertEquals([written.width, written.height], [4096, 4096]);
  for (const y of [120, 600, 1000, 2047, 3000, 3990]) {
    for (const x of [100, 4000]) assert(pixel(written, x, y).some((value) => value > 150), `the border at ${x}, ${y}`);
    for (const value of pixel(written, 2000, y + (y === 120 ? 100 : y === 3990 ? 100 : 0))) {
      assert(Math.abs(value - 40) <= 2, `nothing at 2000, ${y} but found ${value}`);
    }
  }
});
