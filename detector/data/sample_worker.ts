/**
 * The program of one data worker (see `sample_workers.ts`): receives a request, answers with the sample, whose pixels are
 * moved, not copied, or with the error.
 */
import { DinogradError } from "../../engine/errors.ts";
import { loadSample, type SampleRequest } from "./batch.ts";
import type { WorkerAnswer } from "./sample_workers.ts";

/** The part of a worker's global scope used here. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<SampleRequest>) => void) | null;
  postMessage(answer: WorkerAnswer, transfer: Transferable[]): void;
}

// This file only ever runs as a worker, whose global scope the compiler is not told of.
const scope = globalThis as unknown as WorkerScope;

scope.onmessage = async ({ data }) => {
  try {
    const sample = await loadSample(data);
    scope.postMessage({ sample }, [sample.pixels.buffer]);
  } catch (error) {
    const kind = error instanceof DinogradError ? error.kind : undefined;
    scope.postMessage({ failure: { kind, message: error instanceof Error ? error.message : String(error) } }, []);
  }
};
