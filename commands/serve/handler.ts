/**
 * What the server answers, from a request to a response: it knows neither sockets nor models. `POST /detect` takes
 * pictures; `GET /`, `/health` and `/model` say what is here.
 */
import { VERSION } from "../../engine/version.ts";
import type { ServedModel } from "./model_thread.ts";
import { type Page, page } from "./page.ts";
import { RequestProblem, RETRY_AFTER } from "./problem.ts";
import { Turns } from "./turns.ts";
import { checkHead, readBody, unpack, type UploadLimits } from "./upload.ts";

/** What the server is told. */
interface HandlerOptions {
  /** What the model is called, such as its file's name. */
  readonly name: string;
  /** Least score where a request names none. */
  readonly threshold: number;
  /** Pixels of a picture. */
  readonly maxImagePixels: number;
  readonly upload: UploadLimits;
  /** Requests that may wait. */
  readonly queue: number;
  /** Milliseconds from the end of an upload to the answer. */
  readonly milliseconds: number;
  /** Whether the server is for this machine alone: then it answers to names of this machine alone. */
  readonly isLoopback: boolean;
  /** Pages of these origins may use it from a browser; `*` for all. */
  readonly allowedOrigins: readonly string[];
  /** Told about every request when it is answered. */
  readonly log?: (line: string) => void;
}

