/**
 * All kernels that a model is trained and used with: those that a training step and a forward pass launch on a device that
 * only takes notes, and those that devices have written by hand.
 */
import { withoutGradient } from "../../engine/autograd.ts";
import type { DeviceKind, EpilogueDefinition } from "../../engine/device/device.ts";
import { convolveFunctions, correlateFunctions } from "../../engine/device/wasm/conv/block.ts";
import { productFunctions } from "../../engine/device/wasm/product/block.ts";
import * as conv2d from "../../engine/device/webgpu/conv2d.ts";
import { epilogueText } from "../../engine/device/webgpu/epilogue.ts";
import { gemmProgram, type GemmSource } from "../../engine/device/webgpu/gemm.ts";
import { MATMUL_SOURCES } from "../../engine/device/webgpu/matmul.ts";
import { planRows } from "../../engine/device/webgpu/rows.ts";
import { mergeRunsProgram, sortRunsProgram, takeProgram } from "../../engine/device/webgpu/top_k.ts";
import type { WasmFunction } from "../../engine/kernel/wasm/assembler.ts";
import { functionOf } from "../../engine/kernel/wasm/kernels.ts";
import { columnProgram } from "../../engine/kernel/wgsl/column.ts";
import { indexedProgram } from "../../engine/kernel/wgsl/indexed.ts";
import { rowProgram } from "../../engine/kernel/wgsl/row.ts";
import { scope } from "../../engine/scope.ts";
import { tensor } from "../../engine/tensor.ts";
import type { DinoConfig } from "../../detector/config/mod.ts";
import { TrainingSession } from "../../detector/train/session.ts";
import { syntheticBatch } from "../measure/model.ts";
import { type Launch, RecordingDevice, type Source } from "./recorder.ts";
import { operandNames, readingOf } from "./reading.ts";

/** What a kernel is written as. */
type KernelKind = "rows" | "columns" | "indexed" | "product" | "by hand";

/** One kernel, for one layout of its operands. */
export interface CatalogueEntry {
  readonly name: string;
  readonly kind: KernelKind;
  /** What it has: buffers and numbers, or formulas. A line each. */
  readonly about: readonly string[];
  readonly wgsl: () => string;
  /** Its functions in WebAssembly, or why there are none. */
  readonly wasm: (() => readonly WasmFunction[]) | string;
  /** A small launch to run on numbers, where it was recorded. */
  readonly launch?: { readonly source: Source; readonly launch: Launch; readonly device: RecordingDevice };
}

/** Images with which the kernels of a model are gathered: small, and not square. */
const IMAGE = { batch: 2, height: 64, width: 96 };
const TARGET = { sharedMemory: true, fusedMultiplyAdd: true, parameters: 64 };

