/**
 * A package registry on the loopback interface. `deno publish` sends it the tarball that JSR would get, with every
 * specifier rewritten as for JSR, and it serves the package's modules from that tarball: what runs from here is what an
 * importer gets, which a dry run does not show.
 */
import { parseTarGzip } from "nanotar";

/** A running registry. Hold it with `await using`. */
export interface Registry extends AsyncDisposable {
  /** What `JSR_URL` has to be, for publishing and for importing. */
  readonly url: string;
  /** The files of the package that was published, by path from its root. */
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

interface Package {
  readonly scope: string;
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
}

/** Publishes the package in `folder` and serves it. */
export async function publishLocally(folder: string): Promise<Registry> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/api/")) return await answerPublisher(request, files);
    return await answerImporter(pathname, files);
  });
  const url = `http://127.0.0.1:${server.addr.port}/`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--allow-dirty", "--no-check", "--token", "none"],
    cwd: folder,
    env: { JSR_URL: url, NO_COLOR: "1" },
  }).output();
  if (!success || files.size === 0) {
    await server.shutdown();
    throw new Error(`deno publish: ${new TextDecoder().decode(stderr)}`);
  }
  return { url, files, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** The registry's side of publishing: nothing is published yet, and every upload succeeds. */
async function answerPublisher(request: Request, files: Map<string, Uint8Array<ArrayBuffer>>): Promise<Response> {
  const isVersion = request.url.includes("/versions/");
  if (isVersion && request.method === "GET") {
    return Response.json({ code: "packageVersionNotFound", message: "none" }, { status: 404 });
  }
  if (isVersion) {
    for (const { name, data, type } of await parseTarGzip(new Uint8Array(await request.arrayBuffer()))) {
      if (type === "file" && data !== undefined) files.set(name.replace(/^\.?\//, ""), new Uint8Array(data));
    }
  }
  const time = new Date(0).toISOString();
  return Response.json({ id: "1", status: "success", error: null, createdAt: time, updatedAt: time });
}

/** The registry's side of importing: what there is, with its checksums, and the modules themselves. */
async function answerImporter(pathname: string, files: Map<string, Uint8Array<ArrayBuffer>>): Promise<Response> {
  const { scope, name, version, exports } = describePackage(files);
  const root = `/@${scope}/${name}`;
  if (pathname === `${root}/meta.json`) {
    return Response.json({ scope, name, latest: version, versions: { [version]: {} } });
  }
  if (pathname === `${root}/${version}_meta.json`) {
    return Response.json({ manifest: await manifestOf(files), exports });
  }
  const path = pathname.slice(`${root}/${version}/`.length);
  const data = files.get(path);
  if (!pathname.startsWith(`${root}/${version}/`) || data === undefined) return new Response("none", { status: 404 });
  const type = path.endsWith(".ts") ? "text/typescript" : path.endsWith(".json") ? "application/json" : "text/plain";
  return new Response(data, { headers: { "content-type": type } });
}

function describePackage(files: ReadonlyMap<string, Uint8Array>): Package {
  const config = JSON.parse(new TextDecoder().decode(files.get("deno.json")));
  const [scope, name] = config.name.slice(1).split("/");
  return { scope, name, version: config.version, exports: config.exports };
}

async function manifestOf(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>) {
  const entries = [...files].map(async ([path, data]) => {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    return [`/${path}`, { size: data.length, checksum: `sha256-${digest.toHex()}` }] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}
