/** Annotation, results and detection files with values that nobody expects, and texts that are almost JSON. */
import { CocoDataset } from "../../../detector/data/mod.ts";
import { parseCocoFile } from "../../../detector/data/coco_file.ts";
import { pixelTarget } from "../../../detector/data/coco.ts";
import { evaluateDetections, parseCocoAnnotations, parseDetections } from "../../../detector/eval/mod.ts";
import type { RandomStream } from "../../../engine/random.ts";
import { damageBytes, pick } from "../damage.ts";
import { type Value, withOddPlace } from "../hostile_values.ts";
import type { FuzzTarget } from "../target.ts";

const ENTRIES = 3;

export const annotationsTarget: FuzzTarget = {
  name: "annotations",
  kinds: ["data"],
  shares: { refused: 0.3, read: 0.1 },
  make(random) {
    const name = pick(["data.json", "truth.json", "results.json", "detections.json"], random);
    let value: Value = name === "results.json"
      ? soundDetections()
      : name === "detections.json"
      ? soundImages()
      : soundAnnotations();
    for (let change = random.int(3); change >= 0; change--) value = withOddPlace(value, random);
    return { name, bytes: new TextEncoder().encode(oddText(JSON.stringify(value), random)) };
  },
  read({ name, bytes }) {
    const text = new TextDecoder().decode(bytes);
    if (name === "data.json") readAsData(name, bytes);
    else if (name === "truth.json") parseCocoAnnotations(text, name);
    else {
      const truth = parseCocoAnnotations(JSON.stringify(soundAnnotations()), "sound.json");
      const detections = parseDetections(text, { truth, names: { dt: name, gt: "sound.json" } });
      evaluateDetections(truth, detections, { source: name });
    }
    return Promise.resolve();
  },
};

/** All that training makes of a file before it meets an image. */
function readAsData(name: string, bytes: Uint8Array): void {
  const file = parseCocoFile(bytes, name);
  const place = { split: "train", imageFolder: "images", annotationFile: name, annotationHash: "" } as const;
  const dataset = new CocoDataset(file, place);
  for (let index = 0; index < dataset.length; index++) {
    const { boxes, area } = pixelTarget(dataset.entry(index), { width: 40, height: 30 });
    if (!boxes.every((side) => side >= 0 && side <= 40)) {
      throw new Error(`expected boxes within the image but found ${boxes}`);
    }
    if (!area.every(Number.isFinite)) throw new Error(`expected finite areas but found ${area}`);
  }
}

function soundAnnotations(): Value {
  const ids = Array.from({ length: ENTRIES }, (_, i) => i + 1);
  return {
    info: { description: "sound" },
    images: ids.map((id) => ({ id, file_name: `${id}.png`, width: 40, height: 30 })),
    annotations: ids.map((id) => ({ id, image_id: id, category_id: 1, bbox: [1, 2, 3, 4], area: 12, iscrowd: 0 })),
    categories: [{ id: 1, name: "one", supercategory: "things" }, { id: 2, name: "two" }],
  };
}

function soundDetections(): Value {
  return Array.from(
    { length: ENTRIES },
    (_, i) => ({ image_id: i + 1, category_id: 1, bbox: [1, 2, 3, 4], score: 0.5 }),
  );
}

/** What `detect` writes, with and without ids of images. */
function soundImages(): Value {
  return Array.from({ length: ENTRIES }, (_, i) => ({
    image: `a/${i + 1}.png`,
    ...(i === 0 ? { image_id: 1 } : {}),
    width: 40,
    height: 30,
    detections: [{ category_id: 1, label: 1, name: "one", score: 0.5, box: [1, 2, 4, 6] }],
  }));
}

/** Mostly the text itself, else with numbers that JSON lacks or with damage of its bytes. */
function oddText(text: string, random: RandomStream): string {
  switch (random.int(8)) {
    case 0:
      return text.replace(/\d+/, pick(["NaN", "1e999", "-1e999", "1".repeat(400), "Infinity", "0x10", "-"], random));
    case 1:
      return new TextDecoder().decode(damageBytes(new TextEncoder().encode(text), random));
    case 2:
      return "[".repeat(random.int(100_000)) + text;
    default:
      return text;
  }
}
