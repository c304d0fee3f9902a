/**
 * The process in which files are read, so that one which hangs it or takes all memory ends no more than this process.
 * Writes to standard output `s` when it is ready, then for every case `r` (read), `x` (refused) or a line of JSON (a
 * `Finding`); `runner.ts` listens.
 */
import process from "node:process";
import { RandomStream } from "../../engine/random.ts";
import { type FuzzTarget, judge, MOST_MEMORY } from "./target.ts";
import { fuzzTarget } from "./targets.ts";

/** What a child is told to do, as JSON in its argument. */
export interface FuzzTask {
  readonly target: string;
  readonly seed: number;
  /** Number of the first case. */
  readonly from: number;
  /** How many cases at most. */
  readonly cases: number;
  /** No case begins later than this, counted from the first. */
  readonly seconds: number;
}

/** A file that broke the rule. */
export interface Finding {
  /** Its number: with seed and target it makes the file again. */
  readonly number: number;
  readonly problem: string;
}

/** The numbers that the file of a case is made from. */
export function randomOf({ target, seed }: Pick<FuzzTask, "target" | "seed">, number: number): RandomStream {
  return RandomStream.named(seed, `fuzz ${target} ${number}`);
}

/**
 * The most memory that this program ever had, in bytes. Linux counts in `maxRSS` also what the process had before it
 * became this program, which is what its parent had: a test run of a gigabyte would be laid to its charge.
 */
function mostMemory(): number {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(Deno.readTextFileSync("/proc/self/status")) ?? [];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  } catch {
    // Another system.
  }
  return process.resourceUsage().maxRSS * 1024;
}

/** What is wrong with the most memory that this program ever had, if anything. */
export function memoryProblem(): string | undefined {
  const taken = mostMemory();
  return taken > MOST_MEMORY ? `expected at most ${MOST_MEMORY} bytes of memory but found ${taken}` : undefined;
}

async function work(task: FuzzTask, target: FuzzTarget): Promise<void> {
  const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(text));
  say("s");
  const end = performance.now() + task.seconds * 1000;
  for (let number = task.from; number < task.from + task.cases && performance.now() < end; number++) {
    const input = await target.make(randomOf(task, number));
    const find = (problem: string) => say(JSON.stringify({ number, problem } satisfies Finding) + "\n");
    try {
      const outcome = await judge(target, input);
      const problem = memoryProblem();
      if (problem !== undefined) {
        // What was taken once stays on the account of this process; the next case gets a new one.
        find(problem);
        return;
      }
      say(outcome === "read" ? "r" : "x");
    } catch (error) {
      find(String(error instanceof Error ? error.stack : error).slice(0, 3000));
    }
  }
}

if (import.meta.main) {
  const task: FuzzTask = JSON.parse(Deno.args[0]);
  await work(task, fuzzTarget(task.target));
}
