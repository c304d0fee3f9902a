/**
 * Matrix products on the CPU: out = a · b for batches of matrices of any layout, with an epilogue. The smaller operand
 * is packed by all threads together, then tasks compute blocks of the output (`product/block.ts`).
 */

import { assemble } from "../../../kernel/wasm/assembler.ts";
import type { Buffer } from "../../buffer.ts";
import type { Epilogue, EpilogueDefinition, MatmulCall, MatrixLayout } from "../../device.ts";
import { PRODUCT_PARAMETERS, productFunctions } from "./block.ts";
import { TILE_BYTES, TILE_COLUMNS, tileRows } from "./kernel.ts";
import { depthStep, outputBlocks } from "./plan.ts";
import { packPieces } from "./pack_tasks.ts";
import type { WasmModule, WasmRuntime } from "../runtime/runtime.ts";

/** The packed operand may take this many bytes at once; longer depths are done in groups. */
const SHARED_BYTES = 4 << 20;

/** The address in bytes of a buffer's first element. */
export type AddressOf = (buffer: Buffer) => number;

export class WasmGemm {
  readonly #runtime: WasmRuntime;
  readonly #modules = new Map<EpilogueDefinition | undefined, WasmModule>();

  constructor(runtime: WasmRuntime) {
    this.#runtime = runtime;
  }

  matmul(call: MatmulCall, addressOf: AddressOf): void {
    const batch = batchOf(call);
    if (call.m === 0 || call.n === 0 || batch.length === 0) return;
    const runtime = this.#runtime;
    const product = new Product(call, runtime);
    runtime.reserveScratch(product.scratchBytes);
    const module = this.#module(call.epilogue?.definition);
    const packed = runtime.allocate(product.sharedBytes);
    try {
      for (const { pack, tasks } of product.phases(batch, { addressOf, packed })) {
        runtime.parallel(module, product.sharesB ? "packB" : "packA", Int32Array.from(pack), 7);
        runtime.parallel(module, "product", Int32Array.from(tasks), product.arity);
      }
    } finally {
      runtime.free(packed);
    }
  }

  #module(definition: EpilogueDefinition | undefined): WasmModule {
    let module = this.#modules.get(definition);
    if (!module) {
      const { fusedMultiplyAdd, sharedMemory } = this.#runtime;
      const bytes = assemble(productFunctions(fusedMultiplyAdd, definition), { sharedMemory });
      module = this.#runtime.define(`matmul ${definition?.name ?? ""}`, bytes);
      this.#modules.set(definition, module);
    }
    return module;
  }
}

interface BatchItem {
  readonly outer: number;
  readonly inner: number;
}

function batchOf(call: MatmulCall): BatchItem[] {
  return Array.from({ length: call.outerBatch * call.innerBatch }, (_, i) => ({
    outer: Math.floor(i / call.innerBatch),
    inner: i % call.innerBatch,
  }));
}

/** How many different matrices an operand has: those with a stride of 0 are one. */
function distinct(layout: MatrixLayout, call: MatmulCall): number {
  return (layout.outer === 0 ? 1 : call.outerBatch) * (layout.inner === 0 ? 1 : call.innerBatch);
}

/** Where item of a batch starts, in elements. */
function startOf(layout: MatrixLayout, { outer, inner }: BatchItem): number {
  return outer * layout.outer + inner * layout.inner;
}

/** The lists of tasks for one call. */
class Product {
  readonly sharesB: boolean;
  readonly scratchBytes: number;
  readonly sharedBytes: number;
  readonly arity: number;
  readonly #call: MatmulCall;
  readonly #threads: number;
  readonly #tile: { readonly rows: number; readonly columns: number };
  readonly #depthStep: number;
  /** Depth that is packed at once, and how many matrices. */
  readonly #groupDepth: number;
  readonly #groupItems: number;
  readonly #panels: number;
  readonly #panelWidth: number;

