import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { fetchFile } from "../../../checkpoint/download/fetch_file.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { giveFile, type Reply, someBytes } from "../../helpers/file_server.ts";
import { digestOf, listener, withServer } from "./support.ts";

const FILE = someBytes(300_000);
const DIGEST = digestOf(FILE);
const OTHER = someBytes(300_000, 2);

/** The message of the error that is expected. */
async function refusal(work: Promise<unknown>, kind = "checkpoint"): Promise<string> {
  const error = await assertRejects(() => work, DinogradError);
  assertEquals(error.kind, kind);
  assertEquals(error.message.split("\n").length, 1);
  return error.message;
}

/** What is in a folder; nothing where there is none. */
async function names(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
  } catch {
    return [];
  }
}

Deno.test("a file is fetched once, then taken from the cache, and nothing but the file and its record is left", () =>
  withServer((request) => giveFile(request, FILE, { etag: '"a"' }), async ({ server, told, place, fetch }) => {
    const fetched = await fetch();
    assertEquals(fetched, { path: place.file, bytes: FILE.length, sha256: DIGEST, digestFrom: "pinned" });
    assertEquals(await Deno.readFile(place.file), FILE);
    assertEquals(await names(place.folder), ["model.pth", "model.pth.json"]);
    assertEquals(told[0], `say fetching http://${server.host}/model.pth into ${place.folder}`);
    assertEquals(told[1], `progress download model.pth ${FILE.length} bytes`);
    assertEquals(told.filter((line) => line.includes(DIGEST)).length, 1, "the digest is told once");
    told.length = 0;
    assertEquals((await fetch()).path, place.file);
    assertEquals([server.requests.length, told], [1, []]);
  }));

Deno.test("a connection that is cut again and again is continued where it ended, under the condition of the same file", () =>
  withServer(
    (request, number) => ({ ...giveFile(request, FILE, { etag: '"a"' }), ...number < 4 ? { cutAfter: 70_000 } : {} }),
    async ({ server, told, fetch }) => {
      assertEquals((await fetch()).sha256, DIGEST);
      const ranges = server.requests.map(({ headers }) => [headers.get("range"), headers.get("if-range")]);
      assertEquals(ranges, [
        [undefined, undefined],
        ["bytes=70000-", '"a"'],
        ["bytes=140000-", '"a"'],
        ["bytes=210000-", '"a"'],
      ]);
      assertEquals(told.filter((line) => line.startsWith("warn")).length, 3);
      assert(server.requests.every(({ headers }) => headers.get("accept-encoding") === "identity"));
    },
  ));

Deno.test("without an ETag the time of the last change is the condition; with a weak one too", () =>
  withServer((request, number) => {
    const lastModified = "Tue, 24 Nov 2026 10:00:00 GMT";
    const reply = giveFile(request, FILE, { lastModified });
    return { ...reply, headers: { ...reply.headers, etag: 'W/"a"' }, ...number < 2 ? { cutAfter: 1000 } : {} };
  }, async ({ server, fetch }) => {
    assertEquals((await fetch()).sha256, DIGEST);
    assertEquals(server.requests[1].headers.get("if-range"), "Tue, 24 Nov 2026 10:00:00 GMT");
  }));

Deno.test("where nothing tells whether the file still is the same, it is asked for as a whole, or held to its digest", async () => {
  const cutOnce = (number: number) => number % 2 === 1 ? { cutAfter: 1000 } : {};
  await withServer((request, number) => ({ ...giveFile(request, FILE), ...cutOnce(number) }), async (scene) => {
    assertEquals((await scene.fetch()).sha256, DIGEST);
    assertEquals(scene.server.requests.map(({ headers }) => headers.get("range")), [undefined, undefined]);
  });
  await withServer((request, number) => ({ ...giveFile(request, FILE), ...cutOnce(number) }), async (scene) => {
    await scene.fetch({ digest: DIGEST.slice(0, 8) });
    assertEquals(scene.server.requests.map(({ headers }) => headers.get("range")), [undefined, "bytes=1000-"]);
  });
});

