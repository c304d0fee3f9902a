import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { placeOf } from "../../../checkpoint/download/cache.ts";
import { type Behaviour, FileServer, giveFile, someBytes } from "../../helpers/file_server.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { digestOf } from "./support.ts";

const FILE = someBytes(200_000);
const CHILD = fromFileUrl(new URL("fetch_child.ts", import.meta.url));

function spawn(address: URL, cache: string, env: Record<string, string> = {}): Deno.ChildProcess {
  const args = ["run", "-A", "--no-check", CHILD, address.href, cache];
  return new Deno.Command(Deno.execPath(), { args, env, stdout: "piped", stderr: "inherit", stdin: "null" }).spawn();
}

const outputOf = async (child: Deno.ChildProcess) => new TextDecoder().decode((await child.output()).stdout);

/** A server, and a promise for its first request. */
function awaited(behaviour: Behaviour): { readonly behaviour: Behaviour; readonly asked: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    behaviour: (request, number) => {
      resolve();
      return behaviour(request, number);
    },
    asked: promise,
  };
}

Deno.test("a process that is killed in the middle leaves a part, which the next one continues, lock and all", () =>
  inFolder(async (cache) => {
    const { behaviour, asked } = awaited((request, number) => ({
      ...giveFile(request, FILE, { etag: '"a"' }),
      ...number === 1 ? { stallAfter: 120_000 } : {},
    }));
    await using server = new FileServer(behaviour);
    const place = placeOf(server.url(), cache);
    const killed = spawn(server.url(), cache);
    await asked;
    const received = async (): Promise<number> => {
      try {
        return JSON.parse(await Deno.readTextFile(place.partRecord)).received;
      } catch {
        return 0; // not yet, or just being replaced
      }
    };
    while (await received() < 120_000) await new Promise((resolve) => setTimeout(resolve, 20));
    killed.kill("SIGKILL");
    await killed.output();
    const output = await outputOf(spawn(server.url(), cache));
    assert(output.includes(`done ${digestOf(FILE)}`), output);
    assertEquals(server.requests[1].headers.get("range"), "bytes=120000-");
    const left = await Array.fromAsync(Deno.readDir(place.folder), ({ name }) => name);
    assertEquals(left.sort(), ["model.pth", "model.pth.json"]);
  }));

Deno.test("of two processes that want one file at once, one fetches it and the other waits for it", () =>
  inFolder(async (cache) => {
    let others = 0;
    const { behaviour, asked } = awaited(async (request, number) => {
      // Gives the second process the time to come and find the first at work.
      if (number === 1) await new Promise((resolve) => setTimeout(resolve, 1500));
      else others++;
      return giveFile(request, FILE, { etag: '"a"' });
    });
    await using server = new FileServer(behaviour);
    const first = spawn(server.url(), cache);
    await asked;
    const second = spawn(server.url(), cache);
    const [one, two] = await Promise.all([first, second].map(outputOf));
    for (const output of [one, two]) assert(output.includes(`done ${digestOf(FILE)}`), `${one}\n${two}`);
    assert(two.includes(`process ${first.pid} on`) && two.includes("is fetching the same file"), two);
    assertEquals(others, 0);
  }));

Deno.test("a proxy that the environment names is asked for the file", () =>
  inFolder(async (cache) => {
    await using proxy = new FileServer((request) => giveFile(request, FILE));
    const address = new URL("http://127.0.0.1:47899/model.pth"); // where nobody listens
    const output = await outputOf(spawn(address, cache, { HTTP_PROXY: `http://${proxy.host}`, NO_PROXY: "" }));
    assert(output.includes(`done ${digestOf(FILE)}`), output);
    assertEquals(proxy.requests.map(({ path }) => path), [address.href]);
  }));