/** Headers of every answer: nobody guesses types, and nothing is kept or told to others. */
const ALWAYS = {
  "Cache-Control": "no-store",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

/** An answer, and what the log says of it besides its status. */
interface Answer {
  readonly response: Response;
  readonly note?: string;
}

interface RouteCall {
  readonly url: URL;
  /** Aborted when nobody waits for the answer any more. */
  readonly gone: AbortSignal;
}

type Route = (request: Request, call: RouteCall) => Answer | Promise<Answer>;

/** Answers requests with one model. */
export class Handler {
  readonly #model: ServedModel;
  readonly #options: HandlerOptions;
  readonly #turns: Turns;
  readonly #page: Page;
  readonly #routes: Readonly<Record<string, Readonly<Record<string, Route>>>>;
  #isStopping = false;

  static async make(model: ServedModel, options: HandlerOptions): Promise<Handler> {
    return new Handler(model, { options, page: await page() });
  }

  private constructor(
    model: ServedModel,
    { options, page }: { readonly options: HandlerOptions; readonly page: Page },
  ) {
    this.#model = model;
    this.#options = options;
    this.#page = page;
    this.#turns = new Turns({ waiting: options.queue });
    this.#routes = {
      "/": { GET: () => ({ response: this.#answerPage() }) },
      "/health": { GET: () => ({ response: this.#answerHealth() }) },
      "/model": { GET: () => ({ response: Response.json(this.#about()) }) },
      "/detect": { POST: (request, call) => this.#detect(request, call) },
    };
  }

  /** From now on pictures are sent away; those that are here are answered. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Requests with pictures that are not answered yet. */
  get pending(): number {
    return this.#turns.places;
  }

  /**
   * Answers a request, whatever it is.
   * @param client who asks, for the log
   * @param gone aborted when nobody waits for the answer any more
   */
  async answer(
    request: Request,
    { client, gone }: { readonly client: string; readonly gone: AbortSignal },
  ): Promise<Response> {
    const start = performance.now();
    const url = URL.parse(request.url);
    const { response, note } = await this.#respond(request, { url, gone });
    for (const [name, value] of Object.entries(ALWAYS)) response.headers.set(name, value);
    this.#allowOrigin(request, response);
    const took = Math.round(performance.now() - start);
    const what = `${request.method} ${url?.pathname ?? "?"} ${response.status}`;
    this.#options.log?.(`${client} ${what} ${took} ms${note === undefined ? "" : `: ${note}`}`);
    return request.method === "HEAD" ? new Response(null, response) : response;
  }

  async #respond(
    request: Request,
    { url, gone }: { readonly url: URL | null; readonly gone: AbortSignal },
  ): Promise<Answer> {
    try {
      if (url === null) throw new RequestProblem(400, "expected an address but found none");
      return await this.#route(request, { url, gone });
    } catch (error) {
      const problem = error instanceof RequestProblem
        ? error
        : gone.aborted
        ? new RequestProblem(499, "the client has gone")
        : new RequestProblem(500, "the request failed for a reason of the server's own, which its log tells");
      const { status, message, headers } = problem;
      const reason = error instanceof RequestProblem || status === 499 ? message : String(error);
      return { response: Response.json({ error: message }, { status, headers }), note: reason };
    }
  }

  async #route(request: Request, { url, gone }: RouteCall): Promise<Answer> {
    const host = request.headers.get("host") ?? url.host;
    this.#checkHost(host);
    const isAllowed = this.#checkOrigin(request, host);
    const methods = Object.hasOwn(this.#routes, url.pathname) ? this.#routes[url.pathname] : undefined;
    if (methods === undefined) {
      throw new RequestProblem(404, `expected one of ${Object.keys(this.#routes).join(", ")} as the path`);
    }
    if (request.method === "OPTIONS" && isAllowed) {
      const headers = { "Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "Content-Type" };
      return { response: new Response(null, { status: 204, headers }) };
    }
    const route = methods[request.method === "HEAD" ? "GET" : request.method];
    if (route === undefined) {
      const allowed = Object.keys(methods).flatMap((method) => method === "GET" ? ["GET", "HEAD"] : [method]);
      throw new RequestProblem(405, `expected ${allowed.join(" or ")} but found ${request.method}`, {
        headers: { Allow: allowed.join(", ") },
      });
    }
    return await route(request, { url, gone });
  }

  /** A page elsewhere may have its own name lead to this machine, and would then read what it is not shown otherwise. */
  #checkHost(host: string): void {
    if (!this.#options.isLoopback || isLoopbackName(URL.parse(`http://${host}`)?.hostname ?? "")) return;
    throw new RequestProblem(403, "expected a name of this machine as the host, such as localhost, but found another");
  }

  /** Whether the request is of a page elsewhere that may make it. @throws RequestProblem where it may not */
  #checkOrigin({ headers }: Request, host: string): boolean {
    const origin = headers.get("origin");
    if (origin === null || URL.parse(origin)?.host === host) return false;
    if (this.#isAllowed(origin)) return true;
    throw new RequestProblem(403, "expected a page of this server but found another origin (--allow_origin allows it)");
  }

  #isAllowed(origin: string): boolean {
    return this.#options.allowedOrigins.some((allowed) => allowed === "*" || allowed === origin);
  }

  #allowOrigin({ headers }: Request, response: Response): void {
    const origin = headers.get("origin");
    if (this.#options.allowedOrigins.length > 0) response.headers.append("Vary", "Origin");
    if (origin !== null && this.#isAllowed(origin)) response.headers.set("Access-Control-Allow-Origin", origin);
    else response.headers.set("Cross-Origin-Resource-Policy", "same-origin");
  }

  #answerPage(): Response {
    return new Response(this.#page.html, {
      headers: {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": this.#page.policy,
        "X-Frame-Options": "DENY",
      },
    });
  }

  #answerHealth(): Response {
    const status = this.#isStopping ? "stopping" : "ok";
    return Response.json({ status, requests: this.pending }, { status: this.#isStopping ? 503 : 200 });
  }

  #about() {
    const { name, threshold, maxImagePixels, upload, queue, milliseconds } = this.#options;
    const { classes, device, exifOrientation } = this.#model.description;
    return {
      model: name,
      classes,
      threshold,
      exif_orientation: exifOrientation,
      device,
      version: VERSION,
      limits: { upload_bytes: upload.bytes, image_pixels: maxImagePixels, queue, seconds: milliseconds / 1000 },
    };
  }

  async #detect(request: Request, { url, gone }: RouteCall): Promise<Answer> {
    if (this.#isStopping) throw new RequestProblem(503, "the server is stopping", RETRY_AFTER);
    const { upload, milliseconds } = this.#options;
    checkHead(request, upload);
    const asked = thresholdOf(url.searchParams.get("threshold"));
    using place = this.#turns.take();
    const body = await readBody(request, upload);
    const end = performance.now() + milliseconds;
    await place.turn({ milliseconds, signal: gone });
    const { images, threshold } = await unpack(request, body);
    const found = await this.#model.find(images, {
      threshold: asked ?? thresholdOf(threshold),
      milliseconds: Math.max(1, end - performance.now()),
    });
    const count = found.reduce((sum, { detections }) => sum + detections.length, 0);
    return { response: Response.json(found), note: `${count} found` };
  }
}

/** @throws RequestProblem where it is no share */
function thresholdOf(text: string | null): number | null {
  if (text === null) return null;
  const threshold = Number(text);
  if (text.trim() !== "" && threshold >= 0 && threshold <= 1) return threshold;
  throw new RequestProblem(
    400,
    `expected threshold to be a number from 0 to 1 but found ${JSON.stringify(text.slice(0, 40))}`,
  );
}

/** Whether a host is this machine, as seen from itself; an IPv6 address is in brackets or not. */
export function isLoopbackName(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/^\[|\]$/g, "");
  return name === "localhost" || name.endsWith(".localhost") || name === "::1" || /^127(\.\d{1,3}){3}$/.test(name);
}
