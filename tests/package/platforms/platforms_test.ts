/**
 * The package where importers run it: Node, Bun and pages of browsers do what `importer.js` says, from the package as npm
 * gets it, and everything comes out as in Deno, to the last bit.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { importerTasks } from "./importer.js";
import { type Pages, servePages } from "./pages.ts";
import { makeProject, type Results } from "./project.ts";
import { type Browser, BROWSERS, installRuntime, platformsRequired, type Runtime, RUNTIMES } from "./runtimes.ts";
import { webGpuRequired } from "../../helpers/webgpu.ts";

/** GPUs add in another order than CPUs; losses near 1 differ by some roundings of float32. */
const GPU_DIFFERENCE = 1e-5;

const root = await Deno.makeTempDir({ prefix: "dinograd-" });
let project: Promise<string> | undefined;
let expected: Promise<Results> | undefined;
let pages: Promise<Pages> | undefined;
Deno.test.afterAll(async () => {
  await (await pages)?.[Symbol.asyncDispose]();
  await Deno.remove(root, { recursive: true });
});

/** The project, made by the first test that needs it. */
function theProject(): Promise<string> {
  return project ??= (async () => {
    const folder = `${root}/project`;
    await Deno.mkdir(folder);
    await makeProject(folder);
    return folder;
  })();
}

/** What Deno makes of the tasks. */
function inDeno(folder: string): Promise<Results> {
  return expected ??= (async () => {
    const given = JSON.parse(await Deno.readTextFile(`${folder}/given/given.json`));
    return await importerTasks(given, { webgpu: false }, {
      read: (name) => Deno.readFile(`${folder}/given/${name}`),
      store: (bytes) => Promise.resolve(bytes),
    }) as Results;
  })();
}

/** Equal to Deno's: without fused multiply-adds everywhere, and with them where the platform has them as Deno has. */
async function expectAsInDeno(results: Results, folder: string): Promise<void> {
  const deno = await inDeno(folder);
  assertEquals(deno.plain.saved, deno.plain.detector.weights);
  assertEquals(inFloat32(results.plain), inFloat32(deno.plain));
  assertEquals(results.images, deno.images);
  const { cnn, detector } = deno.plain;
  assertEquals(results.fused, results.about.isFused ? deno.fused : { cnn, detector });
}

/** Scores as float32: they are computed with `Math.exp`, whose last bit of 53 platforms see differently. */
function inFloat32(plain: Results["plain"]): unknown {
  return JSON.parse(
    JSON.stringify(plain, (key, value) => key === "score" && typeof value === "number" ? Math.fround(value) : value),
  );
}

async function orLeftOut(what: string, runtime: Promise<string | undefined>): Promise<string | undefined> {
  const program = await runtime;
  if (program === undefined) console.warn(`${what} is left out: it is not installed`);
  return program;
}

async function runProgram(program: string, folder: string, args: readonly string[]): Promise<Results> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: ["program.js", ...args], cwd: folder })
    .output();
  const text = new TextDecoder().decode(stderr);
  assertEquals(code, 0, text);
  return JSON.parse(new TextDecoder().decode(stdout));
}

/**
 * How a runtime multiplies and adds in WebAssembly: Node 20 has no instruction for it, that of Bun rounds twice, others do
 * as Deno does.
 */
function expectedMadd({ name, version }: Runtime, { isFused }: Results["about"]) {
  if (version.startsWith("20.")) return { hasRelaxedMadd: false, isFused: false };
  return { hasRelaxedMadd: true, isFused: name === "Bun" ? false : isFused };
}

for (const [at, runtime] of RUNTIMES.entries()) {
  const what = `${runtime.name} ${runtime.version}`;
  const program = await orLeftOut(what, installRuntime(`${root}/runtime${at}`, runtime));
  Deno.test({
    name: `${what} trains, detects, saves and loads as Deno does`,
    ignore: program === undefined,
    fn: async () => {
      const folder = await theProject();
      const asksForGpu = webGpuRequired() && runtime.version.startsWith("22.");
      const results = await runProgram(program ?? "", folder, asksForGpu ? ["--webgpu"] : []);
      await expectAsInDeno(results, folder);
      const { device, ...madd } = results.about;
      assertEquals(device, "cpu, 2 threads");
      if (Deno.build.arch === "x86_64") assertEquals(madd, expectedMadd(runtime, (await inDeno(folder)).about));
      if (asksForGpu) expectNear(results.webgpu);
    },
  });
}

function expectNear(gpu: Results["webgpu"]): void {
  assert(gpu?.difference !== undefined && gpu.difference <= GPU_DIFFERENCE, JSON.stringify(gpu));
}

const KINDS = [
  { modules: "bundled", isIsolated: true, device: "cpu, 2 threads" },
  { modules: "by an import map", isIsolated: false, device: "cpu, 1 thread" },
] as const;

for (const browser of ["chrome", "firefox"] satisfies Browser[]) {
  const { name, executable, tried } = BROWSERS[browser];
  const found = Deno.stat(executable).then(() => executable, () => undefined);
  const isMissing = await orLeftOut(name, found) === undefined;
  for (const { modules, isIsolated, device } of KINDS) {
    Deno.test({
      name: `a page of ${name}, ${modules}, ${isIsolated ? "" : "not "}isolated, does all of it as Deno does`,
      ignore: isMissing && !platformsRequired(),
      sanitizeOps: false, // the browser's connection closes when it pleases
      sanitizeResources: false,
      fn: async () => {
        const folder = await theProject();
        pages ??= servePages(folder);
        const asksForGpu = browser === "chrome" && isIsolated;
        const { run, fetched } = await pages;
        const { results, version } = await run(browser, { modules, isIsolated }, { webgpu: asksForGpu });
        await expectAsInDeno(results, folder);
        assertEquals(results.about.device, device);
        if (asksForGpu) expectNear(results.webgpu);
        const major = Number(/\d+/.exec(version)?.[0]);
        assert(major >= Number(tried), `README.md says ${tried} but this is ${version}`);
        // A worker compressed the bundle where a bundler has put one; workers know no import maps.
        const workers = [...fetched].filter((path) => /^(worker|script|empty) .*\/worker\.js$/.test(path));
        assertEquals(workers.some((path) => path.startsWith("worker ")), modules === "bundled", workers.join("\n"));
      },
    });
  }
}

Deno.test("the README's table names the platforms that are tried here", async () => {
  const readme = await Deno.readTextFile(new URL("../../../README.md", import.meta.url));
  for (const { name, version } of RUNTIMES) assertStringIncludes(readme, `| ${name} ${version} `);
  for (const { name, tried } of Object.values(BROWSERS)) assertStringIncludes(readme, `| ${name} ${tried} `);
});
