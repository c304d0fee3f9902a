/**
 * Threads from the text of a function, which needs neither a file nor a permission, and how many of them are worth
 * starting. Deno, Node and Bun: `node:worker_threads`, whose threads do not keep the process alive. Browsers: `Worker` from
 * a blob URL.
 */
import { builtinModule, hasFiles, operatingSystem } from "./builtin_modules.ts";
import { deferred } from "./deferred.ts";
import { hasWorkers } from "./workers.ts";

/** Milliseconds that a thread has to say that it is ready. */
const START_TIMEOUT = 20_000;

export interface Thread {
  /** Resolves when the thread has ended after it was told to stop. */
  ended(): Promise<void>;
}

/**
 * Starts a thread that runs `body` with a message, and resolves when the body has called its second argument.
 * @param body uses nothing from outside itself: it travels as text
 */
export function startThread<Message>(
  body: (message: Message, ready: () => void) => void,
  message: Message,
): Promise<Thread> {
  // What Node documents under that name.
  const node = builtinModule("node:worker_threads") as NodeWorkerThreads | null;
  return node ? startNodeThread(node, { body: String(body), message }) : startWebThread(String(body), message);
}

/** Whether threads can be started that share memory: a page gets none unless it is isolated from other origins. */
export function canShareMemory(): boolean {
  return typeof SharedArrayBuffer !== "undefined" && hasWorkers();
}

/** Processors that this program may keep busy; 1 where the platform does not tell. */
export function processorCount(): number {
  // Node has a navigator from 21 on.
  return globalThis.navigator?.hardwareConcurrency ?? (hasFiles() ? operatingSystem().availableParallelism() : 1);
}

let mayWait: boolean | undefined;

/** Whether this thread may sleep until another wakes it; that of a page may not. */
export function canWait(): boolean {
  if (mayWait === undefined) {
    try {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0); // what is there differs: returns at once
      mayWait = true;
    } catch {
      mayWait = false;
    }
  }
  return mayWait;
}

/** Bundlers that keep the names of functions call this inside of them, and a function that travels as text lacks it. */
const BUNDLED = "const __name = (f) => f;\n";

/** The little that is used of `node:worker_threads`. */
interface NodeWorker {
  once(event: "message" | "error" | "exit", listener: (value: unknown) => void): void;
  postMessage(value: unknown): void;
  ref(): void;
  unref(): void;
}
interface NodeWorkerThreads {
  readonly Worker: new (source: string, options: { eval: true }) => NodeWorker;
}

async function startNodeThread(
  node: NodeWorkerThreads,
  { body, message }: { readonly body: string; readonly message: unknown },
): Promise<Thread> {
  const source = `${BUNDLED}const { parentPort } = require("node:worker_threads");
parentPort.once("message", (start) => (${body})(start, () => parentPort.postMessage("ready")));`;
  const worker = new node.Worker(source, { eval: true });
  const end = deferred<void>();
  worker.once("exit", () => end.resolve());
  await withinTime((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.postMessage(message);
  });
  worker.unref();
  return {
    ended: () => {
      worker.ref(); // or the event loop might end before the thread does
      return end.promise;
    },
  };
}

async function startWebThread(body: string, message: unknown): Promise<Thread> {
  const source =
    `${BUNDLED}onmessage = ({ data }) => { (${body})(data, () => postMessage("ready")); postMessage("ended"); close(); };`;
  const url = URL.createObjectURL(new Blob([source], { type: "application/javascript" }));
  const worker = new Worker(url, { type: "module" });
  const end = deferred<void>();
  try {
    await withinTime((resolve, reject) => {
      worker.onmessage = ({ data }) => data === "ready" ? resolve(data) : end.resolve();
      worker.onerror = reject;
      worker.postMessage(message);
    });
  } finally {
    URL.revokeObjectURL(url);
  }
  return { ended: () => end.promise.then(() => worker.terminate()) };
}

function withinTime(body: (resolve: (value: unknown) => void, reject: (reason: unknown) => void) => void) {
  const { promise, resolve, reject } = deferred<unknown>();
  const timer = setTimeout(() => reject(new Error("cpu: a worker thread did not start")), START_TIMEOUT);
  body(resolve, reject);
  return promise.finally(() => clearTimeout(timer));
}
