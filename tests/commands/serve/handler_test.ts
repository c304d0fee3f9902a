import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Handler, isLoopbackName } from "../../../commands/serve/handler.ts";
import type { ServedModel } from "../../../commands/serve/model_thread.ts";
import { page } from "../../../commands/serve/page.ts";

type HandlerOptions = Parameters<typeof Handler.make>[1];

const OPTIONS: HandlerOptions = {
  name: "model.dino",
  threshold: 0.3,
  maxImagePixels: 1000,
  upload: { bytes: 1000, milliseconds: 200 },
  queue: 1,
  milliseconds: 5000,
  isLoopback: true,
  allowedOrigins: [],
};

/** What the model was asked, and a model that answers with what it is told. */
function fakeModel(work: () => Promise<void> = () => Promise.resolve()) {
  const asked: { readonly names: string[]; readonly sizes: number[]; readonly threshold: number | null }[] = [];
  const model: ServedModel = {
    description: { classes: [{ id: 1, name: "one" }], device: "none", exifOrientation: false, said: [], warnings: [] },
    async find(images, { threshold }) {
      asked.push({ names: images.map(({ name }) => name), sizes: images.map(({ bytes }) => bytes.length), threshold });
      await work();
      return images.map(({ name }) => ({ image: name, width: 1, height: 1, detections: [] }));
    },
  };
  return { model, asked };
}

interface Sent extends RequestInit {
  readonly path?: string;
  readonly host?: string;
}

async function serverOf(model: ServedModel, changes: Partial<HandlerOptions> = {}) {
  const lines: string[] = [];
  const handler = await Handler.make(model, { ...OPTIONS, log: (line) => lines.push(line), ...changes });
  const send = async ({ path = "/detect", host = "localhost:8000", ...init }: Sent = {}, signal?: AbortSignal) => {
    const request = new Request(`http://${host}${path}`, { method: "POST", ...init });
    const gone = signal ?? new AbortController().signal;
    const response = await handler.answer(request, { client: "127.0.0.1", gone });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: text && JSON.parse(text) };
  };
  return { handler, send, lines };
}

const image = (length = 10) => new Uint8Array(length);
const typed = (type: string) => ({ headers: { "Content-Type": type }, body: image() });

Deno.test("a picture comes as the body, of whatever type programs give it, or as files of a form", async () => {
  const { model, asked } = fakeModel();
  const { send, lines } = await serverOf(model);
  for (
    const type of ["image/jpeg", "application/octet-stream", "application/x-www-form-urlencoded", "IMAGE/PNG; q=1"]
  ) {
    assertEquals((await send(typed(type))).status, 200, type);
  }
  assertEquals((await send({ body: image() })).body, [{ image: "upload", width: 1, height: 1, detections: [] }]);
  const form = new FormData();
  form.append("a", new File([image(3)], "../../etc/street.jpg"));
  form.append("b", new File([image(4)], "x\u001b[31m.png"));
  form.append("threshold", "0.7");
  const { body } = await send({ body: form });
  assertEquals(body.map(({ image }: { image: string }) => image), ["../../etc/street.jpg", "x\u001b[31m.png"]);
  assertEquals(asked.at(-1), { names: ["../../etc/street.jpg", "x\u001b[31m.png"], sizes: [3, 4], threshold: 0.7 });
  await send({ path: "/detect?threshold=0.25", body: form });
  assertEquals(asked.at(-1)?.threshold, 0.25);
  assertEquals(asked[0].threshold, null);
  assertMatch(lines[0], /^127\.0\.0\.1 POST \/detect 200 \d+ ms: 0 found$/);
});

