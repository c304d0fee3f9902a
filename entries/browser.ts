/**
 * What a page needs besides `@dinograd/dinograd`, all of which loads in a browser: images from what a page has, checkpoints
 * in memory, a file to save, and where a bundler has put the codecs.
 *
 * ```ts
 * import { imageFrom, memoryFiles } from "@dinograd/dinograd/browser";
 * import { encodePng } from "@dinograd/dinograd/data";
 * import { readBundle, writeBundle } from "@dinograd/dinograd/checkpoint";
 *
 * const chosen = new Blob([encodePng({ width: 1, height: 1, data: Uint8Array.of(1, 2, 3) })]); // or a File
 * const { data } = await imageFrom(chosen); // red, green and blue of each pixel
 *
 * const files = memoryFiles(); // instead of a disk
 * const weight = { dtype: "f32", shape: [1], data: new Uint8Array(4) } as const;
 * await writeBundle("model.dino", { tensors: new Map([["weight", weight]]), state: {} }, { files });
 * const { tensors } = await readBundle("model.dino", { files });
 * console.log(data, [...tensors.keys()]); // Uint8Array(3) [ 1, 2, 3 ] [ "weight" ]
 * ```
 *
 * `saveAsDownload("model.dino", files.bytes("model.dino")!)` then gives the file to the person, and `loadModel` takes it
 * again as a `File`. A GPU is `navigator.gpu`, which `@dinograd/dinograd/webgpu` finds.
 *
 * @module
 */
export type { DecodeOptions } from "../detector/data/images/image_codec.ts";
export type { Image } from "../detector/data/images/image.ts";
export { imageFrom } from "../detector/data/images/page_image.ts";
export { type AssetName, type AssetSource, provideAssets } from "../platform/assets.ts";
export { saveAsDownload } from "../platform/download.ts";
export type { FileHandle, FileLayer, OpenMode } from "../platform/file_layer.ts";
export { type FileContent, type MemoryFiles, memoryFiles } from "../platform/memory_files.ts";
