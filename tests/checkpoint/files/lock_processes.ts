/** Real processes that want one folder, held up at random and killed at random. */
import { fromFileUrl } from "@std/path";
import type { RandomStream } from "../../../engine/random.ts";

const CHILD = fromFileUrl(new URL("./lock_child.ts", import.meta.url));

/** What protects the folder of a test: both kinds of lock, the file alone, or some processes with one and some with both. */
export type RealProtection = "kernel" | "none" | "mixed";

/** What came of it. */
export interface ProcessRounds {
  readonly held: number;
  readonly refused: number;
  readonly killed: number;
}

/** The command line of a child; `prefix` stands before it, such as a namespace. */
export function lockChild(
  args: readonly (string | number)[],
  { prefix = [], stdin = "null" }: { readonly prefix?: readonly string[]; readonly stdin?: "null" | "piped" } = {},
): Deno.ChildProcess {
  const [program, ...first] = [...prefix, Deno.execPath()];
  return new Deno.Command(program, {
    args: [...first, "run", "-A", "--no-check", "--quiet", CHILD, ...args.map(String)],
    env: { NO_COLOR: "1" },
    stdin,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/**
 * Some processes at once, each of which takes and gives up the lock so many times; `kills` of them die on the way and are
 * replaced.
 * @throws Error if two held the lock at once, or anything but a refusal was thrown
 */
export async function lockProcesses(
  folder: string,
  { processes, rounds, kills, protection, random }: {
    readonly processes: number;
    readonly rounds: number;
    readonly kills: number;
    readonly protection: RealProtection;
    readonly random: RandomStream;
  },
): Promise<ProcessRounds> {
  const sum = { held: 0, refused: 0, killed: 0 };
  let left = kills;
  const live = async (index: number): Promise<void> => {
    const kind = protection === "mixed" ? ["kernel", "none"][index % 2] : protection;
    for (;;) {
      const child = lockChild([folder, rounds, random.int(2 ** 31), kind]);
      const isVictim = left > 0 && index % 2 === 0;
      if (isVictim) left--;
      const timer = isVictim ? setTimeout(() => child.kill("SIGKILL"), 500 + random.int(1000)) : undefined;
      const { code, signal, stdout, stderr } = await child.output();
      clearTimeout(timer);
      if (signal === "SIGKILL") {
        sum.killed++;
        continue;
      }
      if (code !== 0) throw new Error(`exit code ${code}: ${new TextDecoder().decode(stderr)}`);
      const { held, refused } = JSON.parse(new TextDecoder().decode(stdout)) as Omit<ProcessRounds, "killed">; // lock_child.ts
      sum.held += held;
      sum.refused += refused;
      return;
    }
  };
  await Promise.all(Array.from({ length: processes }, (_, index) => live(index)));
  return sum;
}
