/** Workers that run a file: `Worker` in Deno, Bun and browsers, `node:worker_threads` in Node. */
import { builtinModule } from "./builtin_modules.ts";

/** Where a worker's file is, in the ways that platforms and bundlers ask for it. */
export interface WorkerFile {
  /** What the worker is called; its file says the same. */
  readonly name: string;
  /** The file, seen from `from`. */
  readonly file: string;
  /** The `import.meta.url` of who starts it. */
  readonly from: string;
  /** `() => new Worker(new URL(file, from), { type: "module" })`, with literals: bundlers know workers by that form alone. */
  readonly start: () => Worker;
}

/** A worker from outside. */
export interface StartedWorker {
  /** Sends a request; `transfer` lists what moves with it, instead of a copy. */
  post(request: unknown, transfer: Transferable[]): void;
  /** Ends it at once. */
  end(): void;
}

/** Who hears a worker. */
interface Listener<Reply> {
  /** It is there: from now on what fails is its work and not its start. */
  ready(): void;
  reply(reply: Reply): void;
  /** It has failed outside of its replies; nothing comes from it any more. */
  failed(message: string): void;
}

/** What a message to a worker is: a worker's file may be loaded in another worker, which hears other messages too. */
interface Letter<Request> {
  /** The name of the worker that it is for. */
  readonly dinograd: string;
  /** Absent in the first, which asks whether it is there. */
  readonly request?: Request;
}

/** Whether workers, and threads with them, can be started at all. */
export function hasWorkers(): boolean {
  return typeof Worker !== "undefined" || workerThreads() !== null;
}

/**
 * Whether the modules of a page find packages through its import map. A worker has none, so that files which import
 * packages do not load there; Firefox does not even say so.
 */
export function hasImportMap(): boolean {
  if (!("document" in globalThis)) return false;
  const here = import.meta; // by this name the name to resolve need not be known when the package is published
  try {
    here.resolve("fflate"); // any that workers need
    return true;
  } catch {
    return false; // bundled
  }
}

/** Starts a worker. */
export function startWorker<Reply>(file: WorkerFile, listener: Listener<Reply>): StartedWorker {
  const hear = (data: "ready" | { readonly reply: Reply }) =>
    data === "ready" ? listener.ready() : listener.reply(data.reply);
  const { send, end } = typeof Worker === "undefined"
    ? startNodeWorker(file, { hear, failed: listener.failed })
    : startWebWorker(file, { hear, failed: listener.failed });
  send({ dinograd: file.name }, []);
  return { post: (request, transfer) => send({ dinograd: file.name, request }, transfer), end };
}

interface Line {
  send(letter: Letter<unknown>, transfer: Transferable[]): void;
  end(): void;
}

function startWebWorker(
  { start }: WorkerFile,
  { hear, failed }: { hear(data: never): void; failed(message: string): void },
): Line {
  const worker = start();
  worker.onmessage = ({ data }) => hear(data as never); // what `onRequests` posts
  worker.onerror = (event) => {
    event.preventDefault();
    worker.terminate();
    failed(event.message);
  };
  return { send: (letter, transfer) => worker.postMessage(letter, transfer), end: () => worker.terminate() };
}

/** The little that is used of `node:worker_threads`. */
interface NodeWorker {
  on(event: "message" | "error", listener: (value: never) => void): void;
  postMessage(value: unknown, transfer: Transferable[]): void;
  terminate(): unknown;
}
interface NodeWorkerThreads {
  readonly Worker: new (file: URL, options: { workerData: Letter<never> }) => NodeWorker;
  readonly workerData: unknown;
  readonly parentPort: NodeWorker | null;
}

/** What Node documents under that name. */
const workerThreads = () => builtinModule("node:worker_threads") as NodeWorkerThreads | null;

function startNodeWorker(
  { name, file, from }: WorkerFile,
  { hear, failed }: { hear(data: never): void; failed(message: string): void },
): Line {
  const threads = workerThreads();
  if (threads === null) throw new Error(`${name}: expected a platform with workers but found none`);
  const worker = new threads.Worker(new URL(file, from), { workerData: { dinograd: name } });
  worker.on("message", hear);
  worker.on("error", (error: unknown) => failed(error instanceof Error ? error.message : String(error)));
  return { send: (letter, transfer) => worker.postMessage(letter, transfer), end: () => void worker.terminate() };
}

/** The part of a worker's global scope that is used here; the library types of a page know only `Window`. */
interface WorkerScope {
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  postMessage(reply: unknown, transfer: Transferable[]): void;
}

/**
 * The worker's side: if this is a worker of that name, `open` is given a way to post replies and gives back who hears the
 * requests. Does nothing on another thread.
 */
export function onRequests<Request, Reply>(
  name: string,
  open: (post: (reply: Reply, transfer: Transferable[]) => void) => (request: Request) => void,
): void {
  const answer = (send: (message: unknown, transfer: Transferable[]) => void) => {
    const hear = open((reply, transfer) => send({ reply }, transfer));
    return (letter: unknown) => {
      if (!isFor<Request>(name, letter)) return;
      if (letter.request === undefined) send("ready", []);
      else hear(letter.request);
    };
  };
  if (typeof Worker === "undefined") {
    const { workerData, parentPort } = workerThreads() ?? {};
    if (parentPort && isFor(name, workerData)) {
      parentPort.on("message", answer((message, transfer) => parentPort.postMessage(message, transfer)));
    }
    return;
  }
  if ("document" in globalThis) return;
  // In a worker the global object is the worker's scope.
  const scope = globalThis as unknown as WorkerScope;
  const hear = answer((message, transfer) => scope.postMessage(message, transfer));
  scope.addEventListener("message", ({ data }) => hear(data));
}

function isFor<Request>(name: string, letter: unknown): letter is Letter<Request> {
  return typeof letter === "object" && letter !== null && "dinograd" in letter && letter.dinograd === name;
}
