/** The server itself: listens, hands requests to the handler, and ends when it is asked to. */
import { DinogradError } from "../../engine/errors.ts";
import { reasonOf } from "../../platform/reasons.ts";
import type { Handler } from "./handler.ts";

/** Milliseconds that answers have to leave when the server stops. */
const GRACE = 30_000;

interface Listening {
  /** Where it answers, such as `http://127.0.0.1:8000/`. */
  readonly url: string;
  /** Takes no more requests, answers those that are here, and resolves when that is done, or was not in time. */
  stop(): Promise<void>;
}

/** @throws DinogradError of kind "usage" where the port or the address are not to be had */
export function listen(
  handler: Handler,
  { hostname, port }: { readonly hostname: string; readonly port: number },
): Listening {
  const abort = new AbortController();
  const server = startServer(handler, { hostname, port, signal: abort.signal });
  const { addr } = server;
  const host = addr.hostname.includes(":") ? `[${addr.hostname}]` : addr.hostname;
  return {
    url: `http://${host}:${addr.port}/`,
    async stop() {
      handler.stop();
      const timer = setTimeout(() => abort.abort(), GRACE);
      try {
        await server.shutdown();
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function startServer(
  handler: Handler,
  { hostname, port, signal }: { readonly hostname: string; readonly port: number; readonly signal: AbortSignal },
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve(
      { hostname, port, signal, onListen() {}, onError: () => Response.json({ error: "failed" }, { status: 500 }) },
      async (request, { remoteAddr, completed }) => {
        const gone = new AbortController();
        completed.catch((reason) => gone.abort(reason));
        return await handler.answer(request, { client: remoteAddr.hostname, gone: gone.signal });
      },
    );
  } catch (cause) {
    throw new DinogradError("usage", `serve: ${whyNot(cause, { hostname, port })}`, { cause });
  }
}

function whyNot(cause: unknown, { hostname, port }: { readonly hostname: string; readonly port: number }): string {
  if (cause instanceof Deno.errors.AddrInUse) {
    return `expected port ${port} of ${hostname} to be free but it is in use; --port N takes another, 0 any free one`;
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return `expected to listen on port ${port} but permission is denied: ports below 1024 are the system's`;
  }
  if (cause instanceof Deno.errors.AddrNotAvailable) {
    return `expected an address of this machine (--hostname) but found ${hostname}`;
  }
  return `expected to listen on port ${port} of ${hostname} but ${reasonOf(cause)}`;
}
