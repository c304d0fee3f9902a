/** A child whose cases go wrong in every way that the runner must notice; the others are "read". */
import process from "node:process";
import { type FuzzTask, memoryProblem } from "./child.ts";

const task: FuzzTask = JSON.parse(Deno.args[0]);
const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(text));
say("s");
for (let number = task.from; number < task.from + task.cases; number++) {
  if (number === 1) { for (;;); }
  if (number === 2) {
    const taken = new Uint8Array(1.2e9).fill(1);
    const problem = taken[0] === 1 ? memoryProblem() : undefined;
    if (problem !== undefined) {
      say(JSON.stringify({ number, problem }) + "\n");
      process.exit(0);
    }
  }
  if (number === 4) process.exit(9);
  say("r");
}