Deno.test("what is no picture is refused with a status and one line, and never reaches the model", async () => {
  const { model, asked } = fakeModel();
  const { send } = await serverOf(model);
  const form = (...files: number[]) => {
    const form = new FormData();
    files.forEach((length, at) => form.append(`${at}`, new File([image(length)], "a.png")));
    return form;
  };
  const cases: readonly (readonly [Sent, number, string])[] = [
    [{}, 400, "empty body"],
    [typed("application/json"), 415, 'found the type "application/json"'],
    [typed("text/html"), 415, "found the type"],
    [{ body: image(), headers: { "Content-Encoding": "gzip" } }, 415, 'the encoding "gzip"'],
    [typed("multipart/form-data"), 400, "a body that is none"],
    [typed("multipart/form-data; boundary=x"), 400, "a body that is none"],
    [{ body: form() }, 400, "expected a file in the form but found none"],
    [{ body: form(...Array.from({ length: 17 }, () => 1)) }, 413, "expected at most 1000 bytes"],
    [{ body: image(1001) }, 413, "expected at most 1000 bytes"],
    [{ body: image(), headers: { "Content-Length": "5000" } }, 413, "found 5000"],
    [{ path: "/detect?threshold=2", body: image() }, 400, 'from 0 to 1 but found "2"'],
    [{ path: "/detect?threshold=", body: image() }, 400, 'found ""'],
    [{ path: "/detect?threshold=NaN", body: image() }, 400, 'found "NaN"'],
    [{ path: "/detect", method: "GET" }, 405, "expected POST but found GET"],
    [{ path: "/", method: "DELETE" }, 405, "expected GET or HEAD but found DELETE"],
    [{ path: "/../../etc/passwd", method: "GET" }, 404, "expected one of /, /health, /model, /detect"],
    [{ path: "/constructor", method: "GET" }, 404, "expected one of"],
    [{ path: "/detect/", body: image() }, 404, "expected one of"],
  ];
  for (const [sent, status, words] of cases) {
    const answer = await send(sent);
    assertEquals(answer.status, status, JSON.stringify(sent) + answer.text);
    assertStringIncludes(answer.body.error, words);
    assert(!answer.body.error.includes("\n"));
    assertEquals(answer.headers.get("X-Content-Type-Options"), "nosniff");
  }
  const { headers } = await send({ path: "/", method: "DELETE" });
  assertEquals(headers.get("Allow"), "GET, HEAD");
  const seventeen = new FormData();
  for (let at = 0; at < 17; at++) seventeen.append(`${at}`, new File([image(1)], "a"));
  const { send: sendMore } = await serverOf(model, { upload: { bytes: 100_000, milliseconds: 200 } });
  assertStringIncludes((await sendMore({ body: seventeen })).body.error, "at most 16 files in the form but found 17");
  assertEquals(asked, []);
});

/** A body that never ends, or ends with an error. */
function stream(chunks: readonly Uint8Array[], end: "never" | "error"): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at < chunks.length) controller.enqueue(chunks[at++]);
      else if (end === "error") controller.error(new Error("connection reset"));
      else return new Promise(() => {});
    },
  });
}

Deno.test("a body that comes too slowly, ends early, or grows without end is given up, and its place is free again", async () => {
  const { model, asked } = fakeModel();
  const { send, handler } = await serverOf(model, { queue: 0 });
  assertEquals((await send({ body: stream([image()], "never") })).status, 408);
  assertEquals((await send({ body: stream([image()], "error") })).status, 400);
  const many = Array.from({ length: 3 }, () => image(400));
  assertEquals((await send({ body: stream(many, "never") })).status, 413);
  assertEquals([asked.length, handler.pending], [0, 0]);
  assertEquals((await send({ body: image() })).status, 200);
});

Deno.test("while one request is worked on others wait in their order, and what is too much is sent away unread", async () => {
  const gate = Promise.withResolvers<void>();
  const { model, asked } = fakeModel(() => gate.promise);
  const { send, handler } = await serverOf(model, { queue: 2 });
  const first = send({ body: image(1) });
  const second = send({ body: image(2) });
  const third = send({ body: image(3) });
  await until(() => asked.length === 1 && handler.pending === 3);
  let isRead = false;
  const body = new ReadableStream<Uint8Array>({ pull: () => void (isRead = true) }, { highWaterMark: 0 });
  const refused = await send({ body });
  assertEquals([refused.status, refused.headers.get("Retry-After"), isRead], [429, "1", false]);
  assertEquals((await send({ path: "/health", method: "GET" })).body, { status: "ok", requests: 3 });
  gate.resolve();
  assertEquals((await Promise.all([first, second, third])).map(({ status }) => status), [200, 200, 200]);
  assertEquals(asked.map(({ sizes }) => sizes), [[1], [2], [3]]);
  assertEquals(handler.pending, 0);
});

Deno.test("who waits too long is told to come again, and who has gone is not worked for", async () => {
  const gate = Promise.withResolvers<void>();
  const { model, asked } = fakeModel(() => gate.promise);
  const { send, handler } = await serverOf(model, { queue: 2, milliseconds: 150 });
  const first = send({ body: image(1) });
  await until(() => asked.length === 1);
  const gone = new AbortController();
  const left = send({ body: image(2) }, gone.signal);
  const late = await send({ body: image(3) });
  assertEquals([late.status, late.headers.get("Retry-After")], [503, "1"]);
  gone.abort(new Error("closed"));
  gate.resolve();
  await first;
  await left;
  assertEquals([asked.map(({ sizes }) => sizes), handler.pending], [[[1]], 0]);
});

Deno.test("a server that stops answers what it has and takes nothing more", async () => {
  const gate = Promise.withResolvers<void>();
  const { model, asked } = fakeModel(() => gate.promise);
  const { send, handler } = await serverOf(model);
  const first = send({ body: image() });
  await until(() => asked.length === 1);
  handler.stop();
  assertEquals((await send({ body: image() })).status, 503);
  const health = await send({ path: "/health", method: "GET" });
  assertEquals([health.status, health.body.status], [503, "stopping"]);
  gate.resolve();
  assertEquals((await first).status, 200);
});

