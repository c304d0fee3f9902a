/**
 * Frames of a video through a pipe from `ffmpeg`: upright, with square pixels, at a constant rate, one after the other.
 * They come as PPM images, whose heads say how large they are; no more than one and a piece of the next is in memory.
 */
import { DinogradError } from "../../../engine/errors.ts";
import { requirePixels } from "../../config/pixel_limit.ts";
import type { Image } from "../../data/images/image.ts";
import { inputOf, startTool } from "./probe.ts";

/** Bytes of the longest head: `P6`, two numbers and `255`. */
const LONGEST_HEAD = 64;
const NEWLINE = 10;

/** Which frames. */
interface FramesOptions {
  /** Frames a second, as `ffmpeg` takes it, such as `30000/1001`. */
  readonly rate: string;
  /** One of so many is given. */
  readonly every: number;
  /** A video with larger frames is refused. */
  readonly maxPixels: number;
}

/**
 * The frames of the first video in a file.
 * @throws {DinogradError} of kind "data" where the video is damaged, after the frames that could be had; "usage" where there
 * is no `ffmpeg`
 */
export async function* framesOf(path: string, { rate, every, maxPixels }: FramesOptions): AsyncGenerator<Image> {
  const filters = [`fps=fps=${rate}:start_time=0`, `framestep=${every}`, "scale=iw*sar:ih", "setsar=1"];
  const output = ["-map", "0:v:0", "-vf", filters.join(","), "-f", "image2pipe", "-c:v", "ppm", "pipe:1"];
  const tool = startTool("ffmpeg", ["-nostdin", ...inputOf(path), ...output]);
  let isWhole = false;
  try {
    yield* images(tool.output, { path, maxPixels });
    isWhole = true;
  } finally {
    if (!isWhole) tool.kill(); // nobody wants the rest
  }
  const { code, errors } = await tool.ended;
  if (code === 0 && errors.length === 0) return;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  throw new DinogradError("data", `${path}: ffmpeg says: ${errors[0] ?? `exit code ${code}`}${more}`);
}

async function* images(
  chunks: AsyncIterable<Uint8Array>,
  { path, maxPixels }: { readonly path: string; readonly maxPixels: number },
): AsyncGenerator<Image> {
  let head: number[] = [];
  let frame: { readonly image: Image; filled: number } | null = null;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      if (frame === null) {
        head.push(chunk[at++]);
        const size = sizeIn(head, path);
        if (size === null) continue;
        head = [];
        requireFew(size, { path, maxPixels });
        frame = { image: { ...size, data: new Uint8Array(3 * size.width * size.height) }, filled: 0 };
      }
      const { image } = frame;
      const part = chunk.subarray(at, at + image.data.length - frame.filled);
      image.data.set(part, frame.filled);
      frame.filled += part.length;
      at += part.length;
      if (frame.filled < image.data.length) continue;
      frame = null;
      yield image;
    }
  }
}

/** The size in a head that is complete; null while it is not. */
function sizeIn(head: readonly number[], path: string): { readonly width: number; readonly height: number } | null {
  if (head.length > LONGEST_HEAD) {
    throw new DinogradError("data", `${path}: expected frames from ffmpeg but found others`);
  }
  if (head.at(-1) !== NEWLINE || head.filter((byte) => byte === NEWLINE).length < 3) return null;
  const [, width, height] = /^P6\n(\d+) (\d+)\n255\n$/.exec(String.fromCharCode(...head)) ?? [];
  if (width === undefined) throw new DinogradError("data", `${path}: expected frames from ffmpeg but found others`);
  return { width: Number(width), height: Number(height) };
}

function requireFew(
  size: { readonly width: number; readonly height: number },
  { path, maxPixels }: { readonly path: string; readonly maxPixels: number },
): void {
  try {
    requirePixels(size, maxPixels);
  } catch (error) {
    throw new DinogradError("data", `${path}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