/** The kernels of a model, by name. Ops choose some by the kind of device: both the CPU's and the GPU's are here. */
export async function gatherKernels(config: DinoConfig): Promise<CatalogueEntry[]> {
  const devices = [await record(config, "cpu"), await record(config, "webgpu")];
  // A kernel is one object wherever it is launched, so the second device adds those alone that the first has not met.
  const launches = new Map(
    devices.flatMap((device) => [...device.launches].map(([source, launch]) => [source, { launch, device }] as const)),
  );
  const generated = [...launches].map(([source, recorded]) => generatedEntry(source, recorded));
  return [...generated, ...handWritten(devices[0])].sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/** What a training step and a forward pass launch. */
async function record(config: DinoConfig, kind: DeviceKind): Promise<RecordingDevice> {
  const device = new RecordingDevice(kind);
  const session = new TrainingSession({ device, config, seed: 0, stepsPerEpoch: 1, classes: [], freeze: [] });
  const batch = syntheticBatch(config, IMAGE);
  await session.step(batch);
  {
    using _pass = scope();
    const images = tensor(device, batch.images, batch.shape);
    withoutGradient(() => session.model.evaluate().forward({ images, mask: batch.mask, auxiliary: false }));
  }
  session.dispose();
  return device;
}

function generatedEntry(
  source: Source,
  { launch, device }: { readonly launch: Launch; readonly device: RecordingDevice },
): CatalogueEntry {
  return {
    name: source.name,
    kind: source.kind === "row" ? "rows" : source.kind === "column" ? "columns" : "indexed",
    about: aboutOf(source),
    wgsl: () => wgslOf(source, launch),
    wasm: () => [functionOf(source, TARGET)],
    launch: { source, launch, device },
  };
}

function aboutOf(source: Source): string[] {
  if (source.kind === "indexed") {
    const { buffers, sizes, scalars = [], lanes } = source;
    return [
      ...buffers.map(({ name, dtype, access }, i) => `b${i}: ${name}, ${dtype}, ${ACCESS[access]}`),
      ...(sizes.length > 0 ? [`integers at launch: ${sizes.join(", ")}`] : []),
      ...(scalars.length > 0 ? [`floats at launch: ${scalars.join(", ")}`] : []),
      `vectors of ${lanes}`,
    ];
  }
  const own = source.kind === "row" ? source.outputs.filter(({ into }) => into === undefined).length : 1;
  const { buffers, scalars } = operandNames(source, own);
  const access = (i: number) =>
    source.kind === "row" && source.outputs.some(({ into }) => into === i) ? ACCESS.read_write : "read";
  const along = source.inputs.map((each) => each === 1 ? "moves along the row" : "the same along the row");
  return [
    ...buffers.map((name, i) => `b${i}: ${name}, ${i < along.length ? `${access(i)}, ${along[i]}` : "written"}`),
    ...(scalars.length > 0 ? [`floats at launch: ${scalars.join(", ")}`] : []),
    ...(source.kind === "row" ? [`rows in ${source.rank} dimension${source.rank > 1 ? "s" : ""}`] : []),
    ...readingOf(source),
  ];
}
const ACCESS = { read: "read", write: "written", read_write: "read and written" };

function wgslOf(source: Source, launch: Launch): string {
  if (source.kind === "indexed") return indexedProgram(source).text;
  if (source.kind === "column") return columnProgram(source).text;
  const columns = "columns" in launch ? launch.columns : 1;
  return rowProgram(source, planRows(source, { rows: 1, columns, software: false }).workgroup).text;
}

function* handWritten({ epilogues }: RecordingDevice): Generator<CatalogueEntry> {
  for (const source of MATMUL_SOURCES) {
    yield* products(source, { definitions: epilogues.get(source), wasm: productFunctions });
  }
  yield* products(conv2d.forward.source, {
    definitions: epilogues.get(conv2d.forward.source),
    wasm: convolveFunctions,
  });
  const gradient = "the CPU has no module for it: it is a product of what `conv2d` packs";
  yield* products(conv2d.inputGradient.source, { wasm: gradient });
  yield* products(conv2d.weightGradient.source, { wasm: correlateFunctions });
  const onCpu = "the CPU selects in TypeScript: engine/device/wasm/top_k.ts";
  for (const program of [sortRunsProgram, mergeRunsProgram, takeProgram]) {
    yield { name: program.name, kind: "by hand", about: [], wgsl: () => program.text, wasm: onCpu };
  }
}

/** A product as it is, and with each epilogue. */
function* products(
  source: GemmSource,
  { definitions = [], wasm }: {
    readonly definitions?: Iterable<EpilogueDefinition>;
    readonly wasm: ((fused: boolean, epilogue?: EpilogueDefinition) => readonly WasmFunction[]) | string;
  },
): Generator<CatalogueEntry> {
  for (const definition of [undefined, ...definitions]) {
    yield {
      name: definition ? `${source.name} with ${definition.name}` : source.name,
      kind: "product",
      about: ["b0: a, read", "b1: b, read", "b2: the output, written"].concat(
        definition?.operands.map((per, i) => `b${3 + i}: an operand of the epilogue, read, per ${per}`) ?? [],
      ),
      wgsl: () => {
        const epilogue = definition && epilogueText(definition, 3);
        return gemmProgram(source, { tiles: "shared", parts: false, epilogue }).text;
      },
      wasm: typeof wasm === "string" ? wasm : () => wasm(true, definition),
    };
  }
}
