/**
 * Measures one subject or several, each beside the machine's own peak or a peer in the same run:
 *
 *     deno task bench                        # the engine and a whole model, quickly
 *     deno task bench gemm --threads 2       # one subject, thoroughly
 *     deno task bench peers --json > peers.json
 *
 * `bench/RESULTS.md` has what came out on the machines at hand.
 */

import { Command } from "commander";
import { begin, finish, machine, say } from "./report.ts";

interface Subject {
  readonly about: string;
  readonly load: () => Promise<{ readonly run: () => void | Promise<void> }>;
}

const SUBJECTS: Readonly<Record<string, Subject>> = {
  gemm: { about: "matrix products at the shapes of the detector", load: () => import("./gemm.ts") },
  conv: { about: "convolutions and their gradients", load: () => import("./conv.ts") },
  deformable_attention: { about: "deformable attention", load: () => import("./deformable_attention.ts") },
  kernels: { about: "generated kernels, launches and top-k", load: () => import("./kernels.ts") },
  dino_r50: {
    about: "DINO-4scale with a ResNet-50: forward pass and training step",
    load: () => import("./dino_r50.ts"),
  },
  checkpoint: { about: "saving and loading a bundle of 560 MB", load: () => import("./checkpoint.ts") },
  deflate: { about: "the coder of exponent planes", load: () => import("./deflate.ts") },
  neighbour: { about: "training beside a process that keeps one core busy", load: () => import("./neighbour.ts") },
  peers: { about: "onnxruntime-web, tfjs and jax-js on the same products", load: () => import("./peers.ts") },
  pytorch: { about: "PyTorch, where a python3 has it", load: () => import("./pytorch.ts") },
};
/** What runs where no subject is named; quickly. */
const USUAL = ["gemm", "conv", "deformable_attention", "kernels", "dino_r50"];

const command = new Command("bench")
  .argument("[subjects...]", `any of ${Object.keys(SUBJECTS).join(", ")} (default: ${USUAL.join(", ")}, with --quick)`)
  .option("--list", "say what the subjects are")
  .option("--quick", "fewer repeats")
  .option("--threads <n>", "CPU threads, where a subject does not compare numbers of them (default: all cores)")
  .option("--json", "one JSON value at the end instead of tables")
  .option("--folder <dir>", "checkpoint: where to write")
  .option("--repeats <n>", "checkpoint: how often")
  .option("--size <WxH>", "dino_r50: a forward pass at that size too");
command.parse(Deno.args, { from: "user" });
const { list } = command.opts<{ list?: true }>();
const unknown = command.args.find((name) => !Object.hasOwn(SUBJECTS, name));
if (unknown !== undefined) {
  console.error(`bench: expected ${Object.keys(SUBJECTS).join(", ")} but found ${unknown}`);
  Deno.exit(2);
}
if (list) {
  for (const [name, { about }] of Object.entries(SUBJECTS)) console.log(`${name.padEnd(22)}${about}`);
  Deno.exit(0);
}
if (command.args.length === 0) Deno.args.push("--quick"); // subjects read their flags there
for (const [i, name] of (command.args.length > 0 ? command.args : USUAL).entries()) {
  begin(name);
  if (i === 0) say(machine());
  const { run } = await SUBJECTS[name].load();
  await run();
}
finish();
