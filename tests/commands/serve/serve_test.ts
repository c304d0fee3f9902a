/** The server as a process: sockets, signals, permissions, and pictures that are meant to harm. */
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { ModelThread } from "../../../commands/serve/model_thread.ts";
import { RequestProblem } from "../../../commands/serve/problem.ts";
import { DETECT_DEFAULTS } from "../../../detector/config/mod.ts";
import { encodeJpeg, encodePng } from "../../../detector/data/mod.ts";
import type { Image } from "../../../detector/data/images/image.ts";
import { CliProcess } from "../../helpers/cli_training.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { pngFile } from "../../helpers/png_files.ts";
import { errorLine, runCli } from "../../helpers/run_cli.ts";
import { writeTinyModel } from "../../helpers/tiny_model.ts";

const PICTURE: Image = {
  width: 90,
  height: 60,
  data: Uint8Array.from({ length: 90 * 60 * 3 }, (_, at) => at * at % 251),
};
const CPU = ["--device", "cpu", "--threads", "1"];

/** A server on a free port, for as long as the test runs; `stop` ends it as Ctrl-C would. */
async function serving(
  test: (server: { readonly folder: string; readonly url: string; readonly port: number }) => Promise<void>,
  { permissions, flags = [] }: { readonly permissions?: readonly string[]; readonly flags?: readonly string[] } = {},
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return await inFolder(async (folder) => {
    await writeTinyModel(`${folder}/model.dino`);
    const args = ["serve", "--checkpoint", `${folder}/model.dino`, "--port", "0", "--threshold", "0", "--json"];
    const server = new CliProcess([...args, ...CPU, ...flags], { permissions });
    await server.said(/shows a page/);
    const [, url, port] = /"url":"(http:\/\/[^:]+:(\d+)\/)"/.exec(server.text) ?? [];
    try {
      if (url === undefined) throw new Error(`expected a server but found ${server.text}`);
      await test({ folder, url, port: Number(port) });
    } finally {
      server.signal("SIGINT");
    }
    return await server.finish();
  });
}

/** What a server answers to bytes on a socket; "" where it says nothing in time. */
async function raw(port: number, text: string, { milliseconds = 3000 } = {}): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(text));
  const buffer = new Uint8Array(4000);
  const timer = Promise.withResolvers<null>();
  const clock = setTimeout(() => timer.resolve(null), milliseconds);
  try {
    const count = await Promise.race([connection.read(buffer), timer.promise]);
    return new TextDecoder().decode(buffer.subarray(0, count ?? 0));
  } finally {
    clearTimeout(clock);
  }
}

const post = async (url: string, body: BodyInit) => {
  const response = await fetch(`${url}detect`, { method: "POST", body });
  return { status: response.status, body: await response.json() };
};