Deno.test("a failure of the server's own is told in its log, and to the client only as one", async () => {
  const { model } = fakeModel(() => Promise.reject(new Error("secret of /home/me")));
  const { send, lines } = await serverOf(model);
  const { status, text } = await send({ body: image() });
  assertEquals([status, text.includes("secret")], [500, false]);
  assertStringIncludes(lines[0], "secret of /home/me");
});

Deno.test("on the loopback interface it answers to names of this machine alone, so that no page elsewhere reads it", async () => {
  const { model } = fakeModel();
  const ask = (server: { send(sent: Sent): Promise<{ status: number }> }, host: string) =>
    server.send({ path: "/model", method: "GET", host });
  const local = await serverOf(model);
  for (const host of ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "127.1.2.3", "a.localhost"]) {
    assertEquals((await ask(local, host)).status, 200, host);
  }
  for (
    const host of ["example.org", "example.org:8000", "localhost.example.org", "127.0.0.1.example.org", "10.0.0.1"]
  ) {
    assertEquals((await ask(local, host)).status, 403, host);
  }
  assertEquals((await ask(await serverOf(model, { isLoopback: false }), "example.org")).status, 200);
  assert(!isLoopbackName("") && !isLoopbackName("0.0.0.0") && isLoopbackName("::1") && isLoopbackName("LOCALHOST"));
});

Deno.test("pages of other origins are refused, unless they are allowed, and then told so as browsers ask for it", async () => {
  const { model, asked } = fakeModel();
  const post = (origin: string) => ({ body: image(), headers: { Origin: origin } });
  const closed = await serverOf(model);
  for (const origin of ["http://example.org", "null", "http://localhost:8001"]) {
    const { status, headers } = await closed.send(post(origin));
    assertEquals([status, headers.get("Access-Control-Allow-Origin")], [403, null], origin);
  }
  assertEquals(asked, []);
  assertEquals((await closed.send(post("http://localhost:8000"))).status, 200);
  assertEquals((await closed.send(post("https://localhost:8000"))).status, 200); // behind a proxy that encrypts
  const preflight = { method: "OPTIONS", headers: { Origin: "https://app.example.org" } };
  assertEquals((await closed.send(preflight)).status, 403);
  const open = await serverOf(model, { allowedOrigins: ["https://app.example.org"] });
  const asking = await open.send(preflight);
  assertEquals(asking.status, 204);
  assertEquals(asking.headers.get("Access-Control-Allow-Origin"), "https://app.example.org");
  assertEquals((await open.send(post("https://app.example.org"))).status, 200);
  assertEquals((await open.send(post("https://other.example.org"))).status, 403);
  const all = await serverOf(model, { allowedOrigins: ["*"] });
  const { headers } = await all.send(post("https://other.example.org"));
  assertEquals([headers.get("Access-Control-Allow-Origin"), headers.get("Vary")], [
    "https://other.example.org",
    "Origin",
  ]);
});

Deno.test("what the server knows of its model and its limits can be asked, the head of it too", async () => {
  const { send } = await serverOf(fakeModel().model);
  const { body } = await send({ path: "/model", method: "GET" });
  assertEquals([body.model, body.classes, body.threshold], ["model.dino", [{ id: 1, name: "one" }], 0.3]);
  assertEquals(body.limits, { upload_bytes: 1000, image_pixels: 1000, queue: 1, seconds: 5 });
  const head = await send({ path: "/model", method: "HEAD" });
  assertEquals([head.status, head.text, head.headers.get("Content-Type")], [200, "", "application/json"]);
});

Deno.test("the page asks nobody else for anything, and its policy allows exactly its own script and style", async () => {
  const { html, policy } = await page();
  assert(!/https?:\/\/(?!www\.w3\.org\/2000\/svg)/.test(html), "no address of another server");
  assert(
    !/\son\w+=|\sstyle=|<script [^>]*src|<link [^>]*href="(?!data:)/.test(html),
    "nothing that the policy would stop",
  );
  assertStringIncludes(policy, "default-src 'none'");
  for (const [tag, directive] of [["script", "script-src"], ["style", "style-src"]]) {
    const [, content] = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html) ?? [];
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(content)));
    assertStringIncludes(policy, `${directive} 'sha256-${btoa(String.fromCharCode(...digest))}'`);
  }
  const labels = [...html.matchAll(/<(?:input|button)[^>]*\bid="(\w+)"/g)].map(([, id]) => id);
  assertEquals(labels, ["file", "threshold", "json", "save"]);
  for (const id of ["file", "threshold"]) assertMatch(html, new RegExp(`<label[^>]*for="${id}"`));
});

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > end) throw new Error("expected something to happen but it did not");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
