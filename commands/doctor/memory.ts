/** Is there room for a step, and for the program around it? */
import type { DinoConfig } from "../../detector/config/mod.ts";
import { openDataset } from "../../detector/data/mod.ts";
import { formatBytes } from "../../detector/logs/format_bytes.ts";
import { chooseBatch, memoryNeed, type MemoryQuestion } from "../../detector/train/run_memory.ts";
import { DinogradError } from "../../engine/errors.ts";
import { asFinding, type Finding, fine, odd } from "./findings.ts";

interface RoomAnswer {
  readonly findings: Finding[];
  /** With the batch that would be chosen, where one is. */
  readonly config: DinoConfig;
}

const REMEDY = "lower batch_size, use smaller images, or use_checkpoint=True; --batch_size auto takes what fits";

/** Estimates what a run needs. `isChosen`: whether the batch is to be the largest for which there is room. */
export async function checkRoom(
  cocoPath: string,
  { isChosen, ...question }: Omit<MemoryQuestion, "train"> & { readonly isChosen: boolean },
): Promise<RoomAnswer> {
  const { config } = question;
  try {
    const train = await openDataset(cocoPath, "train");
    if (isChosen) {
      const { config: chosen, line } = await chooseBatch({ ...question, train });
      return { config: chosen, findings: [fine("memory", line)] };
    }
    const { bytes, free, what, isAddressable } = await memoryNeed({ ...question, train });
    const text = `${what} take about ${formatBytes(bytes)}` +
      (free === null ? "" : ` of ${formatBytes(free)} that are free`);
    if (!isAddressable) {
      return { config, findings: [odd("memory", `${text}, more than WebAssembly can address`, REMEDY)] };
    }
    return { config, findings: [free !== null && bytes > free ? odd("memory", text, REMEDY) : fine("memory", text)] };
  } catch (error) {
    if (!(error instanceof DinogradError)) throw error;
    // What is wrong with data or device is told elsewhere.
    return {
      config,
      findings: isChosen ? [asFinding(error, "memory", "say how much memory there is with --memory SIZE")] : [],
    };
  }
}
