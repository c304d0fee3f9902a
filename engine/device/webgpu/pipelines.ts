/**
 * Compiles programs once, and keeps bind groups: making one costs about 30 microseconds, finding it again about two.
 * WebGPU does not throw for a faulty shader; errors come back later through error scopes and are given to `onError`
 * with the line of WGSL they point at.
 */

import { DinogradError } from "../../errors.ts";
import type { BufferAccess, WgslProgram } from "../../kernel/wgsl/machine.ts";
import { messageOf } from "./adapter.ts";
import type { GpuBuffer } from "./pool.ts";
import { paramBytes, type UniformRing } from "./uniform_ring.ts";

export interface CompiledProgram {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** Programs that bind alike share bind groups: their number of params and kinds of access in short. */
  readonly signature: string;
  readonly access: readonly BufferAccess[];
  readonly paramBytes: number;
}

/** Past this many bind groups all are dropped: more means that sizes keep changing, and old ones will not come back. */
const MOST_GROUPS = 16384;

export class Pipelines {
  readonly #device: GPUDevice;
  readonly #ring: UniformRing;
  readonly #onError: (error: DinogradError) => void;
  readonly #programs = new WeakMap<WgslProgram, CompiledProgram>();
  /** By their text: programs that come to the same are compiled once. */
  readonly #byText = new Map<string, CompiledProgram>();
  readonly #layouts = new Map<string, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>();
  readonly #groups = new Map<string, GPUBindGroup>();
  readonly #checks = new Set<Promise<void>>();
  /** How many programs were compiled and bind groups made, for tests. */
  readonly made = { programs: 0, groups: 0 };

  constructor(device: GPUDevice, ring: UniformRing, onError: (error: DinogradError) => void) {
    this.#device = device;
    this.#ring = ring;
    this.#onError = onError;
  }

  get(program: WgslProgram): CompiledProgram {
    let compiled = this.#programs.get(program);
    if (!compiled) {
      const key = `${program.access.join()} ${program.text}`;
      compiled = this.#byText.get(key) ?? this.#compile(program);
      this.#byText.set(key, compiled);
      this.#programs.set(program, compiled);
    }
    return compiled;
  }

  group(compiled: CompiledProgram, buffers: readonly GpuBuffer[]): GPUBindGroup {
    let key = compiled.signature;
    for (const { id } of buffers) key += "," + id;
    let group = this.#groups.get(key);
    if (!group) {
      if (this.#groups.size >= MOST_GROUPS) this.#groups.clear();
      const entries: GPUBindGroupEntry[] = [
        { binding: 0, resource: { buffer: this.#ring.buffer, size: compiled.paramBytes } },
        ...buffers.map(({ gpu }, i) => ({ binding: i + 1, resource: { buffer: gpu } })),
      ];
      group = this.#device.createBindGroup({ layout: compiled.layout, entries });
      this.made.groups++;
      this.#groups.set(key, group);
    }
    return group;
  }

  /** Drops all bind groups, some of which hold buffers that are about to go. */
  forgetGroups(): void {
    this.#groups.clear();
  }

  /** Resolves when every program compiled so far has been checked. */
  async checked(): Promise<void> {
    await Promise.all(this.#checks);
  }

  #compile(program: WgslProgram): CompiledProgram {
    const { access, name } = program;
    const most = this.#device.limits.maxStorageBuffersPerShaderStage;
    if (access.length > most) {
      throw new DinogradError(
        "device",
        `webgpu: ${name}: expected at most ${most} buffers on this adapter but found ${access.length}`,
      );
    }
    const bytes = paramBytes(program.params);
    const signature = bytes + access.map((mode) => mode === "read" ? "r" : "w").join("");
    const layout = this.#layout(signature, access);
    this.#device.pushErrorScope("internal");
    this.#device.pushErrorScope("validation");
    const module = this.#device.createShaderModule({ label: name, code: program.text });
    const pipeline = this.#device.createComputePipeline({
      label: name,
      layout: layout.pipeline,
      compute: { module, entryPoint: "main" },
    });
    const errors = [this.#device.popErrorScope(), this.#device.popErrorScope()];
    const check = this.#check(program, module, errors).finally(() => this.#checks.delete(check));
    this.#checks.add(check);
    this.made.programs++;
    return { pipeline, layout: layout.group, signature, access, paramBytes: bytes };
  }

  #layout(signature: string, access: readonly BufferAccess[]) {
    let layout = this.#layouts.get(signature);
    if (!layout) {
      const visibility = 0x4; // compute
      const group = this.#device.createBindGroupLayout({
        entries: [
          { binding: 0, visibility, buffer: { type: "uniform", hasDynamicOffset: true } },
          ...access.map((mode, i) => ({
            binding: i + 1,
            visibility,
            buffer: { type: mode === "read" ? "read-only-storage" as const : "storage" as const },
          })),
        ],
      });
      layout = { group, pipeline: this.#device.createPipelineLayout({ bindGroupLayouts: [group] }) };
      this.#layouts.set(signature, layout);
    }
    return layout;
  }

  async #check(program: WgslProgram, module: GPUShaderModule, errors: Promise<GPUError | null>[]): Promise<void> {
    try {
      const found = (await Promise.all(errors)).find((error) => error !== null);
      if (!found) return;
      const { messages } = await module.getCompilationInfo();
      const first = messages.find((message) => message.type === "error");
      const line = first && program.text.split("\n")[first.lineNum - 1]?.trim();
      const what = first ? `line ${first.lineNum}: ${messageOf(first)}: ${line}` : messageOf(found);
      this.#onError(new DinogradError("device", `webgpu: ${program.name}: the kernel does not compile: ${what}`));
    } catch (error) {
      this.#onError(new DinogradError("device", `webgpu: ${program.name}: ${messageOf(error)}`));
    }
  }
}
