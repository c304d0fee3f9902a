/** Detection in a video: its frames come through a pipe and go through another, and none is ever a file. */
import { DinogradError } from "../../../engine/errors.ts";
import { withCleanup } from "../../../engine/cleanup.ts";
import { counted } from "../../../engine/counted.ts";
import { LineWriter } from "../../../platform/line_files.ts";
import type { DetectOptions, RunUi } from "../../config/mod.ts";
import type { Image } from "../../data/images/image.ts";
import { drawDetections } from "../../draw/annotate.ts";
import type { ImageDetections } from "../detection.ts";
import type { Detector } from "../detector.ts";
import { Film } from "./film.ts";
import { framesOf } from "./frames.ts";
import { probeVideo, type VideoInfo } from "./probe.ts";

/** What was found in one frame: a line of the results of a video. */
interface FrameDetections extends ImageDetections {
  /** Its number in the video at its own rate (with `--fps` at that), from 0 on. */
  readonly frame: number;
  /** Seconds from the beginning. */
  readonly time: number;
}

interface VideoSummary {
  /** Whether all of it was read. */
  readonly isWhole: boolean;
  /** Frames for which the model's outputs were no numbers. */
  readonly nonfinite: number;
}

/**
 * Detects in a video. With `out` it leaves `NAME.mp4`, with boxes drawn and the sound of the video, and `NAME.jsonl`, a
 * line for each frame; with `json` the lines go to `ui.json`. What was done of a video that is damaged, or when it is
 * asked to stop, stays and is complete.
 * @throws {DinogradError} of kind "usage" where there is no `ffmpeg`, "data" where results cannot be written
 */
export async function detectVideo(
  detector: Detector,
  { path, name, options, ui }: {
    readonly path: string;
    /** What its results are called, without an extension. */
    readonly name: string;
    readonly options: Pick<DetectOptions, "out" | "json" | "batchSize" | "every" | "fps" | "maxImagePixels">;
    readonly ui: RunUi;
  },
): Promise<VideoSummary> {
  const { out, every, maxImagePixels: maxPixels } = options;
  let info: VideoInfo;
  try {
    info = await probeVideo(path);
  } catch (error) {
    if (!(error instanceof DinogradError) || error.kind !== "data") throw error;
    ui.warn(error.message);
    return { isWhole: false, nonfinite: 0 };
  }
  const { over, under } = options.fps === null ? info.rate : { over: options.fps, under: 1 };
  const film = out === null
    ? null
    : new Film({ path: `${out}/${name}.mp4`, source: path, rate: `${over}/${under * every}` });
  const lines = out === null ? null : await LineWriter.create(`${out}/${name}.jsonl`);
  const total = Math.max(1, Math.ceil(info.seconds * over / under / every));
  const progress = ui.progress(`detect in ${path}`, total);
  let [done, nonfinite, problem]: [number, number, string | null] = [0, 0, null];

  const take = async (images: readonly Image[]): Promise<void> => {
    const read = images.map((image, at) => ({ name: `${path}: frame ${(done + at) * every}`, image }));
    for (const [at, outcome] of (await detector.find(read)).entries()) {
      if (outcome.problem !== undefined) {
        ui.warn(outcome.problem);
        if (outcome.isNonfinite) nonfinite++;
      }
      const { image, image: { width, height } } = read[at];
      const detections = outcome.problem === undefined ? outcome.detections : [];
      const frame = done * every;
      const found: FrameDetections = { image: path, frame, time: frame * under / over, width, height, detections };
      await film?.add(await drawDetections(image, detections));
      await lines?.add(JSON.stringify(found));
      if (options.json) ui.json(found);
      done++;
      progress.update(Math.min(done, total), { text: `${detections.length} in frame ${frame}` });
    }
  };

  const frames = framesOf(path, { rate: `${over}/${under}`, every, maxPixels });
  /** The next frame; null at the end, and where the video is damaged. What fails elsewhere is no fault of the video's. */
  const next = async (): Promise<Image | null> => {
    try {
      const { value, done } = await frames.next();
      return done ? null : value;
    } catch (error) {
      if (!(error instanceof DinogradError) || error.kind !== "data") throw error;
      problem = error.message;
      return null;
    }
  };
  await withCleanup(async () => {
    const waiting: Image[] = [];
    for (let image = await next(); image !== null && !ui.stop.aborted; image = await next()) {
      waiting.push(image);
      if (waiting.length === options.batchSize) await take(waiting.splice(0));
    }
    await take(waiting);
  }, async () => {
    progress.finish();
    await frames.return(undefined); // ends the program that reads
    await lines?.close();
    await film?.finish();
  });
  if (problem !== null) ui.warn(`${problem}; ${counted(done, "frame was", "frames were")} done before and between`);
  if (done === 0 && problem === null && !ui.stop.aborted) {
    ui.warn(`${path}: expected a video but found no frame in it`);
    return { isWhole: false, nonfinite };
  }
  if (out !== null) ui.say(`${counted(done, "frame")} of ${path}: ${name}.mp4 and ${name}.jsonl are in ${out}`);
  return { isWhole: problem === null, nonfinite };
}
