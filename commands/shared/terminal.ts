/**
 * How commands talk to a person or a program: results on standard output, notices and bars on standard error. On a
 * terminal a bar shows loss, speed and remaining time; elsewhere a plain line appears now and then.
 */
// @ts-types="npm:@types/cli-progress@3.11.6"
import { Presets, SingleBar } from "cli-progress";
import { bold, dim, setColorEnabled, yellow } from "@std/fmt/colors";
import { visible } from "../../engine/visible.ts";
import type { Progress, ProgressDetails, RunUi } from "../../detector/config/mod.ts";
import { environment } from "./environment.ts";
import { print, printJson, type PrintOptions } from "./output.ts";
import { formatSeconds, formatTable } from "./table.ts";

/** Seconds between plain progress lines. */
const LINE_INTERVAL = 10;

export interface TerminalOptions {
  /** Keep standard output for the result, in JSON: everything else goes to standard error. */
  readonly json?: boolean;
  readonly stop?: AbortSignal;
}

/** The user interface of a command. */
export class Terminal implements RunUi {
  readonly stop: AbortSignal;
  readonly #json: boolean;
  readonly #isTerminal: boolean;
  #bar: BarProgress | undefined;

  constructor(options: TerminalOptions = {}) {
    this.#json = options.json ?? false;
    this.stop = options.stop ?? new AbortController().signal;
    this.#isTerminal = Deno.stderr.isTerminal();
    setColorEnabled(this.#isTerminal && environment("NO_COLOR") === undefined);
  }

  say(line: string, options: PrintOptions = {}): void {
    this.#above(() => print(this.#json ? "stderr" : "stdout", line, options));
  }

  warn(line: string): void {
    this.#above(() => print("stderr", ` ${line}`, { mark: "warning:", style: yellow }));
  }

  table(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
    const [head, rule, ...body] = formatTable(headings, rows);
    this.say(head, { style: bold });
    this.say(rule, { style: dim });
    for (const line of body) this.say(line);
  }

  /** One JSON value on standard output, on one line, whatever else is printed. */
  json(value: unknown): void {
    this.#above(() => printJson(value));
  }

  progress(label: string, total: number): Progress {
    if (!this.#isTerminal) return new LineProgress(label, total, (line) => this.say(line));
    this.#bar?.finish();
    const bar = new BarProgress(label, total, () => this.#bar = undefined);
    this.#bar = bar;
    return bar;
  }

  /** Prints while no bar is in the way. */
  #above(print: () => void): void {
    this.#bar?.hide();
    print();
    this.#bar?.show();
  }
}

function describe({ loss, imagesPerSecond, text }: ProgressDetails): string {
  const parts: string[] = [];
  if (loss !== undefined) parts.push(`loss ${loss.toPrecision(4)}`);
  if (imagesPerSecond !== undefined) parts.push(`${imagesPerSecond.toPrecision(3)} images/s`);
  if (text !== undefined) parts.push(visible(text)); // a bar is drawn by a library
  return parts.map((part) => `  ${part}`).join("");
}

/** Remaining time from the average speed so far; a resumed task starts in the middle. */
class Clock {
  readonly #start = performance.now();
  #first: number | undefined;

  remaining(done: number, total: number): string {
    this.#first ??= done;
    const seconds = (performance.now() - this.#start) / 1000;
    return formatSeconds(done > this.#first ? seconds / (done - this.#first) * (total - done) : Infinity);
  }
}

class BarProgress implements Progress {
  readonly #bar: SingleBar;
  readonly #clock = new Clock();
  readonly #total: number;
  readonly #label: string;
  readonly #onFinish: () => void;
  #done = 0;
  #payload = { details: "", left: "-:--" };

  constructor(label: string, total: number, onFinish: () => void) {
    this.#label = label;
    this.#total = total;
    this.#onFinish = onFinish;
    const format = `${label} {bar} {value}/{total}{details}  {left} left`;
    this.#bar = new SingleBar({ format, hideCursor: true, clearOnComplete: true, barsize: 24 }, Presets.shades_classic);
    this.show();
  }

  update(done: number, details: ProgressDetails = {}): void {
    this.#done = done;
    this.#payload = { details: describe(details), left: this.#clock.remaining(done, this.#total) };
    this.#bar.update(done, this.#payload);
  }

  finish(): void {
    this.hide();
    this.#onFinish();
    print("stderr", `${this.#label} ${this.#done}/${this.#total}${this.#payload.details}`);
  }

  hide(): void {
    this.#bar.stop();
  }

  show(): void {
    this.#bar.start(this.#total, this.#done, this.#payload);
  }
}

class LineProgress implements Progress {
  readonly #label: string;
  readonly #total: number;
  readonly #print: (line: string) => void;
  readonly #clock = new Clock();
  #last = -Infinity;
  #line = "";

  constructor(label: string, total: number, print: (line: string) => void) {
    this.#label = label;
    this.#total = total;
    this.#print = print;
  }

  update(done: number, details: ProgressDetails = {}): void {
    const left = this.#clock.remaining(done, this.#total);
    this.#line = `${this.#label} ${done}/${this.#total}${describe(details)}${
      done < this.#total ? `  ${left} left` : ""
    }`;
    const now = performance.now() / 1000;
    if (now - this.#last < LINE_INTERVAL) return;
    this.#last = now;
    this.#print(this.#line);
    this.#line = "";
  }

  finish(): void {
    if (this.#line !== "") this.#print(this.#line);
    this.#line = "";
  }
}
