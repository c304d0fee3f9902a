/** Ctrl-C and SIGTERM: the first asks to stop at the next step, a second one stops at once. */
import { sayStopping, STOP_SIGNALS } from "./stop_signals.ts";

/** The exit code of a process that was asked to stop. */
const INTERRUPTED = 130;

/**
 * Watches until disposed. `signal` aborts at the first request; its reason is the signal's name. With `busy` a second
 * thread watches too, for commands whose steps keep this one from hearing anything.
 */
export function watchForStop({ busy = false } = {}): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const handle = (name: Deno.Signal) => () => {
    if (controller.signal.aborted) Deno.exit(INTERRUPTED);
    controller.abort(name);
    if (!busy) sayStopping(name);
  };
  const handlers = STOP_SIGNALS.map((name) => [name, handle(name)] as const);
  for (const [name, handler] of handlers) Deno.addSignalListener(name, handler);
  const url = new URL("./stop_worker.ts", import.meta.url);
  const worker = busy && mayRead(url) ? new Worker(url, { type: "module" }) : undefined;
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      worker?.terminate();
      for (const [name, handler] of handlers) Deno.removeSignalListener(name, handler);
    },
  };
}

/** Whether a thread may be started from a file; without that a request to stop is heard at the next step. */
function mayRead(url: URL): boolean {
  return url.protocol !== "file:" || Deno.permissions.querySync({ name: "read", path: url }).state === "granted";
}
