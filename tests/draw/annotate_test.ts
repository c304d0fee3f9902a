import { assert, assertEquals } from "@std/assert";
import { blankImage, type Image } from "../../detector/data/mod.ts";
import { detectionsSvg, drawDetections, type DrawnDetection } from "../../detector/draw/annotate.ts";

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

Deno.test("a class whose name the font cannot draw is called by its id", () => {
  const label = (name: string) =>
    /<text[^>]*>([^<]*)<\/text>/.exec(
      detectionsSvg([{ label: 7, name, score: 0.5, box: [5, 5, 20, 20] }], { width: 640, height: 640, scale: 1 }),
    )?.[1];
  for (const name of ["Fußgänger", "пешеход", "πεζός", "place n° 1 – «b»"]) assertEquals(label(name), `${name} 0.50`);
  for (const name of ["人物", "사람", "कार", "🚗"]) assertEquals(label(name), "class 7 0.50");
});
