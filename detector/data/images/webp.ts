/**
 * WebP through libwebp compiled to WebAssembly (`@jsquash/webp`), with its default settings, so the pixels equal Pillow's.
 * Alpha is dropped, not blended, as `convert("RGB")` does. Loaded when the first WebP file is met.
 */
import createDecoder from "@jsquash/webp/codec/dec/webp_dec.js";
import { readAsset } from "../../../platform/assets.ts";
import { withImageData } from "../../../platform/image_data.ts";
import type { Image } from "./image.ts";
import { dropAlpha, LARGE } from "./jpeg.ts";
import { requirePixels } from "../../config/pixel_limit.ts";
import { readWebpHeader } from "./webp_header.ts";

interface Decoder {
  decode(bytes: Uint8Array): ImageData | null;
}

let compiled: Promise<WebAssembly.Module> | undefined;
let decoder: Promise<Decoder> | undefined;

/**
 * Decodes a still WebP picture, lossy or lossless.
 * @param options.maxPixels as in `DecodeOptions`
 * @throws Error that says what is wrong
 */
export async function decodeWebp(bytes: Uint8Array, options: { readonly maxPixels: number }): Promise<Image> {
  const { isAnimated, end, ...size } = readWebpHeader(bytes);
  requirePixels(size, options.maxPixels);
  if (isAnimated) throw new Error("an animated WebP is not supported; save one of its pictures as PNG");
  if (end > bytes.length) throw new Error("the file is truncated");
  decoder ??= startDecoder();
  const ready = await decoder;
  const pixels = tryDecode(ready, bytes);
  if (pixels === null) throw new Error("the WebP data is damaged");
  const { width, height, data } = pixels;
  if (width !== size.width || height !== size.height || !(data instanceof Uint8ClampedArray)) {
    throw new Error(`the WebP data is damaged: expected ${size.width} x ${size.height} but found ${width} x ${height}`);
  }
  if (width * height > LARGE) decoder = undefined;
  return { width, height, data: dropAlpha(data) };
}

function tryDecode(ready: Decoder, bytes: Uint8Array): ImageData | null {
  try {
    return withImageData(() => ready.decode(bytes));
  } catch (error) {
    decoder = undefined; // it may have ended in the middle of something
    throw error;
  }
}

async function startDecoder(): Promise<Decoder> {
  compiled ??= readAsset("@jsquash/webp/codec/dec/webp_dec.wasm", urlOfWebpDec).then((bytes) =>
    WebAssembly.compile(bytes)
  );
  const module = await compiled;
  return await withImageData(() =>
    createDecoder({
      noInitialRun: true,
      instantiateWasm(imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) {
        const instance = new WebAssembly.Instance(module, imports);
        done(instance);
        return instance.exports;
      },
    })
  );
}

// A constant of its own, in a function of its own: only such a specifier is rewritten when the package is published.
function urlOfWebpDec(): string {
  const url = import.meta.resolve("@jsquash/webp/codec/dec/webp_dec.wasm");
  return url;
}
