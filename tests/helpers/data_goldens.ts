/**
 * Runs the data golden of a folder, `data.json`: sizes chosen by the official resize, Pillow's resized pixels, and boxes
 * after resize, flip, crop and normalisation. Images, sizes, boxes and counts all come from the file.
 */
import { type NamedWorst, Worst } from "./compare.ts";
import { normalizeImage } from "../../detector/data/normalize.ts";
import { resizeBilinear } from "../../detector/data/images/resize.ts";
import { cropTarget, flipTarget, normalizeTarget, type PixelTarget, resizeTarget } from "../../detector/data/target.ts";
import { sizeWithAspectRatio } from "../../detector/data/resized_size.ts";

/** Sums of float32 values are printed with 12 digits; relative. Everything else must be equal to the last bit. */
export const DATA_SUM_TOLERANCE = 1e-11;

interface DataFile {
  size_table: [number, number, number, number | null, number, number][];
  resize: {
    image: { name: string; kind: "int"; lo: number; hi: number; shape: [number, number, number] };
    size: number;
    max_size: number | null;
    out_hw: [number, number];
    uint8_sum: number;
    uint8_sumsq: number;
    idx_hwc: number[];
    val_hwc: number[];
    boxes_xyxy: number[][];
    resized_boxes: number[][];
    resized_area: number[];
    flipped_boxes: number[][];
    crop_region_ijhw: [number, number, number, number];
    cropped_boxes: number[][];
    cropped_labels: number[];
    cropped_area: number[];
    normalized: { shape: number[]; sum: number; idx: number[]; val: number[] };
    normalized_boxes_cxcywh: number[][];
  }[];
}

/** Compares every row and image of the folder's `data.json`; one result for the size table and one per image. */
export async function runDataGoldens(folder: string): Promise<NamedWorst[]> {
  const file: DataFile = JSON.parse(await Deno.readTextFile(`${folder}/data.json`));
  const table = new Worst();
  for (const [width, height, size, maxSize, outWidth, outHeight] of file.size_table) {
    const got = sizeWithAspectRatio({ width, height }, { size, maxSize });
    table.equal(`${width}x${height} to ${size}, ${maxSize}`, [got.width, got.height], [outWidth, outHeight]);
  }
  return [
    { name: "size_table", worst: table },
    ...file.resize.map((golden) => ({ name: golden.image.name, worst: compareResize(golden) })),
  ];
}

function compareResize(golden: DataFile["resize"][number]): Worst {
  const worst = new Worst();
  const [height, width] = golden.image.shape;
  const image = { width, height, data: integerImage(golden.image) };
  const to = sizeWithAspectRatio(image, { size: golden.size, maxSize: golden.max_size });
  worst.equal("out_hw", [to.height, to.width], golden.out_hw);

  const resized = resizeBilinear(image, to);
  worst.equal("val_hwc", golden.idx_hwc.map((at) => resized.data[at]), golden.val_hwc);
  worst.equal("uint8_sum", [resized.data.reduce((sum, value) => sum + value, 0)], [golden.uint8_sum]);
  worst.equal("uint8_sumsq", [resized.data.reduce((sum, value) => sum + value ** 2, 0)], [golden.uint8_sumsq]);

  const normalized = normalizeImage(resized);
  worst.equal("normalized.shape", [3, resized.height, resized.width], golden.normalized.shape);
  worst.equal("normalized", golden.normalized.idx.map((at) => normalized[at]), golden.normalized.val.map(Math.fround));
  const sum = normalized.reduce((total, value) => total + value, 0);
  const tolerance = DATA_SUM_TOLERANCE * Math.abs(golden.normalized.sum);
  worst.within("normalized.sum", sum, { value: golden.normalized.sum, tolerance });
  worst.compared(golden.normalized);

  const before = pixelTarget(golden, image);
  const after = resizeTarget(before, { from: image, to });
  worst.equal("resized_boxes", [...after.boxes], golden.resized_boxes.flat().map(Math.fround));
  worst.equal("resized_area", [...after.area], golden.resized_area.map(Math.fround));
  const flipped = flipTarget(after, to.width);
  worst.equal("flipped_boxes", [...flipped.boxes], golden.flipped_boxes.flat().map(Math.fround));
  const finished = normalizeTarget(after);
  const centres = golden.normalized_boxes_cxcywh.flat().map(Math.fround);
  worst.equal("normalized_boxes_cxcywh", [...finished.boxes], centres);

  const [y, x, cropHeight, cropWidth] = golden.crop_region_ijhw;
  const cropped = cropTarget(after, { x, y, width: cropWidth, height: cropHeight });
  worst.equal("cropped_boxes", [...cropped.boxes], golden.cropped_boxes.flat().map(Math.fround));
  worst.equal("cropped_labels", [...cropped.labels], golden.cropped_labels);
  worst.equal("cropped_area", [...cropped.area], golden.cropped_area.map(Math.fround));
  worst.requireAll(golden);
  return worst;
}

/** The annotations that the golden starts from. Their areas are whole numbers that the file states only after scaling. */
function pixelTarget(golden: DataFile["resize"][number], image: { width: number; height: number }): PixelTarget {
  const count = golden.boxes_xyxy.length;
  const scale = (golden.out_hw[0] / image.height) * (golden.out_hw[1] / image.width);
  return {
    imageId: 0,
    boxes: Float32Array.from(golden.boxes_xyxy.flat()),
    labels: Int32Array.from({ length: count }, (_, index) => index + 1),
    area: Float32Array.from(golden.resized_area, (area) => Math.round(area / scale)),
    iscrowd: new Uint8Array(count),
    originalSize: [image.height, image.width],
    size: [image.height, image.width],
    cornersInPixels: true,
  };
}

/** The `int` kind of the goldens' formula. */
function integerImage({ name, lo, hi, shape }: DataFile["resize"][number]["image"]): Uint8Array {
  let seed = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 0x01000193);
  return Uint8Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, index) => {
    let mixed = (seed + Math.imul(index, 0x9e3779b9)) | 0;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    const uniform = ((mixed ^ (mixed >>> 16)) >>> 8) * 2 ** -24;
    return lo + Math.floor(uniform * (hi - lo));
  });
}