Deno.test("a file that changes at its source is fetched from the start: by a new ETag, by another size, by nothing left", async () => {
  const first: Reply = { ...giveFile({ path: "/", headers: new Map() }, OTHER, { etag: '"old"' }), cutAfter: 50_000 };
  // A decent server answers If-Range with the whole; one that ignores the condition gives the rest of another file.
  const careless = (request: Parameters<typeof giveFile>[0]) => {
    const headers = new Map([...request.headers].filter(([name]) => name !== "if-range"));
    return giveFile({ ...request, headers }, FILE, { etag: '"new"' });
  };
  const short = FILE.subarray(0, 20_000);
  const cases = [
    { give: (request: Parameters<typeof giveFile>[0]) => giveFile(request, FILE, { etag: '"new"' }), expected: FILE },
    { give: careless, expected: FILE },
    { give: (request: Parameters<typeof giveFile>[0]) => giveFile(request, short, { etag: '"old"' }), expected: short },
  ];
  for (const { give, expected } of cases) {
    await withServer((request, number) => number === 1 ? first : give(request), async ({ fetch, place }) => {
      assertEquals((await fetch()).sha256, digestOf(expected));
      assertEquals(await Deno.readFile(place.file), expected);
    });
  }
});

Deno.test("a server that knows no ranges is listened to from the start, and the file is not put together twice", () =>
  withServer(
    (_, number) => ({ status: 200, headers: { etag: '"a"' }, body: FILE, ...number < 3 ? { cutAfter: 1000 } : {} }),
    async ({ server, fetch, place }) => {
      assertEquals((await fetch()).sha256, DIGEST);
      assertEquals(server.requests.length, 3);
      assertEquals((await Deno.stat(place.file)).size, FILE.length);
    },
  ));

Deno.test("lies about the length are found out: too long a promise, too much of a rest, a rest from elsewhere", async () => {
  // The rest that was promised is not there: the file ends where it ends, if its server stands by that.
  const promised = { "content-length": "900000", etag: '"a"' };
  await withServer(
    (request) =>
      request.headers.has("range")
        ? giveFile(request, FILE, { etag: '"a"' })
        : { status: 200, headers: promised, body: FILE },
    async ({ fetch }) => assertEquals((await fetch({ digest: DIGEST })).sha256, DIGEST),
  );
  await withServer(() => ({ status: 200, headers: promised, body: FILE }), async ({ fetch, server, place }) => {
    const message = await refusal(fetch());
    assertStringIncludes(message, "curl -L -C - --create-dirs -o ");
    assertEquals(server.requests.length, 3);
    assert(!(await names(place.folder)).includes("model.pth"));
  });
  const rest = { "content-range": `bytes 1000-1999/2000`, "content-length": "200000" };
  await withServer(
    (request, number) =>
      number === 1
        ? { ...giveFile(request, FILE.subarray(0, 2000), { etag: '"a"' }), cutAfter: 1000 }
        : number === 2
        ? { status: 206, headers: { ...rest, etag: '"a"' }, body: FILE.subarray(0, 200_000) }
        : giveFile(request, FILE.subarray(0, 2000), { etag: '"a"' }),
    async ({ fetch }) => assertEquals((await fetch()).sha256, digestOf(FILE.subarray(0, 2000))),
  );
  for (const range of ["bytes 500-299999/300000", "bytes 2000-100/300000", "pages 1-2/3", ""]) {
    await withServer(
      (request, number) =>
        number === 1
          ? { ...giveFile(request, FILE, { etag: '"a"' }), cutAfter: 1000 }
          : number === 2
          ? { status: 206, headers: { "content-range": range, etag: '"a"' }, body: FILE.subarray(500) }
          : giveFile(request, FILE, { etag: '"a"' }),
      async ({ fetch }) => assertEquals((await fetch()).sha256, DIGEST, range),
    );
  }
});

Deno.test("another file than the published one is refused and not kept; what was continued is first fetched anew", async () => {
  await withServer((request) => giveFile(request, OTHER, { etag: '"a"' }), async ({ server, fetch, place }) => {
    const message = await refusal(fetch({ digest: DIGEST, source: "https://example.org/models" }));
    assertStringIncludes(
      message,
      `SHA-256 ${DIGEST.slice(0, 16)}… but found one with ${digestOf(OTHER).slice(0, 16)}…`,
    );
    assertStringIncludes(message, "https://example.org/models");
    assertEquals(await names(place.folder), []);
    assertEquals(server.requests.length, 1);
  });
  // The part is of another file, which its server did not notice.
  await withServer(
    (request, number) => ({ ...giveFile(request, number === 1 ? OTHER : FILE, { etag: '"a"' }), ...cut(number, 1) }),
    async ({ server, fetch, told }) => {
      assertEquals((await fetch({ digest: DIGEST.slice(0, 8) })).sha256, DIGEST);
      assertEquals(server.requests.length, 3);
      assert(told.some((line) => line.includes("from the start")));
    },
  );
});

