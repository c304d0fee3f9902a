/**
 * Data: images in and out of files, COCO-format data sets, augmentation, and loading of batches; and the generated set of
 * playing-card scenes that the demo trains on. Nothing here needs the tensor engine: everything is typed arrays.
 */
export {
  type Batch,
  collate,
  type InferenceSample,
  loadSample,
  prepareForInference,
  type Sample,
  type SampleRequest,
} from "./batch.ts";
export { CARD_CATEGORIES, generateCards, type GenerateCardsOptions, type GeneratedCards } from "./cards/cards.ts";
export { CocoDataset, type ImageEntry, openDataset, type OpenDatasetOptions, pixelTarget, type Split } from "./coco.ts";
export {
  type CocoCategory,
  type CocoFile,
  type CocoImage,
  type CocoObject,
  parseCocoFile,
  type Segmentation,
} from "./coco_file.ts";
export type { MixSpec } from "./augment/mix_plan.ts";
export { BAD_IMAGE_REMEDY, type BadImage, describeBad, missingImages, requireImages } from "./image_files.ts";
export { blankImage, type Image } from "./images/image.ts";
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
export { IMAGENET_NORMALIZATION, type Normalization, normalizeImage } from "./normalize.ts";
export { resizedSize } from "./resized_size.ts";
export { repeatFactors } from "./repeat_factors.ts";
export { cropImage, flipImage, padImage, type Rectangle, resizeBilinear } from "./images/resize.ts";
export { type BatchPlan, Sampler, type SamplerOptions, samplesOf } from "./sampler.ts";
export { type AnnotatedImage, normalizeTarget, type PixelTarget, type Target } from "./target.ts";
export {
  cardsTransforms,
  type CocoTransformOptions,
  cocoTransforms,
  type TransformSpec,
  type TransformStep,
} from "./transform_spec.ts";
export { applyTransforms } from "./transforms.ts";
