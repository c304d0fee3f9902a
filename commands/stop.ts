/** Ctrl-C and SIGTERM: the first asks to stop at the next step, a second Ctrl-C or SIGTERM stops at once. */

/** Watches until disposed. `signal` aborts at the first request; its reason is the signal's name. */
export function watchForStop(): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const handle = (name: Deno.Signal) => () => {
    if (controller.signal.aborted) Deno.exit(130);
    controller.abort(name);
    console.error(`\n${name}: stopping at the next step; once more to stop at once`);
  };
  // Windows knows no SIGTERM.
  const names: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  const handlers = names.map((name) => [name, handle(name)] as const);
  for (const [name, handler] of handlers) Deno.addSignalListener(name, handler);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const [name, handler] of handlers) Deno.removeSignalListener(name, handler);
    },
  };
}