const cut = (number: number, upTo: number) => number <= upTo ? { cutAfter: 50_000 } : {};

Deno.test("a file of which nobody has published a digest is held to the first that came, also after it was removed", () => {
  let now = FILE;
  return withServer((request) => giveFile(request, now), async ({ fetch, place }) => {
    assertEquals((await fetch()).digestFrom, "pinned");
    await Deno.remove(place.file);
    assertEquals((await fetch()).sha256, DIGEST);
    await Deno.remove(place.file);
    now = OTHER;
    assertStringIncludes(await refusal(fetch()), "has changed at its source; dinograd zoo rm --forget accepts that");
    await Deno.remove(place.record);
    assertEquals((await fetch()).sha256, digestOf(OTHER));
  });
});

Deno.test("a file that somebody has put into the cache by hand is compared with its digest and used", () =>
  withServer(() => ({ status: 500 }), async ({ server, fetch, place }) => {
    await Deno.mkdir(place.folder, { recursive: true });
    await Deno.writeFile(place.file, FILE);
    assertEquals(await fetch({ digest: DIGEST.slice(0, 8), offline: true }), {
      path: place.file,
      bytes: FILE.length,
      sha256: DIGEST,
      digestFrom: "published",
    });
    await Deno.writeFile(place.file, OTHER.subarray(1)); // cut short, as by a copy that failed
    assertStringIncludes(await refusal(fetch({ digest: DIGEST })), `${place.file}: expected a file with the SHA-256`);
    assertEquals(await Deno.readFile(place.file), OTHER.subarray(1), "a file of the user's is not removed");
    assertEquals(server.requests.length, 0);
  }));

Deno.test("offline nothing is asked, and the line says how to fetch the file by hand, and where it belongs", () =>
  withServer(() => ({ status: 500 }), async ({ server, fetch, place, cache }) => {
    const message = await refusal(fetch({ offline: true }));
    const command = `by hand: curl -L -C - --create-dirs -o '${place.file}' 'http://${server.host}/model.pth'`;
    assertStringIncludes(message, command);
    assertEquals([server.requests.length, await names(cache)], [0, []]);
  }));

Deno.test("a server that stands still is left after a while, and asked for the rest", () =>
  withServer(
    (request, number) => ({ ...giveFile(request, FILE, { etag: '"a"' }), ...number < 2 ? { stallAfter: 1000 } : {} }),
    async ({ server, told, fetch }) => {
      assertEquals((await fetch({ patience: { stall: 150 } })).sha256, DIGEST);
      assertEquals(server.requests[1].headers.get("range"), "bytes=1000-");
      assertStringIncludes(told.find((line) => line.startsWith("warn")) ?? "", "nothing came for 0.2 s");
    },
  ));

Deno.test("errors of a server that may pass are tried again, as long as it wants; those that stay are not", async () => {
  await withServer(
    (request, number) => number < 3 ? { status: 503, headers: { "retry-after": "0" } } : giveFile(request, FILE),
    async ({ server, fetch }) => {
      await fetch();
      assertEquals(server.requests.length, 3);
    },
  );
  for (const [status, requests] of [[500, 3], [404, 1], [403, 1], [410, 1]]) {
    await withServer(() => ({ status }), async ({ server, fetch, place }) => {
      const message = await refusal(fetch({ source: "https://example.org/models" }));
      assertMatch(
        message,
        new RegExp(`but 127\\.0\\.0\\.1:\\d+ answered ${status} .*https://example.org/models says more`),
      );
      assertEquals(server.requests.length, requests);
      assert(!(await names(place.folder)).includes("model.pth"));
    });
  }
  await withServer(
    () => ({ status: 200, headers: { "content-type": "text/html; charset=utf-8" }, body: FILE }),
    async ({ fetch }) => assertStringIncludes(await refusal(fetch()), "a web page and no file"),
  );
  await withServer(
    () => ({ status: 200 }),
    async ({ fetch }) => assertStringIncludes(await refusal(fetch()), "the file is empty"),
  );
});