  constructor(call: MatmulCall, runtime: WasmRuntime) {
    const { m, n, k } = call;
    this.#call = call;
    this.#threads = runtime.threads;
    this.#tile = { rows: tileRows(runtime.fusedMultiplyAdd), columns: TILE_COLUMNS };
    this.sharesB = n * distinct(call.bLayout, call) <= m * distinct(call.aLayout, call);
    this.arity = PRODUCT_PARAMETERS.length - 1 + (call.epilogue?.operands.length ?? 0);
    this.#depthStep = depthStep(k);
    this.#panelWidth = this.sharesB ? this.#tile.columns : this.#tile.rows;
    this.#panels = Math.ceil((this.sharesB ? n : m) / this.#panelWidth);
    const bytesPerDepth = this.#panels * this.#panelWidth * 4;
    const parts = Math.max(1, Math.floor(SHARED_BYTES / (bytesPerDepth * this.#depthStep)));
    this.#groupDepth = Math.max(1, Math.min(k, parts * this.#depthStep));
    const bytesPerItem = this.#groupDepth * bytesPerDepth;
    const items = distinct(this.sharesB ? call.bLayout : call.aLayout, call);
    this.#groupItems = Math.max(1, Math.min(items, Math.floor(SHARED_BYTES / bytesPerItem)));
    this.sharedBytes = bytesPerItem * this.#groupItems;
    const { rows, columns } = this.#blocks(call.outerBatch * call.innerBatch);
    const own = this.sharesB ? rows + this.#tile.rows : columns + this.#tile.columns;
    this.scratchBytes = TILE_BYTES + own * this.#depthStep * 4;
  }

  #blocks(batch: number) {
    const { m, n } = this.#call;
    return outputBlocks({ m, n, batch, threads: this.#threads, sharesB: this.sharesB, tile: this.#tile });
  }

  /** In order: what to pack, then what to compute from it. */
  *phases(
    batch: readonly BatchItem[],
    memory: { readonly addressOf: AddressOf; readonly packed: number },
  ): Generator<{ readonly pack: number[]; readonly tasks: number[] }> {
    const { k, aLayout, bLayout } = this.#call;
    const layout = this.sharesB ? bLayout : aLayout;
    for (let at = 0; at < batch.length;) {
      // Items that need at most `groupItems` different packed matrices.
      const slots = new Map<number, number>();
      const items: { readonly item: BatchItem; readonly slot: number }[] = [];
      for (; at < batch.length; at++) {
        const start = startOf(layout, batch[at]);
        if (!slots.has(start) && slots.size === this.#groupItems) break;
        if (!slots.has(start)) slots.set(start, slots.size);
        items.push({ item: batch[at], slot: slots.get(start) ?? 0 });
      }
      for (let depth = 0; depth === 0 || depth < k; depth += this.#groupDepth) {
        const group = { begin: depth, count: Math.min(this.#groupDepth, k - depth) };
        const pack = [...slots].flatMap(([start, slot]) => this.#packTasks(start, { ...memory, slot, group }));
        const blocks = this.#blocks(items.length);
        const tasks = items.flatMap(({ item, slot }) => this.#blockTasks(item, { ...memory, slot, group, blocks }));
        yield { pack, tasks };
      }
    }
  }

  #slotAddress(packed: number, slot: number): number {
    return packed + slot * this.#groupDepth * this.#panels * this.#panelWidth * 4;
  }

  #packTasks(
    start: number,
    at: {
      readonly addressOf: AddressOf;
      readonly packed: number;
      readonly slot: number;
      readonly group: { readonly begin: number; readonly count: number };
    },
  ): number[] {
    const { m, n, a, b, aLayout, bLayout } = this.#call;
    const [source, count, step, depthStride] = this.sharesB
      ? [at.addressOf(b), n, bLayout.column, bLayout.row]
      : [at.addressOf(a), m, aLayout.row, aLayout.column];
    const operand = { count, width: this.#panelWidth, depth: at.group.count, depthStep: this.#depthStep };
    return packPieces(operand, this.#slotAddress(at.packed, at.slot)).flatMap((piece) => [
      source + 4 * (start + piece.first * step + (at.group.begin + piece.d) * depthStride),
      piece.target,
      piece.count,
      piece.depth,
      4 * step,
      4 * depthStride,
      piece.panelBytes,
    ]);
  }

  #blockTasks(
    item: BatchItem,
    at: {
      readonly addressOf: AddressOf;
      readonly packed: number;
      readonly slot: number;
      readonly group: { readonly begin: number; readonly count: number };
      readonly blocks: { readonly rows: number; readonly columns: number };
    },
  ): number[] {
    const { m, n, k, a, b, out, aLayout, bLayout, outLayout, epilogue } = this.#call;
    const { begin, count } = at.group;
    const shared = this.#slotAddress(at.packed, at.slot);
    const tasks: number[] = [];
    for (let row = 0; row < m; row += at.blocks.rows) {
      for (let column = 0; column < n; column += at.blocks.columns) {
        const aStart = startOf(aLayout, item) + row * aLayout.row + begin * aLayout.column;
        const bStart = startOf(bLayout, item) + column * bLayout.column + begin * bLayout.row;
        const element = startOf(outLayout, item) + row * outLayout.row + column;
        tasks.push(
          this.sharesB ? at.addressOf(a) + 4 * aStart : shared,
          4 * aLayout.row,
          4 * aLayout.column,
          this.sharesB ? shared : at.addressOf(b) + 4 * bStart,
          4 * bLayout.column,
          4 * bLayout.row,
          this.sharesB ? 1 : 0,
          this.#panels,
          (this.sharesB ? column : row) / this.#panelWidth,
          Math.min(at.blocks.rows, m - row),
          Math.min(at.blocks.columns, n - column),
          count,
          this.#depthStep,
          at.addressOf(out) + 4 * element,
          4 * outLayout.row,
          begin > 0 ? 1 : 0,
          begin + count >= k ? 1 : 0,
          ...operandAddresses(epilogue, { row, column, element, addressOf: at.addressOf }),
        );
      }
    }
    return tasks;
  }
}

/** Where the epilogue's operands for a block start. */
export function operandAddresses(
  epilogue: Epilogue | undefined,
  at: { readonly row: number; readonly column: number; readonly element: number; readonly addressOf: AddressOf },
): number[] {
  if (!epilogue) return [];
  return epilogue.operands.map((operand, i) => at.addressOf(operand) + 4 * at[epilogue.definition.operands[i]]);
}
