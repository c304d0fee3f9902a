/**
 * Indexed kernels as compute shaders: one item per thread. The same function that the oracle runs on numbers is run
 * once on the machine that writes WGSL.
 */

import type { IndexedKernel } from "../language/recipes.ts";
import { type BufferAccess, WgslMachine, type WgslProgram } from "./machine.ts";

export const INDEXED_THREADS = 64;

/** Binds: the kernel's buffers. Params: items, sizes, scalars. */
export function indexedProgram(kernel: IndexedKernel): WgslProgram {
  const m = new WgslMachine(kernel.lanes);
  const items = m.param("items");
  const sizes = kernel.sizes.map((name) => m.param(name));
  const scalars = (kernel.scalars ?? []).map((name) => m.param(name, "f32"));
  const buffers = kernel.buffers.map(({ dtype }, i) => m.buffer(i, dtype));
  m.line(`let item = i32((group.y * groups.x + group.x) * ${INDEXED_THREADS}u + thread.x);`);
  m.line(`if (item >= ${items.ref}) { return; }`);
  kernel.body(m, m.named("i32", "item"), { buffers, sizes, scalars });
  return m.program({
    name: kernel.name,
    comment: "an indexed kernel, a thread per item",
    access: kernel.buffers.map(({ access }): BufferAccess => access === "read" ? "read" : "read_write"),
    workgroup: [INDEXED_THREADS, 1],
  });
}
