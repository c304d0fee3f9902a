/**
 * The same products, convolution and rows on one thread here and in the other tensor libraries that run in JavaScript, one
 * after the other on the same machine: how many times as fast. Every peer runs in a process of its own, on its WebAssembly
 * backend with SIMD. They are fetched for this from npm, and are no part of the project.
 *
 * `deno run -A bench/peers.ts [--quick]`
 */

import { withoutGradient } from "../engine/autograd.ts";
import { createCpuDevice } from "../engine/device/wasm/device.ts";
import { conv2d } from "../engine/ops/conv.ts";
import { fastest, measurePeak } from "../engine/profile/peak.ts";
import { scope } from "../engine/scope.ts";
import { tensor } from "../engine/tensor.ts";
import { FLOPS, inputsOf, PEERS, type PeerTimes, SUBJECTS } from "./peer_subjects.ts";
import { say, show } from "./report.ts";

/** Measures and tells. */
export async function run(): Promise<void> {
  const budget = Deno.args.includes("--quick") ? 400 : 1500;
  const device = await createCpuDevice({ threads: 1 });
  const peak = await measurePeak(1);
  const own: Record<string, number> = {};
  for (const subject of SUBJECTS) {
    using _ = scope();
    const [x, w] = inputsOf(subject).map(({ data, shape }) => tensor(device, data, shape));
    const compute = () =>
      withoutGradient(() =>
        subject === "softmax"
          ? x.softmax()
          : subject === "convolution"
          ? conv2d(x, { weight: w }, { padding: 1 })
          : x.matmul(w)
      );
    const once = () => {
      using _ = scope();
      compute();
    };
    fastest(once, budget);
    own[subject] = fastest(once, budget);
  }
  await device.destroy();
  const peers = new Map<string, PeerTimes>();
  for (const peer of PEERS) {
    const { times, problem } = await timesOf(peer, budget);
    if (times) peers.set(peer, times);
    else say(`${peer} left out: ${problem}`);
  }
  say(`one thread, peak ${peak.toFixed(0)} GFLOP/s; in brackets how many times as long as here`);
  const rows = SUBJECTS.map((subject) => [
    subject,
    own[subject].toFixed(2),
    FLOPS[subject] ? `${(100 * FLOPS[subject] / own[subject] / 1e6 / peak).toFixed(0)} %` : "-",
    ...[...peers.values()].map((times) =>
      `${times[subject].toFixed(2)} (${(times[subject] / own[subject]).toFixed(2)})`
    ),
  ]);
  show(["", "dinograd, ms", "of peak", ...[...peers.keys()].map((peer) => `${peer}, ms`)], rows);
}

async function timesOf(peer: string, budget: number): Promise<{ times?: PeerTimes; problem?: string }> {
  const script = new URL("./peer_process.ts", import.meta.url).pathname;
  const config = new URL("../deno.json", import.meta.url).pathname;
  const args = ["run", "-A", "--no-lock", "--no-check", "--config", config, script, peer, String(budget)];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (success) return { times: JSON.parse(text(stdout).split("\n").at(-1) ?? "") };
  return { problem: text(stderr).split("\n").find((line) => /error/i.test(line)) ?? "it did not run" };
}

if (import.meta.main) await run();
