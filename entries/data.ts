/**
 * Images and data sets: reading and writing image files, data sets in the COCO format, augmentation, and batches that
 * workers prepare ahead. Nothing here needs a device: everything is typed arrays.
 *
 * ```ts
 * import { decodeImage, encodePng, sizeOfImage } from "@dinograd/dinograd/data";
 *
 * const png = encodePng({ width: 2, height: 1, data: Uint8Array.of(255, 0, 0, 0, 0, 255) });
 * const { data } = await decodeImage(png, { name: "two pixels" });
 * console.log(await sizeOfImage(png, { name: "two pixels" }), data.length); // { width: 2, height: 1 } 6
 * ```
 *
 * @module
 */
export {
  type AnnotatedImage,
  annotatedImage,
  applyTransforms,
  type BadImage,
  type Batch,
  type CocoCategory,
  CocoDataset,
  type CocoFile,
  type CocoImage,
  type CocoObject,
  collate,
  type Dataset,
  decodeImage,
  type DecodeOptions,
  DEFAULT_MAX_IMAGE_PIXELS,
  encodeJpeg,
  type EncodeJpegOptions,
  encodePng,
  generateCards,
  type GenerateCardsOptions,
  type GeneratedCards,
  type Image,
  type ImageEntry,
  Loader,
  type LoaderOptions,
  memoryDataset,
  type MemoryImage,
  type MemoryObject,
  type MixSpec,
  normalizeSample,
  openDataset,
  type OpenDatasetOptions,
  type Pixels,
  type PixelTarget,
  readImage,
  type Sample,
  type Segmentation,
  sizeOfImage,
  type Split,
  type Target,
  type TransformSpec,
  type TransformStep,
} from "../detector/data/mod.ts";
export { transformsOf } from "../detector/data/configured_transforms.ts";
export type { ResizeFilter, ResizeRule } from "../detector/config/dino_config.ts";
export { type AssetName, type AssetSource, provideAssets } from "../platform/assets.ts";
