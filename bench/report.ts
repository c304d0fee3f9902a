/**
 * How benchmarks tell what they found: for people as they go, or, with `--json`, all of it as one value at the end. Figures
 * mean something beside the processor's name, which comes first.
 */

import { formatTable } from "../commands/shared/table.ts";

interface Told {
  readonly subject: string;
  readonly lines: string[];
  readonly tables: { readonly headings: readonly string[]; readonly rows: readonly (readonly string[])[] }[];
}

const isJson = Deno.args.includes("--json");
const told: Told[] = [];

/** From here on it is about this. */
export function begin(subject: string): void {
  if (!isJson) console.log(`${told.length > 0 ? "\n" : ""}== ${subject}`);
  told.push({ subject, lines: [], tables: [] });
}

/** One line. */
export function say(line: string): void {
  if (!isJson) return console.log(line);
  told.at(-1)?.lines.push(line);
}

/** A table. */
export function show(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  if (!isJson) { for (const line of formatTable(headings, rows)) console.log(line); }
  told.at(-1)?.tables.push({ headings, rows });
}

/** What was measured on: "AMD EPYC, 2 cores, linux x86_64, Deno 2.9.6, V8 15.0". */
export function machine(): string {
  const { os, arch } = Deno.build;
  const { deno, v8 } = Deno.version;
  return `${processor()}, ${navigator.hardwareConcurrency} cores, ${os} ${arch}, Deno ${deno}, V8 ${v8}`;
}

/** The end: with `--json` everything that was told. */
export function finish(): void {
  if (isJson) console.log(JSON.stringify({ machine: machine(), results: told }, null, 2));
}

/** The processor's name, where the system tells it. */
function processor(): string {
  try {
    const name = /model name\s*:\s*(.+)/.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1];
    if (name) return name;
  } catch { /* not Linux */ }
  try {
    const { success, stdout } = new Deno.Command("sysctl", { args: ["-n", "machdep.cpu.brand_string"] }).outputSync();
    if (success) return new TextDecoder().decode(stdout).trim();
  } catch { /* not macOS */ }
  return Deno.env.get("PROCESSOR_IDENTIFIER") ?? "unknown processor";
}
