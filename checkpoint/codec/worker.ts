/** The worker side of `codec/pool.ts`: takes a block, does its work, hands the buffers back. */
import { type CodecBlock, runBlock } from "./block.ts";

/** The part of a worker's global scope that is used here; the library types of a page know only `Window`. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<CodecBlock>) => void) | null;
  postMessage(message: unknown, transfer: Transferable[]): void;
}

// In a worker the global object is the worker's scope.
const scope = globalThis as unknown as WorkerScope;

scope.onmessage = (event) => {
  const result = runBlock(event.data);
  scope.postMessage(result, [result.source, result.target]);
};
