/**
 * Encodes and decodes blocks off the main thread, so that a training step is held up by the copy of its tensors alone.
 * With no workers (small bundles, where starting one costs more than the work) blocks are done on the spot.
 */
import { processorCount } from "../../platform/threads.ts";
import { WorkerPool } from "../../platform/worker_pool.ts";
import { type CodecBlock, type CodecResult, runBlock } from "./block.ts";

/** Below this many bytes of work no workers are started. */
const WORTH_A_WORKER = 24 * 1024 * 1024;
/** Two keep up with a disk; each more costs the memory of an engine and four megabytes of buffers. */
const MOST_WORKERS = 2;

/**
 * A few workers that take turns at a queue. Close it when done: workers keep a process alive. Starting one holds the
 * main thread for some 100 ms, so who saves often makes a pool once and hands it to every `writeBundle`.
 *
 * @category Bundles
 */
export class CodecPool {
  readonly #pool: WorkerPool<CodecBlock, CodecResult<CodecBlock>> | undefined;
  /** Threads that encode and decode; 0 where that is done on the spot. */
  readonly workers: number;

  /** Starts workers; 0 for a pool that does its work on the spot. */
  constructor(workers: number = MOST_WORKERS) {
    this.workers = workers;
    if (workers === 0) return;
    this.#pool = new WorkerPool({
      ...{ name: "codec worker", count: workers, atOnce: Infinity },
      ...{ file: "./worker.js", from: import.meta.url },
      start: () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" }),
      here: () => import("./worker.js"),
    });
  }

  /** A pool as large as work of `bytes` deserves, on `cores` that have nothing else to do; by default all. */
  static for(bytes: number, cores: number = processorCount()): CodecPool {
    return new CodecPool(bytes < WORTH_A_WORKER ? 0 : Math.min(MOST_WORKERS, Math.max(1, cores)));
  }

  /**
   * Does a block's work; its two buffers are unusable until they come back in the result.
   * @internal
   */
  async run<B extends CodecBlock>(block: B): Promise<CodecResult<B>> {
    const { source, target } = block;
    const result = this.#pool ? await this.#pool.run(block, { transfer: [source, target] }) : runBlock(block);
    return result as CodecResult<B>; // each block is answered by its kind
  }

  /** Stops the workers; work that is not done is rejected. */
  close(): void {
    this.#pool?.close();
  }
}
