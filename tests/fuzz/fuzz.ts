/**
 * The fuzzer: `deno task fuzz [--minutes N] [--seed S] [--target NAME …]`, by default half a minute over all targets and
 * another seed each time. Targets take turns; a finding is written to `corpus/`, where the tests replay it for ever.
 */
import { parseArgs } from "node:util";
import { keepFinding, runFuzz } from "./runner.ts";
import { FUZZ_TARGETS, fuzzTarget } from "./targets.ts";

/** The longest turn of a target, in seconds. */
const TURN = 30;

function options(): { minutes: number; seed: number; names: string[] } {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      minutes: { type: "string", default: "0.5" },
      seed: { type: "string", default: String(Date.now() % 2 ** 32) },
      target: { type: "string", multiple: true, default: FUZZ_TARGETS.map(({ name }) => name) },
    },
  });
  const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
  if (!(minutes > 0)) throw new Error(`expected --minutes above 0 but found ${values.minutes}`);
  if (!(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)) {
    throw new Error(`expected --seed from 0 to ${2 ** 32 - 1} but found ${values.seed}`);
  }
  values.target.forEach(fuzzTarget);
  return { minutes, seed, names: values.target };
}

async function fuzz({ minutes, seed, names }: ReturnType<typeof options>): Promise<number> {
  console.log(`fuzz: ${names.join(", ")} for ${minutes} min, seed ${seed}`);
  const end = performance.now() + minutes * 60_000;
  const totals = new Map(names.map((name) => [name, { read: 0, refused: 0, findings: 0, next: 0 }]));
  const turn = Math.min(TURN, minutes * 60 / names.length);
  let findings = 0;
  while (performance.now() < end && findings < 10) {
    for (const [name, total] of totals) {
      const seconds = Math.min(turn, (end - performance.now()) / 1000);
      if (seconds <= 0 || findings >= 10) break;
      const task = { target: name, seed, from: total.next, cases: Infinity, seconds };
      // JSON knows no Infinity.
      const outcome = await runFuzz({ ...task, cases: Number.MAX_SAFE_INTEGER - total.next });
      for (const finding of outcome.findings) {
        console.error(`fuzz: finding, kept as ${await keepFinding(task, finding)}\n${finding.problem}`);
      }
      findings += outcome.findings.length;
      total.read += outcome.read;
      total.refused += outcome.refused;
      total.findings += outcome.findings.length;
      total.next = outcome.next;
    }
  }
  for (const [name, { read, refused, findings }] of totals) {
    console.log(
      `fuzz: ${name}: ${read + refused + findings} files, ${refused} refused, ${read} read, ${findings} findings`,
    );
  }
  return findings;
}

if (import.meta.main) {
  let given: ReturnType<typeof options>;
  try {
    given = options();
  } catch (error) {
    console.error(`fuzz: ${error instanceof Error ? error.message : error}`);
    Deno.exit(2);
  }
  Deno.exit(await fuzz(given) === 0 ? 0 : 1);
}
