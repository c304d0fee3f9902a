/** Runs cases of a target in processes of their own and watches over them: their time, their memory and their end. */
import { fromFileUrl } from "@std/path";
import { type Finding, type FuzzTask, randomOf } from "./child.ts";
import { MOST_MEMORY, SLOWEST } from "./target.ts";
import { fuzzTarget } from "./targets.ts";

/** Time to load all readers on a busy machine, in ms. */
const STARTING = 120_000;
/** A child says itself that a case was slow, unless the case never ends. */
const HANGING = 4 * SLOWEST;
/** A child says itself that it took too much, unless it continues taking. */
const WATCH_EVERY = 100;

/** What became of the cases that were run. */
export interface FuzzOutcome {
  readonly read: number;
  readonly refused: number;
  readonly findings: readonly Finding[];
  /** Number of the case to continue with. */
  readonly next: number;
}

/** For tests of the watch itself: another child, which may hang for less long. */
export interface WatchOptions {
  readonly script?: string;
  /** In ms. */
  readonly hanging?: number;
}

/** Runs a task to its end, through hanging and dying children, or up to ten findings. */
export async function runFuzz(task: FuzzTask, options: WatchOptions = {}): Promise<FuzzOutcome> {
  const findings: Finding[] = [];
  let [read, refused, next] = [0, 0, task.from];
  const end = performance.now() + task.seconds * 1000;
  while (next < task.from + task.cases && performance.now() < end && findings.length < 10) {
    const seconds = (end - performance.now()) / 1000;
    const part = await runChild({ ...task, from: next, cases: task.from + task.cases - next, seconds }, options);
    read += part.read;
    refused += part.refused;
    next = part.next;
    findings.push(...part.findings);
  }
  return { read, refused, findings, next };
}

/** Keeps the file of a finding in the corpus, where the tests read it for ever; returns its path. */
export async function keepFinding(task: FuzzTask, { number }: Finding): Promise<string> {
  const { name, bytes } = await fuzzTarget(task.target).make(randomOf(task, number));
  const folder = fromFileUrl(new URL(`corpus/${task.target}/`, import.meta.url));
  await Deno.mkdir(folder, { recursive: true });
  const path = `${folder}finding_${task.seed}_${number}${name.slice(name.lastIndexOf("."))}`;
  await Deno.writeFile(path, bytes);
  return path;
}

async function runChild(task: FuzzTask, options: WatchOptions): Promise<FuzzOutcome> {
  const { script = "child.ts", hanging = HANGING } = options;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", fromFileUrl(new URL(script, import.meta.url)), JSON.stringify(task)],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let killed: string | undefined;
  const kill = (why: string) => {
    if (killed !== undefined) return;
    killed = why;
    child.kill("SIGKILL");
  };
  let lastWord = performance.now();
  let isStarted = false;
  const watch = setInterval(() => {
    const silent = performance.now() - lastWord;
    if (silent > (isStarted ? hanging : STARTING)) {
      kill(`expected an end but found none after ${Math.round(silent)} ms`);
    }
    const memory = memoryOf(child.pid);
    if (memory > 2 * MOST_MEMORY) kill(`expected at most ${MOST_MEMORY} bytes of memory but found ${memory}`);
  }, WATCH_EVERY);

  const findings: Finding[] = [];
  const counts = { r: 0, x: 0 };
  let line = "";
  try {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      lastWord = performance.now();
      for (const letter of text) {
        if (line === "" && letter === "s") isStarted = true;
        else if (line === "" && (letter === "r" || letter === "x")) counts[letter]++;
        else if (letter !== "\n") line += letter;
        else {
          findings.push(JSON.parse(line));
          line = "";
        }
      }
    }
  } finally {
    clearInterval(watch);
  }
  const { code } = await child.status;
  const next = task.from + counts.r + counts.x + findings.length;
  const outcome = { read: counts.r, refused: counts.x, findings, next };
  if (killed === undefined && code === 0) return outcome;
  if (!isStarted) {
    throw new Error(`fuzz: the process for ${task.target} ended before its first case (${killed ?? code})`);
  }
  const problem = killed ?? `expected the process to live but found exit code ${code}`;
  return { ...outcome, findings: [...findings, { number: next, problem }], next: next + 1 };
}

/** What a process has in memory now, in bytes; 0 where the system does not tell in a file. */
function memoryOf(pid: number): number {
  try {
    const [, pages] = Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ");
    return Number(pages) * 4096;
  } catch {
    return 0;
  }
}