Deno.test("a host that is not there costs one line, without the query of the address", () =>
  withServer((request) => giveFile(request, FILE), async ({ server, fetch, cache }) => {
    await server[Symbol.asyncDispose]();
    const message = await refusal(fetch({ patience: { tries: 1 } }));
    assertStringIncludes(message, `${server.host} refused the connection`);
    const secret = new URL("?signature=secret", server.url());
    const other = await refusal(fetchFile(secret, { cache, ui: listener([]), digest: null, patience: { tries: 1 } }));
    assertEquals(other.includes("secret"), false, other);
    assertStringIncludes(other, "model.pth?…'");
    assertEquals(await names(cache), ["checkpoints"], "nothing came, and nothing is left");
  }));

Deno.test("asked to stop, a download keeps what has come, and the next one continues there", () => {
  const stop = new AbortController();
  return withServer((request, number) => {
    if (number === 1) setTimeout(() => stop.abort(), 100);
    return { ...giveFile(request, FILE, { etag: '"a"' }), ...number < 2 ? { stallAfter: 90_000 } : {} };
  }, async ({ server, fetch }) => {
    const message = await refusal(fetch({ ui: listener([], stop.signal), patience: { sync: 60_000 } }), "interrupted");
    assertStringIncludes(message, "stopped after 90 kB of 300 kB; the same command continues there");
    assertEquals((await fetch()).sha256, DIGEST);
    assertEquals(server.requests[1].headers.get("range"), "bytes=90000-");
  });
});

Deno.test("too little room is told before the file comes, and a cache that cannot be written at once", async () => {
  await withServer((request) => giveFile(request, FILE), async ({ fetch }) => {
    const message = await refusal(fetch({ freeBytes: () => Promise.resolve(1000) }));
    assertStringIncludes(message, "expected room for 300 kB but found 1 kB; DINOGRAD_CACHE names another folder");
    await fetch({ freeBytes: () => Promise.resolve(null) });
  });
  await withServer((request) => giveFile(request, FILE), async ({ server, fetch, cache }) => {
    await Deno.writeTextFile(`${cache}/checkpoints`, "in the way");
    const message = await refusal(fetch());
    assertStringIncludes(message, "a part of its path is not a folder; DINOGRAD_CACHE names another folder");
    assertEquals(server.requests.length, 0);
  });
});

Deno.test("a part that ends before its record, a record that is none, and a part of another address are no danger", async () => {
  await withServer((request) => giveFile(request, FILE, { etag: '"a"' }), async ({ fetch, place, server }) => {
    const url = `http://${server.host}/model.pth`;
    const record = { url, bytes: FILE.length, validator: '"a"', toldDigest: null, received: 5000 };
    await Deno.mkdir(place.folder, { recursive: true });
    const prepare = async (part: Uint8Array, text: string) => {
      await Deno.remove(place.file).catch(() => {});
      await Deno.writeFile(place.part, part);
      await Deno.writeTextFile(place.partRecord, text);
    };
    const cases = [
      { part: FILE.subarray(0, 3000), text: JSON.stringify(record), range: "bytes=3000-" },
      // After a power failure the part may be longer than what is certain, and its end anything.
      { part: someBytes(9000, 3), text: JSON.stringify({ ...record, received: 0 }), range: undefined },
      { part: FILE.subarray(0, 3000), text: '{"url": "', range: undefined },
      { part: FILE.subarray(0, 3000), text: JSON.stringify({ ...record, url: "https://a/b" }), range: undefined },
      { part: FILE.subarray(0, 3000), text: JSON.stringify({ ...record, received: -1 }), range: undefined },
      { part: FILE, text: JSON.stringify({ ...record, received: FILE.length }), range: "none" },
    ];
    for (const { part, text, range } of cases) {
      await prepare(part, text);
      const before = server.requests.length;
      assertEquals((await fetch()).sha256, DIGEST, text);
      assertEquals(server.requests.length - before, range === "none" ? 0 : 1, text);
      if (range !== "none") assertEquals(server.requests.at(-1)?.headers.get("range"), range, text);
    }
  });
});

Deno.test("nothing is written through a link that stands where the part would be", () =>
  withServer((request) => giveFile(request, FILE), async ({ fetch, place, cache }) => {
    await Deno.mkdir(place.folder, { recursive: true });
    await Deno.writeTextFile(`${cache}/mine`, "mine");
    await Deno.symlink(`${cache}/mine`, place.part);
    assertStringIncludes(await refusal(fetch()), "it is a link");
    assertEquals(await Deno.readTextFile(`${cache}/mine`), "mine");
  }));
