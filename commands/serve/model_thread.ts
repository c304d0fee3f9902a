/**
 * The model in a thread of its own, as the listening thread sees it: one request at a time, each with a limit of time. A
 * request that takes longer ends the thread, for nothing else can stop it, and the next one starts another.
 */
import { WorkerPool } from "../../platform/worker_pool.ts";
import type { ImageDetections } from "../../detector/inference/detection.ts";
import type { ModelAnswer, ModelDescription, ModelRequest, ServedChoice } from "./model_messages.ts";
import { RequestProblem } from "./problem.ts";
import type { UploadedImage } from "./upload.ts";

/** What detects for the server. */
export interface ServedModel {
  readonly description: ModelDescription;
  /**
   * Detects in pictures, whose bytes it takes over. Call it when the one before has been answered.
   * @throws RequestProblem where a picture is of no use or takes too long
   */
  find(
    images: readonly UploadedImage[],
    options: { readonly threshold: number | null; readonly milliseconds: number },
  ): Promise<readonly ImageDetections[]>;
}

/** A model that computes in a thread. Dispose of it when done. */
export class ModelThread implements ServedModel, Disposable {
  readonly description: ModelDescription;
  readonly #options: ServedChoice;
  #thread: WorkerPool<ModelRequest, ModelAnswer>;

  /** Loads the model, however long that takes. Throws as `loadModel` and `openDevice`. */
  static async load(options: ServedChoice): Promise<ModelThread> {
    const thread = startThread();
    try {
      const answer = await thread.run({ options, images: [], threshold: null });
      if (answer.kind !== "loaded") throw new Error(`expected a loaded model but found an answer ${answer.kind}`);
      return new ModelThread(options, { thread, description: answer.model });
    } catch (error) {
      thread.close();
      throw error;
    }
  }

  private constructor(
    options: ServedChoice,
    { thread, description }: {
      readonly thread: WorkerPool<ModelRequest, ModelAnswer>;
      readonly description: ModelDescription;
    },
  ) {
    this.#options = options;
    this.#thread = thread;
    this.description = description;
  }

  async find(
    images: readonly UploadedImage[],
    { threshold, milliseconds }: { readonly threshold: number | null; readonly milliseconds: number },
  ): Promise<readonly ImageDetections[]> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(
        new RequestProblem(504, `expected an answer within ${milliseconds / 1000} s (--timeout allows more)`),
      );
      this.#thread.close(); // its error comes second, and is not told
      this.#thread = startThread();
    }, milliseconds);
    const transfer = images.map(({ bytes }) => bytes.buffer);
    const working = this.#thread.run({ options: this.#options, images, threshold }, { transfer });
    working.catch(() => {}); // where it was late, nobody waits for it
    try {
      const answer = await Promise.race([working, late.promise]);
      if (answer.kind === "found") return answer.images;
      if (answer.kind === "refused") throw new RequestProblem(answer.status, answer.message);
      throw new Error("expected detections but found a description");
    } finally {
      clearTimeout(timer);
    }
  }

  [Symbol.dispose](): void {
    this.#thread.close();
  }
}

function startThread(): WorkerPool<ModelRequest, ModelAnswer> {
  return new WorkerPool({
    ...{ name: "serve", count: 1, file: "./model_worker.ts", from: import.meta.url },
    start: () => new Worker(new URL("./model_worker.ts", import.meta.url), { type: "module" }),
    here: () => import("./model_worker.ts"),
  });
}
