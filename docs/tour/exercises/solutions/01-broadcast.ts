import { stridesOf } from "./01-strides.ts";

export function broadcastOffset(operand: readonly number[], position: readonly number[]): number {
  const strides = stridesOf(operand);
  const missing = position.length - operand.length;
  return operand.reduce(
    (offset, size, axis) => offset + (size === 1 ? 0 : strides[axis] * position[missing + axis]),
    0,
  );
}
