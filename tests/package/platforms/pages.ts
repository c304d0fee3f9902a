/**
 * The importer's project as pages: bundled by esbuild, and as the modules that it is, which an import map finds. Either is
 * served isolated from other origins, which is what memory that threads share asks for, or not.
 */
import { build, type BuildOptions, type Metafile, stop } from "esbuild";
import { launch } from "puppeteer-core";
import type { Results } from "./project.ts";
import { type Browser, BROWSERS } from "./runtimes.ts";

/** How a page is made and served. */
export interface PageKind {
  readonly modules: "bundled" | "by an import map";
  readonly isIsolated: boolean;
}

/** Pages that are served. */
export interface Pages extends AsyncDisposable {
  /** Runs the tasks in a browser of its own; gives what they gave, and the browser's version. */
  run(browser: Browser, kind: PageKind, asked: { webgpu: boolean }): Promise<{ results: Results; version: string }>;
  /** What the last page has fetched: what for (`Sec-Fetch-Dest`) and the path. */
  readonly fetched: ReadonlySet<string>;
}

const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
const TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript",
  mjs: "text/javascript",
  json: "application/json",
  wasm: "application/wasm",
  html: "text/html",
};

/** Bundles the project in a folder and serves it. */
export async function servePages(folder: string): Promise<Pages> {
  const map = await bundle(folder).finally(stop);
  for (
    const [modules, html] of [["bundled", ""], [
      "by an import map",
      `<script type="importmap">${JSON.stringify(map)}</script>`,
    ]]
  ) {
    await Deno.writeTextFile(`${folder}/${modules}.html`, `<!doctype html><meta charset="utf-8">${html}`);
  }
  const fetched = new Set<string>();
  const serve = (headers: Readonly<Record<string, string>>) =>
    Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
      const path = decodeURIComponent(new URL(request.url).pathname);
      fetched.add(`${request.headers.get("sec-fetch-dest")} ${path}`);
      try {
        const type = TYPES[path.slice(path.lastIndexOf(".") + 1)] ?? "application/octet-stream";
        return new Response(await Deno.readFile(folder + path), { headers: { ...headers, "content-type": type } });
      } catch {
        return new Response(null, { status: 404 });
      }
    });
  const servers = { isolated: serve(ISOLATED), plain: serve({}) };
  return {
    fetched,
    async run(browser, { modules, isIsolated }, asked) {
      fetched.clear();
      const { port } = servers[isIsolated ? "isolated" : "plain"].addr;
      const program = modules === "bundled" ? "/bundled/bundled_page.js" : "/page.js";
      return await runPage(browser, `http://localhost:${port}/${modules}.html`, { program, ...asked });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(servers).map((server) => server.shutdown()));
    },
  };
}

interface ImportMap {
  readonly imports: Readonly<Record<string, string>>;
}

/** Bundles the page and, beside it, the worker that it starts; gives the import map of what went into it. */
async function bundle(folder: string): Promise<ImportMap> {
  const options: BuildOptions = {
    absWorkingDir: folder,
    bundle: true,
    format: "esm",
    platform: "browser",
    outdir: "bundled",
    loader: { ".wasm": "file" },
    logLevel: "error",
  };
  const { metafile } = await build({
    ...options,
    entryPoints: {
      bundled_page: "bundled_page.js",
      worker: "node_modules/@dinograd/dinograd/checkpoint/codec/worker.js",
    },
    splitting: true,
    metafile: true,
  });
  return importMapOf(metafile);
}

/** A package whose modules are not all of JavaScript's own kind, and the one with the same exports that is. */
const COMMONJS = { name: "msgpackr/index-no-eval", file: "dist/index-no-eval.cjs", module: "index.js" };

/** Where each bare specifier leads. */
function importMapOf({ inputs }: Metafile): ImportMap {
  const imports: Record<string, string> = {};
  for (const { imports: found } of Object.values(inputs)) {
    for (const { original, path } of found) {
      if (original === undefined || /^[./]/.test(original)) continue;
      if ((imports[original] ??= `/${path}`) !== `/${path}`) throw new Error(`two packages are called ${original}`);
    }
  }
  imports[COMMONJS.name] = imports[COMMONJS.name].replace(COMMONJS.file, COMMONJS.module);
  return { imports };
}

/** Software Vulkan for WebGPU, so that every machine has it; no sandbox, which root has not. */
const FLAGS = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--enable-features=Vulkan",
  "--use-webgpu-adapter=swiftshader",
];
/** Milliseconds that the tasks may take on a busy machine. */
const PATIENCE = 240_000;

async function runPage(browser: Browser, url: string, { program, webgpu }: { program: string; webgpu: boolean }) {
  const opened = await launch({
    browser,
    executablePath: BROWSERS[browser].executable,
    headless: true,
    args: browser === "chrome" ? FLAGS : [],
    protocolTimeout: PATIENCE,
  });
  try {
    const page = await opened.newPage();
    await page.goto(url, { waitUntil: "load", timeout: PATIENCE });
    const answer = await page.evaluate(
      `import("${program}").then(() => tasksInPage({ webgpu: ${webgpu} }))` +
        `.catch((error) => ({ failed: error + "\\n" + error.stack }))`,
    );
    // What `importerTasks` gives, or why it gave nothing.
    const { failed, ...results } = answer as Results & { readonly failed?: string };
    if (failed !== undefined) throw new Error(`${browser}: ${failed}`);
    return { results, version: await opened.version() };
  } finally {
    await opened.close();
  }
}
