/** What a caller may have got wrong, found before the GPU sees it: WebGPU itself only reports such things later. */

import type { WgslProgram } from "../../kernel/wgsl/machine.ts";
import type { Buffer } from "../device.ts";
import { GpuBuffer } from "./pool.ts";
import type { Params } from "./uniform_ring.ts";

/** The buffer as this device made it; throws for another device's and for one that was freed. */
export function own(buffer: Buffer): GpuBuffer {
  if (!(buffer instanceof GpuBuffer)) {
    throw new TypeError("webgpu: expected a buffer of this device but found another's");
  }
  if (!buffer.inUse) throw new Error(`webgpu: expected an allocated buffer but buffer ${buffer.id} was freed`);
  return buffer;
}

export function checkLength(op: string, buffer: GpuBuffer, offset: number, length: number): void {
  if (offset < 0 || length < 0 || offset + length > buffer.length) {
    throw new RangeError(`${op}: expected at most ${buffer.length} elements but found ${length} from ${offset} on`);
  }
}

/**
 * A buffer that a kernel writes may be bound only once: reading it through another binding would race.
 * Throws also where the numbers of buffers or params are not the program's.
 */
export function checkBindings(program: WgslProgram, buffers: readonly GpuBuffer[], params: Params): void {
  const { access, name } = program;
  if (buffers.length !== access.length || params.count !== program.params) {
    throw new Error(
      `${name}: expected ${access.length} buffers and ${program.params} numbers but found ${buffers.length} and ` +
        `${params.count}`,
    );
  }
  for (let i = 0; i < buffers.length; i++) {
    if (access[i] === "read") continue;
    const other = buffers.indexOf(buffers[i]) === i ? buffers.indexOf(buffers[i], i + 1) : buffers.indexOf(buffers[i]);
    if (other >= 0) {
      throw new Error(
        `${name}: expected the buffer that is written (number ${i}) only once but found it at ${other} too`,
      );
    }
  }
}
