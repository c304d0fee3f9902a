/**
 * Finding a GPU: through Dawn (the `webgpu` package) where that loads, else through `navigator.gpu`, which is the only
 * way in a browser. Also says whether what was found is hardware, so that `auto` never picks a software rasterizer.
 */

import { hasFiles } from "../../../platform/builtin_modules.ts";
import { loadDawn } from "../../../platform/dawn.ts";
import { DinogradError } from "../../errors.ts";

/**
 * What is known of a GPU before it is opened.
 *
 * @category Devices
 */
export interface WebGpuAdapterInfo {
  /** For people: the GPU's name as its driver gives it. */
  readonly name: string;
  /** Whether a CPU only plays the GPU (lavapipe, SwiftShader, WARP). */
  readonly software: boolean;
  /** Whether Dawn was loaded as a library, or the platform's own `navigator.gpu` answered. */
  readonly through: "dawn" | "navigator";
}

interface FoundAdapter {
  readonly adapter: GPUAdapter;
  readonly info: WebGpuAdapterInfo;
}

const SOFTWARE = /llvmpipe|lavapipe|swiftshader|softpipe|software|\bwarp\b|basic render/i;

/** Dawn's objects live only as long as the instance that `create` returned: these are kept until the process ends. */
const dawnInstances = new Map<string, GPU>();

/** Why Dawn was not asked, for the message where nobody else had a GPU either. */
let dawnFailure: string | undefined;

/**
 * The adapter, or undefined if there is none. `backend`: undefined tries Dawn and then `navigator.gpu`; "navigator"
 * only the latter; another name ("vulkan", "metal", "d3d12", "null") asks Dawn for that backend.
 */
export async function findAdapter(backend?: string): Promise<FoundAdapter | undefined> {
  if (backend !== "navigator") {
    const gpu = await dawn(backend);
    const found = gpu && await request(gpu, "dawn");
    if (found || backend !== undefined) return found;
  }
  const own: GPU | undefined = globalThis.navigator?.gpu;
  return own && await request(own, "navigator");
}

/**
 * What the platform's own `navigator.gpu` calls its best GPU, without loading Dawn: null where it has none, undefined
 * where there is no `navigator.gpu` to ask. Enough to rule out hardware, and quiet: Dawn writes warnings to
 * standard error as soon as it looks for an adapter, about a missing driver or the limits of one. Its library has a
 * callback for them; the `webgpu` package offers no way to it: of its options (backend, adapter, verbose, and toggles,
 * which belong to devices) none keeps it quiet.
 */
export async function platformGpu(): Promise<WebGpuAdapterInfo | null | undefined> {
  if (!globalThis.navigator?.gpu) return undefined;
  return (await findAdapter("navigator"))?.info ?? null;
}

async function dawn(backend: string | undefined): Promise<GPU | undefined> {
  const key = backend ?? "";
  const known = dawnInstances.get(key);
  if (known) return known;
  if (!hasFiles()) return undefined; // a page, or a worker of one
  try {
    const { create } = await loadDawn();
    // Timestamps are for profiles of one's own kernels: as exact as the GPU has them, not made coarse against spies.
    const options = ["disable-dawn-features=timestamp_quantization"];
    const gpu = create(backend === undefined ? options : [...options, `backend=${backend}`]);
    dawnInstances.set(key, gpu);
    return gpu;
  } catch (error) {
    dawnFailure = `cannot load Dawn (npm's package webgpu): ${messageOf(error)}`;
    if (backend !== undefined) throw new DinogradError("device", `webgpu: ${dawnFailure}`);
    return undefined;
  }
}

/** What to add where no adapter was found: that Dawn could not be asked, if that is so. */
export function whyNoAdapter(): string {
  return dawnFailure === undefined ? "" : `; ${dawnFailure}`;
}

async function request(gpu: GPU, through: WebGpuAdapterInfo["through"]): Promise<FoundAdapter | undefined> {
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) return undefined;
  // `isFallbackAdapter` moved from the adapter to its info while the standard was made; either may be missing.
  const info = adapter.info as GPUAdapterInfo & { readonly isFallbackAdapter?: boolean };
  const parts = [info.description, info.device, info.architecture, info.vendor].filter((part) => part && part !== "0");
  const name = parts.find((part) => part.length > 3) ?? "unnamed GPU";
  return {
    adapter,
    info: { name, software: info.isFallbackAdapter === true || SOFTWARE.test(parts.join(" ")), through },
  };
}

/** Throws unless this is hardware, or not known to be none. */
export function refuseSoftware(info: WebGpuAdapterInfo | null | undefined): void {
  if (info === null) throw new DinogradError("device", "webgpu: expected a hardware GPU but found no GPU");
  if (!info?.software) return;
  throw new DinogradError("device", `webgpu: expected a hardware GPU but found only a software one (${info.name})`);
}

/** What an error says, in one line: Dawn tells the story of a call over several. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error || isGpuError(error) ? error.message : String(error);
  return message.trim().replaceAll(/\s*\n[\s-]*/g, "; ");
}

/** WebGPU's own errors are no `Error`s. */
function isGpuError(error: unknown): error is GPUError {
  return typeof error === "object" && error !== null && "message" in error && typeof error.message === "string";
}
