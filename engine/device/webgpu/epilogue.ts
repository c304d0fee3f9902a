/**
 * Epilogues as WGSL: the expression that a product's element goes through before it is stored, printed as a function
 * by the machine that prints all other kernels.
 */

import { emitExpr } from "../../kernel/language/emit.ts";
import { WgslMachine } from "../../kernel/wgsl/machine.ts";
import type { EpilogueDefinition } from "../device.ts";

export const EPILOGUE_FUNCTION = "finish";

export interface EpilogueText {
  readonly name: string;
  readonly operands: EpilogueDefinition["operands"];
  /** `fn finish(value: f32, row: i32, column: i32, at: i32) -> f32` and what it calls. */
  readonly text: string;
}

/** Operand i is read from buffer number `firstBuffer` + i. */
export function epilogueText(definition: EpilogueDefinition, firstBuffer: number): EpilogueText {
  const m = new WgslMachine(1);
  const buffers = definition.operands.map((_, i) => m.buffer(firstBuffer + i, "f32"));
  const index = { row: "row", column: "column", element: "at" } as const;
  const result = emitExpr(m, definition.value, {
    input: (i) =>
      i === 0 ? m.named("vec", "value") : buffers[i - 1].loadVec(m.named("i32", index[definition.operands[i - 1]])),
    scalars: [],
  });
  const text = `${m.functions()}
fn ${EPILOGUE_FUNCTION}(value: f32, row: i32, column: i32, at: i32) -> f32 {
${m.statements()}
  return ${result.ref};
}`;
  return { name: definition.name, operands: definition.operands, text };
}
