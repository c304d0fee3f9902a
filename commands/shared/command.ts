/**
 * The vocabulary of the verbs' files: what a verb is, typed reading of flag values, and the flags that several share.
 */
import type { Command } from "commander";
import type { DeviceChoice } from "../../engine/device/open.ts";
import { COMPUTE_DEFAULTS, type ComputeOptions } from "../../detector/config/mod.ts";
import { withDefaults } from "../../detector/config/run_options.ts";
import type { Terminal } from "./terminal.ts";

/** One verb of the command line: how it is parsed, and what it does. */
export interface Verb<Flags extends object = object> {
  /** Whether it computes for seconds without a pause in which a signal could be heard. */
  readonly keepsBusy?: boolean;
  /** Declares arguments and flags. */
  define(command: Command): void;
  /** Does the work; the returned number, if any, is the exit code. */
  run(call: VerbCall<Flags>): Promise<number | void>;
}

export interface VerbCall<Flags extends object = object> {
  readonly args: readonly string[];
  readonly flags: Flags;
  readonly terminal: Terminal;
  /** The flags that stood on the command line, in the order of the help, each with its values as words of a shell. */
  readonly given: readonly GivenFlag[];
}

export interface GivenFlag {
  /** As in `VerbCall.flags`. */
  readonly name: string;
  readonly words: readonly string[];
}

/** The flags that a command was given, for a command line that repeats them. */
export function givenFlags(command: Command): GivenFlag[] {
  return command.options.flatMap((option): GivenFlag[] => {
    const name = option.attributeName();
    const flag = option.long ?? option.short;
    if (flag === undefined || command.getOptionValueSource(name) !== "cli") return [];
    const value: unknown = command.getOptionValue(name);
    if (typeof value === "boolean") return value === option.negate ? [] : [{ name, words: [flag] }];
    const values = [value].flat().map(String);
    const isFlagLike = values.length === 1 && values[0].startsWith("-");
    return [{ name, words: isFlagLike ? [`${flag}=${values[0]}`] : [flag, ...values] }];
  });
}

/** Thrown by the reader of a flag's value: what it expects, such as "an integer of at least 1". */
export class UnfitValue extends Error {
  override readonly name = "UnfitValue";
  readonly expected: string;

  constructor(expected: string) {
    super(`expected ${expected}`);
    this.expected = expected;
  }
}

interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** Reads a flag's integer. */
export function integerFlag({ min = -Infinity, max = Infinity }: Range = {}): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[+-]?\d+$/.test(text) || value < min || value > max) {
      throw new UnfitValue(describe("an integer", min, max));
    }
    return value;
  };
}

/** Reads a flag's number. */
export function numberFlag({ min = -Infinity, max = Infinity }: Range = {}): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !(value >= min && value <= max)) {
      throw new UnfitValue(describe("a number", min, max));
    }
    return value;
  };
}

function describe(what: string, min: number, max: number): string {
  if (min === -Infinity) return what;
  return max === Infinity ? `${what} of at least ${min}` : `${what} from ${min} to ${max}`;
}

/** Names given as several arguments, separated by spaces within quotes, or by commas: all the same list. */
export function nameList(values: readonly string[] | undefined): string[] {
  return (values ?? []).flatMap((value) => value.split(/[\s,]+/)).filter((name) => name !== "");
}

export interface ComputeFlags {
  readonly device: DeviceChoice;
  readonly threads?: number;
  readonly num_workers?: number;
  readonly max_image_pixels?: number;
}

const DEVICES: readonly DeviceChoice[] = ["auto", "cpu", "webgpu"];

function deviceFlag(text: string): DeviceChoice {
  // Official command lines say cuda; the counterpart here is WebGPU.
  const name = /^cuda(:\d+)?$/.test(text) ? "webgpu" : text;
  const device = DEVICES.find((choice) => choice === name);
  if (device === undefined) throw new UnfitValue(`one of ${DEVICES.join(", ")}, cuda`);
  return device;
}

/** `maxImagePixels`: where a verb allows fewer pixels than others. */
export function addComputeFlags(
  command: Command,
  { maxImagePixels = COMPUTE_DEFAULTS.maxImagePixels }: { readonly maxImagePixels?: number } = {},
): void {
  command
    .option("--device <name>", "auto, cpu or webgpu (cuda means webgpu)", deviceFlag, COMPUTE_DEFAULTS.device)
    .option("--threads <n>", "CPU threads (default: all cores)", integerFlag({ min: 1, max: 1024 }))
    .option(
      "--num_workers <n>",
      "workers that load images; 0 loads in the main thread",
      integerFlag({ min: 0, max: 256 }),
    )
    .option(
      "--max_image_pixels <n>",
      "images with more pixels are refused before they are decoded",
      integerFlag({ min: 1, max: 2 ** 31 }),
      maxImagePixels,
    );
}

export function computeOptions(flags: ComputeFlags): ComputeOptions {
  const { device, threads, num_workers: numWorkers, max_image_pixels: maxImagePixels } = flags;
  return withDefaults(COMPUTE_DEFAULTS, { device, threads, numWorkers, maxImagePixels });
}

/** Flags of everything that takes checkpoints which may have to be fetched. */
export interface DownloadFlags {
  readonly offline?: true;
}

export function addDownloadFlags(command: Command): void {
  command.option("--offline", "connect to nobody: a checkpoint by name or address must be in the cache");
}

/** Flags of tasks that can tell where their time goes. */
export interface ProfileFlags {
  readonly profile?: string;
}

export function addProfileFlags(command: Command): void {
  command.option("--profile <file>", "tell where the time goes: a table, and a trace for ui.perfetto.dev in this file");
}

export interface ConfigFlags {
  readonly config_file?: string;
  readonly options?: readonly string[];
}

export function addConfigFlags(command: Command): void {
  command
    .option("-c, --config_file <name>", "a preset's name, or a .py or .json file")
    .option("--options <pairs...>", "key=value pairs laid over the configuration");
}
