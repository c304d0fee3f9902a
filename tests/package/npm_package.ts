/**
 * The package as JSR gives it to npm: what its exports import becomes JavaScript with the syntax that it was sent, whose
 * specifiers have no `npm:` and end in `.js` for `.ts`; other files stay as they are; a `package.json` says the rest. Types
 * are left out, which no program needs to run.
 */
import { build, type Loader, type Metafile, stop } from "esbuild";

/** Files by path from the package's root. */
export type PackageFiles = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

interface Description {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
}

/** Makes it from the files that `deno publish` sends. */
export async function npmPackage(published: PackageFiles): Promise<PackageFiles> {
  const description: Description = JSON.parse(new TextDecoder().decode(published.get("deno.json")));
  const entries = Object.values(description.exports).map((path) => asJavaScript(path.slice(2)));
  const versions = new Map<string, string>();
  const { modules, imports } = await transpile(published, versions);
  const dependencies = new Map<string, string>();
  const files = new Map(published);
  const reached = new Set(entries);
  for (const path of reached) { // which grows meanwhile
    const content = modules.get(path) ?? published.get(path); // a page is imported as text
    if (content === undefined) throw new Error(`expected the package to hold ${path} but found none`);
    files.set(path, content);
    for (const specifier of imports.get(path) ?? []) {
      if (specifier.startsWith(".")) reached.add(new URL(specifier, `file:///${path}`).pathname.slice(1));
      else if (!specifier.startsWith("node:")) {
        const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
        dependencies.set(name, versions.get(name) ?? "");
      }
    }
  }
  files.set("package.json", new TextEncoder().encode(packageJson(description, dependencies)));
  return files;
}

const asJavaScript = (path: string) => path.replace(/\.ts$/, ".js");

/** All modules as JavaScript and what each imports; notes the versions of other packages. */
async function transpile(published: PackageFiles, versions: Map<string, string>) {
  const loaderOf = (path: string): Loader | undefined => {
    const [extension] = /\.(ts|js)$/.exec(path.replace(/\.d\.ts$/, "")) ?? [];
    return extension === ".ts" ? "ts" : extension === ".js" ? "js" : undefined;
  };
  const { outputFiles, metafile } = await build({
    entryPoints: [...published.keys()].filter(loaderOf).map((path) => ({
      in: path,
      out: path.replace(/\.[jt]s$/, ""),
    })),
    bundle: true, // which resolves specifiers; the plugin leaves every module outside of every other
    treeShaking: false,
    format: "esm",
    platform: "neutral",
    target: "esnext",
    outdir: "/",
    absWorkingDir: "/",
    write: false,
    metafile: true,
    plugins: [{
      name: "jsr",
      setup({ onResolve, onLoad }) {
        onResolve({ filter: /.*/ }, ({ kind, path }) => {
          if (kind === "entry-point") return { namespace: "package", path };
          return { external: true, path: specifierInNpm(path, versions) };
        });
        onLoad({ filter: /.*/, namespace: "package" }, ({ path }) => ({
          contents: published.get(path),
          loader: loaderOf(path),
        }));
      },
    }],
  }).finally(stop);
  return {
    modules: new Map(outputFiles.map(({ path, contents }) => [path.slice(1), new Uint8Array(contents)])),
    imports: new Map(
      Object.entries<Metafile["outputs"][string]>(metafile.outputs).map(([path, output]) => [
        path,
        output.imports.map((found) => found.path),
      ]),
    ),
  };
}

/** A specifier as npm knows it. */
function specifierInNpm(specifier: string, versions: Map<string, string>): string {
  if (specifier.startsWith(".")) return asJavaScript(specifier);
  if (specifier.startsWith("node:")) return specifier;
  const [, kind, name, version, path] = /^(npm|jsr):\/?((?:@[^/]+\/)?[^/@]+)@([^/]+)(.*)$/.exec(specifier) ?? [];
  if (name === undefined) throw new Error(`expected a specifier that JSR takes but found ${specifier}`);
  const known = kind === "npm" ? name : nameInNpm(name);
  versions.set(known, version);
  return known + path;
}

/** What a package of JSR is called in npm. */
const nameInNpm = (name: string) => `@jsr/${name.slice(1).replace("/", "__")}`;

function packageJson({ name, version, exports }: Description, dependencies: ReadonlyMap<string, string>): string {
  return JSON.stringify({
    name: nameInNpm(name),
    version,
    type: "module",
    exports: Object.fromEntries(Object.entries(exports).map(([entry, path]) => [entry, asJavaScript(path)])),
    dependencies: Object.fromEntries(dependencies),
  });
}
