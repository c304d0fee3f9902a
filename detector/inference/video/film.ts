/** A video out of drawn frames, through a pipe to `ffmpeg`, with the sound of the one that they were taken from. */
import { DinogradError } from "../../../engine/errors.ts";
import type { Program } from "../../../platform/child_process.ts";
import type { Image } from "../../data/images/image.ts";
import { inputOf, startTool } from "./probe.ts";

/** Where a video goes, and what of. */
interface FilmOptions {
  /** An MP4 file, which is replaced. */
  readonly path: string;
  /** The video whose sound it gets, if that has one. */
  readonly source: string;
  /** Frames a second, as `ffmpeg` takes it. */
  readonly rate: string;
}

/** Writes a video frame by frame. */
export class Film {
  readonly #options: FilmOptions;
  #tool: Program | null = null;
  #size: { readonly width: number; readonly height: number } | null = null;

  constructor(options: FilmOptions) {
    this.#options = options;
  }

  /** @throws {DinogradError} of kind "data" where the frame has another size than the first, or `ffmpeg` has given up */
  async add({ width, height, data }: Image): Promise<void> {
    this.#tool ??= await this.#start({ width, height });
    if (this.#size?.width !== width || this.#size.height !== height) {
      throw new DinogradError(
        "data",
        `${this.#options.source}: expected frames of one size but found ${width} x ${height}`,
      );
    }
    if (!await this.#tool.write(data)) await this.finish();
  }

  /** Completes the file, of as many frames as there are. @throws {DinogradError} of kind "data" where that fails */
  async finish(): Promise<void> {
    const tool = this.#tool;
    this.#tool = null;
    if (tool === null) return;
    tool.endInput();
    for await (const _ of tool.output); // nothing comes
    const { code, errors } = await tool.ended;
    if (code === 0) return;
    throw new DinogradError(
      "data",
      `${this.#options.path}: expected to write it but ffmpeg says: ${errors[0] ?? code}`,
    );
  }

  async #start(size: { readonly width: number; readonly height: number }): Promise<Program> {
    this.#size = size;
    const { path, source, rate } = this.#options;
    const raw = [
      "-f",
      "rawvideo",
      "-pix_fmt",
      "rgb24",
      "-video_size",
      `${size.width}x${size.height}`,
      "-framerate",
      rate,
    ];
    // Players expect colour at half the size, which takes even sides.
    const picture = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", ...await codec()];
    const sound = ["-map", "0:v", "-map", "1:a:0?", "-c:a", "aac", "-shortest"];
    const target = ["-movflags", "+faststart", "-f", "mp4", "-y", `file:${path}`];
    return startTool("ffmpeg", [...raw, "-i", "pipe:0", ...inputOf(source), ...sound, ...picture, ...target]);
  }
}

/** The encoder of H.264 where this `ffmpeg` has one, else that of its predecessor, which all have. */
async function codec(): Promise<string[]> {
  const tool = startTool("ffmpeg", ["-hide_banner", "-encoders"]);
  tool.endInput();
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of tool.output) text += decoder.decode(bytes, { stream: true });
  await tool.ended;
  return / libx264 /.test(text)
    ? ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20"]
    : ["-c:v", "mpeg4", "-q:v", "3"];
}
