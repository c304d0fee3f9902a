/** Where the time goes: the first steps or batches of a task in a table for people and in a trace for a viewer. */

import { counted } from "../../engine/counted.ts";
import type { Device } from "../../engine/device/device.ts";
import { openDevice, type OpenDeviceOptions } from "../../engine/device/open.ts";
import { DinogradError } from "../../engine/errors.ts";
import { measurePeak } from "../../engine/profile/peak.ts";
import { ProfiledDevice } from "../../engine/profile/profiled_device.ts";
import { type ProfileSummary, summarize } from "../../engine/profile/summary.ts";
import { formatTrace } from "../../engine/profile/trace.ts";
import { writeBytes } from "../../platform/whole_files.ts";
import type { ProfileOption, RunUi } from "../config/mod.ts";

/** So many lines of the table; what is left of it is one more. */
const MOST_LINES = 25;

type ProfileUi = Pick<RunUi, "say" | "warn" | "table">;

/**
 * Opens the device of a task, and the profile of what it does where that is asked for. The trace's file is written at once, so
 * that a place where that is not possible is told before any work.
 * @throws {DinogradError} where device or file are not to be had
 */
export async function openProfiled(
  options: OpenDeviceOptions & ProfileOption,
  ui: ProfileUi,
): Promise<{ readonly device: Device; readonly profile: ProfileReport | null }> {
  const { profile: path } = options;
  if (path === null) return { device: await openDevice(options), profile: null };
  await writeBytes(path, new Uint8Array(0));
  const device = new ProfiledDevice(await openDevice({ ...options, timestamps: true }));
  return { device, profile: new ProfileReport(device, { path, threads: options.threads ?? undefined, ui }) };
}

/** Tells of a profile once. */
export class ProfileReport {
  readonly #device: ProfiledDevice;
  readonly #path: string;
  readonly #threads: number | undefined;
  readonly #ui: ProfileUi;
  #isTold = false;

  constructor(
    device: ProfiledDevice,
    { path, threads, ui }: { readonly path: string; readonly threads?: number; readonly ui: ProfileUi },
  ) {
    this.#device = device;
    this.#path = path;
    this.#threads = threads;
    this.#ui = ui;
  }

  /** Tells as soon as enough was seen; after that, nothing. */
  async tellWhenComplete(): Promise<void> {
    if (this.#device.isComplete) await this.tell();
  }

  /** Tells what was seen, unless it is told already. A trace that cannot be written ends no task. */
  async tell(): Promise<void> {
    if (this.#isTold) return;
    this.#isTold = true;
    const { units, isWarm } = this.#device;
    if (units.length === 0) return this.#ui.warn("--profile: nothing was computed");
    const summary = summarize(units);
    const peak = this.#device.kind === "cpu" ? await measurePeak(this.#threads) : undefined;
    this.#ui.say(this.#heading(summary, peak));
    if (!isWarm) this.#ui.say("these are the first: they include compiling kernels and warming up");
    this.#ui.table(...tableOf(summary, peak));
    this.#ui.say("bytes: operands counted once per call; FLOP: of products and convolutions alone");
    try {
      await writeBytes(this.#path, new TextEncoder().encode(formatTrace(units, this.#device.description)));
      this.#ui.say(`the trace is in ${this.#path}: open it in ui.perfetto.dev or chrome://tracing`);
    } catch (error) {
      if (!(error instanceof DinogradError)) throw error;
      this.#ui.warn(error.message);
    }
  }

  #heading({ time, inCommands, lines, drains }: ProfileSummary, peak: number | undefined): string {
    const { units, description, kind, hasDeviceTimes } = this.#device;
    const calls = Math.round(lines.reduce((sum, { launches }) => sum + launches, 0));
    const names = units.length === 1 ? units[0].name : `${units[0].name} to ${units[units.length - 1].name}`;
    return [
      `profile of ${names} on ${description}: ${time.toFixed(1)} ms each, ${
        inCommands.toFixed(1)
      } ms in ${calls} calls`,
      `${counted(Math.round(drains), "wait")} for numbers`,
      ...(peak === undefined ? [] : [`the processor's peak is ${peak.toFixed(0)} GFLOP/s`]),
      ...(kind === "webgpu" && !hasDeviceTimes
        ? ["this GPU has no timestamps: times are the host's, for recording"]
        : []),
    ].join("; ");
  }
}

/** Headings and rows; `peak` in GFLOP/s. */
function tableOf({ lines, time, inCommands }: ProfileSummary, peak: number | undefined): [string[], string[][]] {
  const headings = [
    "op",
    "kernel",
    "ms",
    "share",
    "calls",
    "GB/s",
    "GFLOP/s",
    ...peak === undefined ? [] : ["of peak"],
  ];
  const row = (op: string, kernel: string, sums: { time: number; launches: number; bytes: number; flops: number }) => {
    const rate = sums.flops / sums.time / 1e6;
    return [
      op,
      kernel === op ? "" : kernel,
      sums.time.toFixed(2),
      percent(sums.time / time),
      String(Math.round(sums.launches)),
      sums.time > 0 ? (sums.bytes / sums.time / 1e6).toFixed(1) : NONE,
      sums.flops > 0 ? rate.toFixed(1) : NONE,
      ...peak === undefined ? [] : [sums.flops > 0 ? percent(rate / peak) : NONE],
    ];
  };
  const rest = lines.slice(MOST_LINES);
  const sum = (of: (line: ProfileSummary["lines"][number]) => number) =>
    rest.reduce((total, line) => total + of(line), 0);
  const between = Math.max(time - inCommands, 0);
  return [headings, [
    ...lines.slice(0, MOST_LINES).map((line) => row(line.op, line.kernel, line)),
    ...rest.length === 0 ? [] : [row(`${rest.length} others`, "", {
      time: sum(({ time }) => time),
      launches: sum(({ launches }) => launches),
      bytes: sum(({ bytes }) => bytes),
      flops: sum(({ flops }) => flops),
    })],
    ["between commands", "", between.toFixed(2), percent(between / time), ...headings.slice(4).map(() => NONE)],
  ]];
}

/** Where there is no number. */
const NONE = "-";

const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
