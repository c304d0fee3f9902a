/**
 * What `ffprobe` says of a video, and the arguments by which `ffmpeg` reads one: a file and nothing else, of a kind that
 * holds a video itself. Lists of other files and addresses (HLS, concat), which a file of any name may be, are refused.
 */
import { DinogradError } from "../../../engine/errors.ts";
import { type Program, startProgram } from "../../../platform/child_process.ts";

/** A rate or a ratio as programs write it. */
interface Ratio {
  readonly over: number;
  readonly under: number;
}

/** What is known of a video before it is read. */
export interface VideoInfo {
  /** Frames a second; that of most frames where it varies. */
  readonly rate: Ratio;
  /** Seconds; 0 where the file does not say. */
  readonly seconds: number;
}

const FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,gif,h264,hevc,m4v";
/** Of a file that says nothing of it. */
const USUAL_RATE: Ratio = { over: 25, under: 1 };
/** A video has no more; what says so counts something else than frames. */
const MOST_RATE = 1000;

/** The input of a video, for `ffmpeg` and `ffprobe`. */
export const inputOf = (path: string): string[] => [
  ...["-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-i", `file:${path}`],
];

const REMEDY = "videos are read by ffmpeg, which Debian has as apt install ffmpeg";

/** Starts `ffmpeg` or `ffprobe`. Throws as `startProgram`. */
export function startTool(name: "ffmpeg" | "ffprobe", args: readonly string[]): Program {
  return startProgram(name, ["-v", "error", ...args], { remedy: REMEDY });
}

/**
 * Asks for the first video in a file.
 * @throws {DinogradError} of kind "data" where there is none, "usage" where there is no `ffprobe`
 */
export async function probeVideo(path: string): Promise<VideoInfo> {
  const entries = "stream=avg_frame_rate,r_frame_rate,duration:format=duration";
  const tool = startTool("ffprobe", [
    "-select_streams",
    "v:0",
    "-show_entries",
    entries,
    "-of",
    "json",
    ...inputOf(path),
  ]);
  tool.endInput();
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of tool.output) text += decoder.decode(bytes, { stream: true });
  const { code, errors } = await tool.ended;
  const answer: unknown = code === 0 ? JSON.parse(text) : null;
  const [stream] = listIn(answer, "streams");
  if (stream === undefined) {
    const reason = errors.at(-1)?.replaceAll(`file:${path}: `, "") ?? "none is in it";
    throw new DinogradError("data", `${path}: expected a video but ffprobe says: ${reason}`);
  }
  const rates = [textIn(stream, "avg_frame_rate"), textIn(stream, "r_frame_rate")].map(ratioOf);
  const rate = rates.find((one) => one !== null) ?? USUAL_RATE;
  const seconds = [textIn(stream, "duration"), textIn(valueIn(answer, "format"), "duration")].map(Number)
    .find((number) => Number.isFinite(number) && number > 0);
  return { rate, seconds: seconds ?? 0 };
}

function ratioOf(text: string): Ratio | null {
  const [, over, under] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const rate = { over: Number(over), under: Number(under) };
  const value = rate.over / rate.under;
  return value > 0 && value <= MOST_RATE ? rate : null;
}

function valueIn(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

function listIn(value: unknown, key: string): unknown[] {
  const list = valueIn(value, key);
  return Array.isArray(list) ? list : [];
}

function textIn(value: unknown, key: string): string {
  const text = valueIn(value, key);
  return typeof text === "string" ? text : "";
}
