/**
 * A function with named i32 parameters: the block functions of the matrix product take up to two dozen sizes,
 * addresses and strides, which would be unreadable as numbers.
 */

import { type Local, WasmFunction } from "../../../kernel/wasm/assembler.ts";

interface NamedFunction<Name extends string> {
  readonly f: WasmFunction;
  /** The parameter of each name. */
  readonly at: Readonly<Record<Name, Local>>;
  /** Parameters after the named ones: the addresses of an epilogue's operands. */
  readonly rest: readonly Local[];
}

export function namedFunction<const Name extends string>(
  name: string,
  names: readonly Name[],
  rest = 0,
): NamedFunction<Name> {
  const f = new WasmFunction(name, { params: new Array<"i32">(names.length + rest).fill("i32") });
  const entries = names.map((parameter, i) => [parameter, f.named(f.params[i], parameter)]);
  // `fromEntries` forgets which keys it was given: they are exactly `names`.
  return { f, at: Object.fromEntries(entries) as Record<Name, Local>, rest: f.params.slice(names.length) };
}

/** Leaves min(a, b) on the stack for a local and a local or constant, signed. */
export function pushMinimum(f: WasmFunction, a: Local, b: Local | { readonly constant: number }): WasmFunction {
  const other = () => typeof b === "number" ? f.get(b) : f.i32(b.constant);
  f.get(a);
  other().get(a);
  return other().op("i32.lt_s").op("select");
}
