/** How far a task is: a bar on a terminal, plain lines elsewhere. */
// @ts-types="npm:@types/cli-progress@3.11.6"
import { Presets, SingleBar } from "cli-progress";
import stringWidth from "string-width";
import { decimalSize } from "../../checkpoint/download/decimal_size.ts";
import type { Progress, ProgressDetails, ProgressOptions } from "../../detector/config/mod.ts";
import { visible } from "../../engine/visible.ts";
import { print, returnHere } from "./output.ts";
import { cutToWidth, formatSeconds } from "./table.ts";

/** Seconds between plain progress lines. */
const LINE_INTERVAL = 10;
/** Columns of the bar, and how many at least. */
const BAR = 24;
const LEAST_BAR = 6;

function describe({ loss, imagesPerSecond, bytesPerSecond, text }: ProgressDetails): string {
  const parts: string[] = [];
  if (bytesPerSecond !== undefined) parts.push(`${decimalSize(bytesPerSecond)}/s`);
  if (loss !== undefined) parts.push(`loss ${loss.toPrecision(4)}`);
  if (imagesPerSecond !== undefined) parts.push(`${imagesPerSecond.toPrecision(3)} images/s`);
  if (text !== undefined) parts.push(visible(text)); // a bar is drawn by a library
  return parts.map((part) => `  ${part}`).join("");
}

/** Pieces that are done, of how many. */
export function amountOf(done: number, total: number, { unit }: ProgressOptions = {}): string {
  if (unit !== "bytes") return `${done}/${total}`;
  return total === Infinity ? decimalSize(done) : `${decimalSize(done)}/${decimalSize(total)}`;
}

/** What is left of the whole run, where the task is a part of one. */
const ofRun = ({ runSecondsLeft: left }: ProgressDetails) => left === undefined ? "" : `, run ${formatSeconds(left)}`;

/**
 * Remaining time from the average speed so far; a resumed task starts in the middle. The library's own estimate takes the last
 * ten steps of a bar, and lines in a log, which have none, are to say the same.
 */
class Clock {
  readonly #start = performance.now();
  #first: number | undefined;

  remaining(done: number, total: number): string {
    this.#first ??= done;
    const seconds = (performance.now() - this.#start) / 1000;
    return formatSeconds(done > this.#first ? seconds / (done - this.#first) * (total - done) : Infinity);
  }
}

/** What a bar needs of its terminal, and what its pieces are. */
interface BarPlace extends ProgressOptions {
  /** The width at the moment: windows are resized. */
  readonly columns: () => number;
  readonly onFinish: () => void;
}

/** A bar that stays in the last line while others are printed above it, and becomes a line when it is finished. */
export class BarProgress implements Progress {
  readonly #bar: SingleBar;
  readonly #place: BarPlace;
  readonly #clock = new Clock();
  readonly #total: number;
  readonly #label: string;
  #done = 0;
  #payload = { details: "", left: "-:--", run: "" };

  constructor(label: string, total: number, place: BarPlace) {
    this.#label = visible(label);
    this.#total = total;
    this.#place = place;
    this.#bar = new SingleBar({
      format: () => this.line(place.columns() - 1), // in the last column a cursor may be in the next line already
      hideCursor: true,
      clearOnComplete: true,
      linewrap: true, // a line that fits needs no terminal that cuts, and what others print meanwhile is not to be cut
    }, Presets.shades_classic);
    this.show();
  }

  /** The bar's text in at most so many columns: first the bar gives way, then the details, then the rest. */
  line(width: number): string {
    const { details, left, run } = this.#payload;
    const parts = (bar: number, shown: string) =>
      `${this.#label}${bar > 0 ? ` ${this.#blocks(bar)}` : ""} ${this.#amount()}${shown}  ${left} left${run}`;
    const rest = stringWidth(parts(0, details)) + 1;
    if (rest + LEAST_BAR <= width) return parts(Math.min(BAR, width - rest), details);
    const room = width - stringWidth(parts(LEAST_BAR, ""));
    return cutToWidth(parts(LEAST_BAR, room > 3 ? cutToWidth(details, room) : ""), width);
  }

  #amount(): string {
    return amountOf(this.#done, this.#total, this.#place);
  }

  #blocks(size: number): string {
    const share = this.#total > 0 ? this.#done / this.#total : 1;
    const full = Math.max(0, Math.min(size, Math.round(share * size)));
    return "\u2588".repeat(full) + "\u2591".repeat(size - full);
  }

  update(done: number, details: ProgressDetails = {}): void {
    this.#done = done;
    const left = this.#clock.remaining(done, this.#total);
    this.#payload = { details: describe(details), left, run: ofRun(details) };
    this.#bar.update(done, this.#payload);
  }

  finish(): void {
    this.hide();
    this.#place.onFinish();
    print("stderr", `${this.#label} ${this.#amount()}${this.#payload.details}`);
  }

  hide(): void {
    // It returns to where it began, which is another line once somebody else has written: begin here instead.
    returnHere("stderr");
    this.#bar.stop();
  }

  show(): void {
    this.#bar.start(this.#total, this.#done, this.#payload);
  }
}

/** A line now and then, for what is no terminal. */
export class LineProgress implements Progress {
  readonly #label: string;
  readonly #total: number;
  readonly #options: ProgressOptions;
  readonly #print: (line: string) => void;
  readonly #clock = new Clock();
  #last = -Infinity;
  #line = "";

  constructor(
    label: string,
    total: number,
    { print, ...options }: ProgressOptions & { readonly print: (line: string) => void },
  ) {
    this.#label = label;
    this.#total = total;
    this.#options = options;
    this.#print = print;
  }

  update(done: number, details: ProgressDetails = {}): void {
    const left = this.#clock.remaining(done, this.#total);
    this.#line = `${this.#label} ${amountOf(done, this.#total, this.#options)}${describe(details)}${
      done < this.#total ? `  ${left} left${ofRun(details)}` : ""
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
