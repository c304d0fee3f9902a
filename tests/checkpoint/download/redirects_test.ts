import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fileNameOfAddress, isAddress, parseAddress, shownAddress } from "../../../checkpoint/download/address.ts";
import { placeOf } from "../../../checkpoint/download/cache.ts";
import { decimalSize } from "../../../checkpoint/download/decimal_size.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { type FileRequest, giveFile, someBytes } from "../../helpers/file_server.ts";
import { digestOf, withServer } from "./support.ts";

const FILE = someBytes(5000);
const DIGEST = digestOf(FILE);

/** Redirects from one path to an address, and gives the file at any other. */
const redirecting = (to: (request: FileRequest) => string, headers: Record<string, string> = {}) =>
(
  request: FileRequest,
  number: number,
) =>
  request.path === "/model.pth"
    ? { status: 302, headers: { ...headers, location: to(request) } }
    : { ...giveFile(request, FILE, { etag: '"a"' }), ...number === 2 ? { cutAfter: 1000 } : {} };

Deno.test("a token goes to its own host alone: not along a redirect to another one, and again with every new request", async () => {
  const elsewhere = ({ headers }: FileRequest) => `http://localhost:${headers.get("host")?.split(":")[1]}/elsewhere`;
  await withServer(redirecting(elsewhere), async ({ server, fetch }) => {
    await fetch({ hubs: [{ host: server.host, token: "secret" }, { host: "other.host", token: "others" }] });
    const asked = server.requests.map(({ path, headers }) => [path, headers.get("authorization")]);
    assertEquals(asked, [
      ["/model.pth", "Bearer secret"],
      ["/elsewhere", undefined],
      ["/model.pth", "Bearer secret"],
      ["/elsewhere", undefined],
    ]);
    assertEquals(server.requests.map(({ headers }) => headers.get("range")).slice(2), ["bytes=1000-", "bytes=1000-"]);
  });
  await withServer(redirecting(() => "/here"), async ({ server, fetch }) => {
    await fetch({ hubs: [{ host: server.host, token: "secret" }] });
    assertEquals(server.requests[1].headers.get("authorization"), "Bearer secret", "within the host it stays");
  });
  await withServer((request) => giveFile(request, FILE), async ({ server, fetch }) => {
    await fetch({ hubs: [{ host: "127.0.0.1", token: "secret" }] });
    assertEquals(server.requests[0].headers.get("authorization"), undefined, "another port is another host");
  });
});

Deno.test("what a hub says of the file's SHA-256 on the way counts; what anybody else says does not", async () => {
  const told = { "x-linked-etag": `"${DIGEST}"` };
  await withServer(redirecting(() => "/here", told), async ({ server, fetch }) => {
    assertEquals((await fetch({ hubs: [{ host: server.host, token: undefined }] })).digestFrom, "published");
  });
  const wrong = { "x-linked-etag": "0".repeat(64) };
  await withServer(redirecting(() => "/here", wrong), async ({ server, fetch }) => {
    const error = await assertRejects(() => fetch({ hubs: [{ host: server.host, token: undefined }] }), DinogradError);
    assertStringIncludes(error.message, "expected a file with the SHA-256 0000000000000000…");
  });
  await withServer(redirecting(() => "/here", wrong), async ({ fetch }) => {
    assertEquals((await fetch()).digestFrom, "pinned");
  });
});

Deno.test("redirects without end, to nowhere, or to where nothing is encrypted are refused", async () => {
  const cases = [
    ["/model.pth", "redirects more than 10 times"],
    ["http://example.org/model.pth", "redirects to http://example.org/model.pth, which is not encrypted"],
    ["file:///etc/passwd", "which is not encrypted"],
    ["http://[", "redirects to no address"],
  ];
  for (const [location, expected] of cases) {
    await withServer(() => ({ status: 302, headers: { location } }), async ({ fetch, server }) => {
      const error = await assertRejects(() => fetch(), DinogradError);
      assertStringIncludes(error.message, expected);
      assertEquals(server.requests.length, location === "/model.pth" ? 11 : 1);
    });
  }
});

Deno.test("addresses are told from names and paths; only encrypted ones are taken, or those of this machine", () => {
  assertEquals(["https://a/b", "HTTP://a/b", "file:///a", "a/b.pth", "C:\\a.pth", "dino-r50"].map(isAddress), [
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
  for (const good of ["https://a.b/c.pth", "http://localhost:1/c", "http://127.0.0.2/c", "http://[::1]:8/c"]) {
    assertEquals(parseAddress(good).href, good);
  }
  const bad = [
    "http://a.b/c.pth",
    "http://127.0.0.1.example.org/c",
    "ftp://a.b/c",
    "https://user:secret@a.b/c.pth",
    "https://",
  ];
  for (const address of bad) {
    try {
      parseAddress(address);
      throw new Error(`${address} was taken`);
    } catch (error) {
      assertEquals(error instanceof DinogradError && error.kind, "usage", String(error));
      assertEquals(String(error).includes("secret"), false);
    }
  }
  assertEquals(shownAddress(new URL("https://a.b:8/c/d.pth?signature=secret#x")), "https://a.b:8/c/d.pth");
});

Deno.test("files in the cache have names that every system takes, and two addresses never share one", () => {
  const names = [
    ["https://a/b/dino_r50.pth", "dino_r50.pth"],
    ["https://a/b/x%2F..%2Fy.pth?download=true", "x_.._y.pth"],
    ["https://a/", "checkpoint"],
    ["https://a/..%2f", "_"],
    [`https://a/${"n".repeat(300)}.pth`, `${"n".repeat(146)}.pth`],
    ["https://a/.hidden", "hidden"],
  ];
  for (const [address, name] of names) assertEquals(fileNameOfAddress(new URL(address)), name);
  const folders = ["https://a/m.pth", "https://b/m.pth", "https://a/m.pth?v=2"].map((address) =>
    placeOf(new URL(address), "/cache").folder
  );
  assertEquals(new Set(folders).size, 3);
  for (const folder of folders) assertEquals(/^\/cache\/checkpoints\/m-[0-9a-f]{8}$/.test(folder), true, folder);
});

Deno.test("sizes are told in thousands", () => {
  assertEquals([0, 999, 1000, 12_345, 999_600, 3_400_000, 191_000_000, 2.5e9].map(decimalSize), [
    "0 B",
    "999 B",
    "1 kB",
    "12 kB",
    "1.0 MB",
    "3.4 MB",
    "191 MB",
    "2.5 GB",
  ]);
});
