/**
 * Finding a GPU: through Dawn (the `webgpu` package) where that loads, else through `navigator.gpu`, which is the only
 * way in a browser. Also says whether what was found is hardware, so that `auto` never picks a software rasterizer.
 */

import { DinogradError } from "../../errors.ts";

export interface WebGpuAdapterInfo {
  /** For people: the GPU's name as its driver gives it. */
  readonly name: string;
  /** Whether a CPU only plays the GPU (lavapipe, SwiftShader, WARP). */
  readonly software: boolean;
  /** Whether Dawn was loaded as a library, or the platform's own `navigator.gpu` answered. */
  readonly through: "dawn" | "navigator";
}

export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  readonly info: WebGpuAdapterInfo;
}

const SOFTWARE = /llvmpipe|lavapipe|swiftshader|softpipe|software|\bwarp\b|basic render/i;

/** Dawn's objects live only as long as the instance that `create` returned: these are kept until the process ends. */
const dawnInstances = new Map<string, GPU>();

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

/** What `createWebGpuDevice` would run on, or undefined if there is no adapter at all. */
export async function webGpuAdapterInfo(options: { readonly backend?: string } = {}): Promise<
  WebGpuAdapterInfo | undefined
> {
  return (await findAdapter(options.backend))?.info;
}

async function dawn(backend: string | undefined): Promise<GPU | undefined> {
  const key = backend ?? "";
  const known = dawnInstances.get(key);
  if (known) return known;
  if ("document" in globalThis) return undefined;
  try {
    const { create } = await import("webgpu");
    // The package is typed by its own copy of the WebGPU types; the objects are the standard's.
    const gpu = create(backend === undefined ? [] : [`backend=${backend}`]) as unknown as GPU;
    dawnInstances.set(key, gpu);
    return gpu;
  } catch (error) {
    if (backend !== undefined) throw new DinogradError("device", `webgpu: cannot load Dawn: ${messageOf(error)}`);
    return undefined;
  }
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

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
