/**
 * Training beside a busy neighbour: images per second of the preset `cards` on one thread and on all of them, alone and
 * while another process keeps a core busy. The last column says whether a thread more was worth it.
 *
 * `deno run -A bench/neighbour.ts [--quick]`
 */

import { createCpuDevice } from "../engine/device/wasm/device.ts";
import { measureTraining } from "../commands/measure/model.ts";
import { preset } from "../detector/config/mod.ts";
import { say, show } from "./report.ts";

const config = preset("cards")!; // the name is one of the presets'

/** Measures and tells. */
export async function run(): Promise<void> {
  const cores = navigator.hardwareConcurrency;
  const repeats = Deno.args.includes("--quick") ? 5 : 15;
  const rates = async (threads: number): Promise<number> => {
    const device = await createCpuDevice({ threads });
    try {
      const { median } = await measureTraining(device, config, { batch: 8, width: 160, height: 160, repeats });
      return 8 / median;
    } finally {
      await device.destroy();
    }
  };
  const rows: string[][] = [];
  for (const isBusy of [false, true]) {
    const neighbour = isBusy ? startNeighbour() : undefined;
    try {
      const counts = [...new Set([1, cores - 1, cores].filter((count) => count > 0))];
      let before: number | undefined;
      for (const threads of counts) {
        const rate = await rates(threads);
        const worth = before === undefined ? "-" : (rate / before).toFixed(2);
        rows.push([isBusy ? "busy neighbour" : "alone", String(threads), rate.toFixed(2), worth]);
        before = rate;
      }
    } finally {
      neighbour?.kill("SIGKILL");
      await neighbour?.status;
    }
  }
  say(`${cores} cores; the neighbour is one process that never rests`);
  show(["", "threads", "images/s", "x fewer threads"], rows);
}

function startNeighbour(): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), { args: ["eval", "for (;;);"], stdin: "null", stdout: "null" }).spawn();
}

if (import.meta.main) await run();
