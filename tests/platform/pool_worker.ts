/** A worker for `worker_pool_test.ts`. */
import { DinogradError } from "../../platform/errors.ts";
import { answerRequests } from "../../platform/worker_pool.ts";

/** What the tests ask of it. */
export interface PoolRequest {
  /** How the worker ends its work: with an answer, an error, one that users cause, or its own death. */
  readonly end: "answer" | "error" | "refusal" | "crash";
  readonly bytes: Uint8Array<ArrayBuffer>;
}

let answered = 0;

answerRequests<PoolRequest, { readonly bytes: Uint8Array<ArrayBuffer>; readonly nth: number }>(
  async ({ end, bytes }) => {
    const nth = ++answered;
    await new Promise((resolve) => setTimeout(resolve, bytes[0]));
    if (end === "error") throw new TypeError("it went wrong");
    if (end === "refusal") throw new DinogradError("data", "a.jpg: expected a picture");
    if (end === "crash") {
      setTimeout(() => {
        throw new Error("out of reach");
      }, 0);
      await new Promise(() => {});
    }
    return { bytes, nth };
  },
  ({ bytes }) => [bytes.buffer],
);
