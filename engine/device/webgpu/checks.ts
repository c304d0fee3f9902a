/** What a caller may have got wrong, found before the GPU sees it: WebGPU itself only reports such things later. */

import { DeviceMismatchError, DisposedError } from "../../errors.ts";
import type { WgslProgram } from "../../kernel/wgsl/machine.ts";
import type { Buffer } from "../buffer.ts";
import { type BufferPool, GpuBuffer } from "./pool.ts";
import type { Params } from "./uniform_ring.ts";

/** The buffer as this device made it; throws for another device's and for one that was freed. */
export function own(buffer: Buffer, pool: BufferPool): GpuBuffer {
  if (!(buffer instanceof GpuBuffer) || buffer.pool !== pool) {
    throw new DeviceMismatchError("webgpu: expected a buffer of this device but found another's");
  }
  if (!buffer.inUse) throw new DisposedError(`webgpu: expected an allocated buffer but buffer ${buffer.id} was freed`);
  return buffer;
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
