/**
 * How commands talk to a person or a program: results on standard output, notices and bars on standard error. On a
 * terminal a bar shows loss, speed and remaining time; elsewhere a plain line appears now and then.
 */
import { bold, dim, setColorEnabled, yellow } from "@std/fmt/colors";
import type { Progress, ProgressOptions, RunUi } from "../../detector/config/mod.ts";
import { environment } from "../../platform/environment.ts";
import { print, printJson, type PrintOptions } from "./output.ts";
import { BarProgress, LineProgress } from "./progress.ts";
import { layOutTable } from "./table.ts";

/** Columns of a terminal that does not say how many it has. */
const USUAL_WIDTH = 80;

interface TerminalOptions {
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
    const stream = this.#json ? Deno.stderr : Deno.stdout;
    const { head, rule, body } = layOutTable(headings, rows, { width: stream.isTerminal() ? columns() : Infinity });
    for (const line of head) this.say(line, { style: bold });
    for (const line of rule) this.say(line, { style: dim });
    for (const line of body) this.say(line);
  }

  /** One JSON value on standard output, on one line, whatever else is printed. */
  json(value: unknown): void {
    this.#above(() => printJson(value));
  }

  progress(label: string, total: number, options: ProgressOptions = {}): Progress {
    if (!this.#isTerminal) return new LineProgress(label, total, { ...options, print: (line) => this.say(line) });
    this.#bar?.finish();
    const bar = new BarProgress(label, total, { ...options, columns, onFinish: () => this.#bar = undefined });
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

/** How wide the terminal is at the moment. */
function columns(): number {
  try {
    return Deno.consoleSize().columns || USUAL_WIDTH;
  } catch {
    return USUAL_WIDTH;
  }
}
