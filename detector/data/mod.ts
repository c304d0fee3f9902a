/**
 * Data: images in and out of files, COCO-format data sets, augmentation, and loading of batches; and the generated set of
 * playing-card scenes that the demo trains on. Nothing here needs the tensor engine: everything is typed arrays.
 */
export {
  annotatedImage,
  type Batch,
  collate,
  type InferenceSample,
  normalizeSample,
  prepareForInference,
  type Sample,
} from "./batch.ts";
export { generateCards, type GenerateCardsOptions, type GeneratedCards } from "./cards/cards.ts";
export { CocoDataset, openDataset, type OpenDatasetOptions } from "./coco.ts";
export type { Dataset, ImageEntry, Split } from "./dataset.ts";
export { memoryDataset, type MemoryImage, type MemoryObject } from "./memory_dataset.ts";
export { readEntry } from "./read_entry.ts";
export { type CocoCategory, type CocoFile, type CocoImage, type CocoObject, type Segmentation } from "./coco_file.ts";
export type { MixSpec } from "./augment/mix_plan.ts";
export { type BadImage, describeBad, missingImages, requireImages } from "./image_files.ts";
export { type Image, type Pixels, rgbImage } from "./images/image.ts";
export {
  decodeImage,
  type DecodeOptions,
  encodeJpeg,
  encodePng,
  readImage,
  readStandardImage,
  sizeOfImage,
} from "./images/image_codec.ts";
export { DEFAULT_MAX_IMAGE_PIXELS } from "../config/pixel_limit.ts";
export type { EncodeJpegOptions } from "./images/jpeg.ts";
export { Loader, type LoaderOptions } from "./loader.ts";
export { resizedSize } from "./resized_size.ts";
export { repeatFactors } from "./repeat_factors.ts";
export { cropImage } from "./images/resize.ts";
export { samplesOf } from "./sampler.ts";
export type { AnnotatedImage, PixelTarget, Target } from "./target.ts";
export { applyTransforms } from "./transforms.ts";
export { cardsTransforms, cocoTransforms, type TransformSpec, type TransformStep } from "./transform_spec.ts";
