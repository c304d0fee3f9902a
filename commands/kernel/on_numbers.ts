/** A kernel on numbers: its smallest recorded launch, run by the oracle in float64 on made-up operands. */
import type { Buffer } from "../../engine/device/buffer.ts";
import { ReferenceDevice } from "../../engine/device/reference.ts";
import type { KernelBuffer } from "../../engine/kernel/language/recipes.ts";
import type { CatalogueEntry } from "./catalogue.ts";
import { operandNames } from "./reading.ts";
import { buffersOf, type Source } from "./recorder.ts";

/** So many numbers of a buffer are shown. */
const SHOWN = 8;

/** A buffer before and after. */
interface OperandOnNumbers {
  readonly name: string;
  readonly elements: number;
  /** What the kernel does with it. */
  readonly access: KernelBuffer["access"];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/**
 * Runs the launch. Floats are 0.1, 0.2, … 1.6 in turn; integers are those of the recorded launch where it had them, else 0, and
 * so is what is only written.
 */
export async function runOnNumbers({ source, launch, device }: NonNullable<CatalogueEntry["launch"]>): Promise<
  OperandOnNumbers[]
> {
  const oracle = new ReferenceDevice();
  const buffers = buffersOf(launch);
  const copies = new Map(buffers.map((buffer, i) => {
    const copy = oracle.allocate(buffer.length);
    const { dtype, access } = operandOf(source, i);
    const known = device.uploads.get(buffer);
    const isKnown = dtype === "i32" && known instanceof Int32Array && known.length === buffer.length;
    const ramp = (at: number) => access === "write" || dtype === "i32" ? 0 : (at % 16 + 1) / 10;
    const data = isKnown ? Float64Array.from(known) : Float64Array.from({ length: buffer.length }, (_, at) => ramp(at));
    oracle.upload(copy, data);
    return [buffer, { copy, data }];
  }));
  const replaced = <T extends Buffer>(list: readonly T[]) => list.map((buffer) => copies.get(buffer)!.copy); // all have one
  if ("kernel" in launch) oracle.indexed({ ...launch, buffers: replaced(launch.buffers) });
  else if ("outputs" in launch) {
    oracle.row({ ...launch, inputs: replaced(launch.inputs), outputs: replaced(launch.outputs) });
  } else oracle.column({ ...launch, inputs: replaced(launch.inputs), output: replaced([launch.output])[0] });
  return await Promise.all(buffers.map(async (buffer, i) => {
    const { copy, data } = copies.get(buffer)!; // as above
    const after = await oracle.download(copy, "f32", buffer.length);
    return {
      ...operandOf(source, i),
      elements: buffer.length,
      before: [...data.slice(0, SHOWN)],
      after: [...after.slice(0, SHOWN)],
    };
  }));
}

/** With which numbers a kernel was launched, by name. */
export function numbersOf({ source, launch }: NonNullable<CatalogueEntry["launch"]>): string {
  const scalarNames = source.kind === "indexed" ? source.scalars ?? [] : operandNames(source, 1).scalars;
  const scalars = scalarNames.map((name, i) => `${name} ${Number(launch.scalars?.[i].toPrecision(6))}`);
  if ("kernel" in launch) {
    const sizes = launch.kernel.sizes.map((name, i) => `${name} ${launch.sizes[i]}`);
    return [`${launch.items} items`, ...sizes, ...scalars].join(", ");
  }
  const sizes = "outputs" in launch
    ? [`${launch.outer.join(" x ")} rows`, `${launch.columns} columns`]
    : [`outer ${launch.outer}`, `reduced ${launch.reduced}`, `inner ${launch.inner}`];
  return [...sizes, ...scalars].join(", ");
}

/** Name, type and use of the operand at a position. */
function operandOf(source: Source, i: number): KernelBuffer {
  if (source.kind === "indexed") return source.buffers[i];
  const { buffers } = operandNames(source, source.kind === "row" ? source.outputs.length : 1);
  const isOver = source.kind === "row" && source.outputs.some(({ into }) => into === i);
  const access = i >= source.inputs.length ? "write" : isOver ? "read_write" : "read";
  return { name: buffers[i], dtype: "f32", access };
}
