/** The work of `pool_worker.js`. */
import { DinogradError } from "../../platform/errors.ts";

/** What the tests ask of it. */
export interface PoolRequest {
  /** How the worker ends its work: with an answer, an error, one that users cause, or its own death. */
  readonly end: "answer" | "error" | "refusal" | "crash";
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The bytes as they came, and how many requests were answered on this thread, this one included. */
export interface PoolAnswer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly nth: number;
}

let answered = 0;

export async function work({ end, bytes }: PoolRequest): Promise<PoolAnswer> {
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
}
