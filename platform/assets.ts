/**
 * Files that ship with the packages that this one stands on: codecs as WebAssembly, fonts. They are found beside their
 * packages at run time, or where the program says (`provideAssets`): a bundler knows where it has put them.
 */
import { DinogradError } from "./errors.ts";
import { fileSystem, hasFiles } from "./builtin_modules.ts";

/**
 * Where an asset is, or its bytes.
 *
 * @category Assets
 */
export type AssetSource = string | URL | Uint8Array | ArrayBuffer;

/**
 * What a program may provide, by the name under which its package has it.
 *
 * @category Assets
 */
export type AssetName =
  | "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm"
  | "@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm"
  | "@jsquash/webp/codec/dec/webp_dec.wasm"
  | "@resvg/resvg-wasm/index_bg.wasm"
  | "dejavu-fonts-ttf/ttf/DejaVuSans.ttf"
  | "dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf"
  | "dejavu-fonts-ttf/ttf/DejaVuSerif-Bold.ttf"
  | "@fontsource/unifontex/files/unifontex-latin-400-normal.woff";

const provided = new Map<AssetName, AssetSource>();

/**
 * Says where assets are, as URLs or as bytes, before the first of them is needed: the decoder of JPEG files by the first
 * JPEG, and so on. What is not provided is looked for beside its package, by way of `import.meta.resolve`.
 *
 * @category Assets
 */
export function provideAssets(assets: Readonly<Partial<Record<AssetName, AssetSource>>>): void {
  // The keys of the argument are names of assets, or undefined behind them.
  for (const [name, source] of Object.entries(assets)) provided.set(name as AssetName, source);
}

/**
 * Reads an asset.
 * @param resolve gives the URL beside the package
 * @throws {DinogradError} of kind "usage" where it cannot be read
 */
export async function readAsset(name: AssetName, resolve: () => string): Promise<Uint8Array<ArrayBuffer>> {
  const source = provided.get(name);
  try {
    if (source instanceof Uint8Array) return new Uint8Array(source);
    if (source instanceof ArrayBuffer) return new Uint8Array(source);
    return await readUrl(source === undefined ? urlBeside(name, resolve) : new URL(source, pageUrl()));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${name}: expected to read it but ${reason}; provideAssets says where it is`;
    throw new DinogradError("usage", message.replaceAll(/\s+/g, " "), { cause });
  }
}

/** The URL of an asset beside its package. */
function urlBeside(name: AssetName, resolve: () => string): URL {
  let url: string | undefined;
  try {
    url = resolve();
  } catch {
    // Bun refuses what npm packages made by JSR ask for: a specifier of Deno's.
  }
  // Node hands such a specifier back. The name alone is found among the installed packages. Deno reads it as it is.
  const isStrange = url?.startsWith("npm:") && !("Deno" in globalThis);
  const here = import.meta; // by this name the name to resolve need not be known when the package is published
  return new URL(url === undefined || isStrange ? here.resolve(name) : url);
}

/** What URLs without an origin refer to: the page. */
const pageUrl = () => (globalThis as { location?: { href: string } }).location?.href;

async function readUrl(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  if (url.protocol === "file:" && !("Deno" in globalThis) && hasFiles()) {
    return new Uint8Array(await fileSystem().promises.readFile(url));
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