Deno.test("a picture gives what detect gives, harmful ones are refused in one line, and a signal ends it with code 0", async () => {
  const { code, stdout, stderr } = await serving(async ({ folder, url, port }) => {
    const jpeg = await encodeJpeg(PICTURE);
    await Deno.writeFile(`${folder}/a.jpg`, jpeg);
    const args = ["detect", `${folder}/a.jpg`, "--checkpoint", `${folder}/model.dino`, "--threshold", "0", "--json"];
    const [expected] = JSON.parse((await runCli([...args, ...CPU])).stdout);
    const whole = jpeg as Uint8Array<ArrayBuffer>;
    const { status, body } = await post(url, whole);
    assertEquals([status, body], [200, [{ ...expected, image: "upload" }]]);
    assert(expected.detections.length > 0);

    const form = new FormData();
    form.append("a", new File([whole], "../../a\u001b[31m.jpg\r\nX-Evil: 1"));
    form.append("b", new File([encodePng(PICTURE) as Uint8Array<ArrayBuffer>], "b.png"));
    const two = await post(url, form);
    assertEquals(two.body.map(({ width }: { width: number }) => width), [90, 90]);

    const bomb = pngFile({ width: 30000, height: 30000, depth: 8, colourType: 2, rows: new Uint8Array(), streams: [] });
    const cases: readonly (readonly [Uint8Array, number, RegExp])[] = [
      [bomb, 413, /30000 x 30000/],
      [new TextEncoder().encode("GIF89a" + "x".repeat(50)), 415, /a GIF/],
      [new TextEncoder().encode("no picture at all"), 400, /it is no JPEG/],
      [jpeg.subarray(0, jpeg.length / 2), 400, /truncated/],
      [encodePng({ width: 3, height: 2000, data: new Uint8Array(18_000) }), 200, /^$/],
      [new Uint8Array(1_100_000), 413, /at most 1000000 bytes/],
    ];
    for (const [bytes, status, words] of cases) {
      const answer = await post(url, bytes as Uint8Array<ArrayBuffer>);
      assertEquals(answer.status, status, JSON.stringify(answer.body));
      assertMatch(answer.body.error ?? "", words);
    }
    const broken = new FormData();
    broken.append("a", new File(["no picture"], "\u001b[2Jevil\u0007.png"));
    assertEquals((await post(url, broken)).status, 400);

    // On the socket itself: lengths that lie, two lengths at once, and a path that climbs.
    const head = "Host: localhost\r\nContent-Type: image/png\r\n";
    for (const lie of ["Content-Length: -1", "Content-Length: 5\r\nContent-Length: 6", "Content-Length: x"]) {
      assertMatch(await raw(port, `POST /detect HTTP/1.1\r\n${head}${lie}\r\n\r\nabcde`), /^HTTP\/1\.1 400 /);
    }
    const huge = await raw(port, `POST /detect HTTP/1.1\r\n${head}Content-Length: 99999999999\r\n\r\nabc`);
    assertMatch(huge, /^HTTP\/1\.1 413 /);
    assertMatch(await raw(port, "GET /../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"), /^HTTP\/1\.1 404 /);
    assertMatch(await raw(port, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"), /^HTTP\/1\.1 403 /);
    // A client that leaves in the middle of its upload takes no place with it.
    (await Deno.connect({ hostname: "127.0.0.1", port }).then(async (connection) => {
      const start = `POST /detect HTTP/1.1\r\n${head}Content-Length: 500\r\n\r\nabc`;
      await connection.write(new TextEncoder().encode(start));
      return connection;
    })).close();
    assertEquals((await post(url, whole)).status, 200);
    let pending = 1;
    for (let tries = 0; tries < 50 && pending > 0; tries++) {
      pending = (await (await fetch(`${url}health`)).json()).requests;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assertEquals(pending, 0);
  }, { flags: ["--max_upload", "1"], permissions: ["--allow-read", "--allow-net=127.0.0.1"] });
  assertEquals(code, 0, stderr);
  assertEquals(stdout.trim().split("\n").length, 1, "JSON alone");
  assertStringIncludes(stderr, "POST /detect 400");
  assert(!stderr.includes("\u001b") && !stderr.includes("\u0007") && !/^\s+at /m.test(stderr), stderr);
  assertStringIncludes(stderr, String.raw`\u001b[2Jevil`);
});

Deno.test("what keeps it from listening is told in one line before anybody waits", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await inFolder(async (folder) => {
    await writeTinyModel(`${folder}/model.dino`);
    const serve = async (...flags: string[]) =>
      await runCli(["serve", "--checkpoint", `${folder}/model.dino`, ...CPU, ...flags]);
    const inUse = await serve("--port", String(taken.addr.port));
    assertEquals(inUse.code, 2);
    assertMatch(
      errorLine(inUse),
      /expected port \d+ of 127\.0\.0\.1 to be free but it is in use; --port N takes another/,
    );
    const foreign = await serve("--port", "0", "--hostname", "192.0.2.1");
    assertEquals(foreign.code, 2);
    assertStringIncludes(errorLine(foreign), "expected an address of this machine (--hostname) but found 192.0.2.1");
    const origin = await serve("--allow_origin", "example.org");
    assertEquals(origin.code, 2);
    assertStringIncludes(errorLine(origin), "an origin such as https://example.org, or * but found example.org");
  });
});

Deno.test("an open address is warned of, and a model that takes too long is stopped and started again", async () => {
  const { code, stderr } = await serving(async ({ url }) => {
    const jpeg = await encodeJpeg(PICTURE) as Uint8Array<ArrayBuffer>;
    assertEquals((await post(url.replace("0.0.0.0", "127.0.0.1"), jpeg)).status, 200);
  }, { flags: ["--hostname", "0.0.0.0"] });
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "warning: anybody who reaches 0.0.0.0 may use it: there is no password");
  await inFolder(async (folder) => {
    await writeTinyModel(`${folder}/model.dino`);
    const options = { ...DETECT_DEFAULTS, checkpoint: `${folder}/model.dino`, device: "cpu", threads: 1 } as const;
    using model = await ModelThread.load(options);
    const images = async () => [{ name: "a", bytes: await encodeJpeg(PICTURE) as Uint8Array<ArrayBuffer> }];
    const find = async (milliseconds: number) => await model.find(await images(), { threshold: null, milliseconds });
    const late = await assertRejects(() => find(1), RequestProblem, "expected an answer within 0.001 s");
    assertEquals(late.status, 504);
    assertEquals((await find(60_000))[0].width, 90);
  });
});
