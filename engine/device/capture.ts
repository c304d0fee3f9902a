/**
 * The device of a model whose operations are captured (`engine/capture.ts`): it holds what comes from the host, such as
 * tables of positions, and computes nothing. A kernel that reaches it was launched outside of every operation, so that the
 * capture would lack it.
 */

import type { TensorData } from "../dtype.ts";
import { DinogradError } from "../errors.ts";
import type { Buffer } from "./buffer.ts";
import type { CopyCall } from "./device.ts";
import { DryDevice } from "./dry.ts";
import type { ColumnLaunch, IndexedLaunch, RowLaunch } from "./launches.ts";

function refuse(what: string): never {
  throw new DinogradError("config", `capture: expected operations but found ${what}, which is part of none`);
}

/** Holds what is uploaded, and refuses to compute. */
export class CaptureDevice extends DryDevice {
  #contents = new WeakMap<Buffer, TensorData>();

  /** What the host has put into a buffer, unless it was forgotten. */
  contentsOf(buffer: Buffer): TensorData | undefined {
    return this.#contents.get(buffer);
  }
  /** Forgets what was uploaded so far, such as the first values of parameters. */
  forget(): void {
    this.#contents = new WeakMap();
  }

  override upload(buffer: Buffer, data: TensorData): void {
    super.upload(buffer, data);
    this.#contents.set(buffer, data.slice()); // the host may reuse its own
  }
  override fill(buffer: Buffer, value: number, length: number): void {
    super.fill(buffer, value, length);
    this.#contents.set(buffer, new Float32Array(length).fill(value));
  }
  override copy(call: CopyCall): void {
    super.copy(call);
    const { from, to, fromOffset, toOffset, length } = call;
    const content = this.#contents.get(from);
    if (!content || toOffset > 0) refuse("a copy");
    this.#contents.set(to, content.slice(fromOffset, fromOffset + length));
  }
  override row({ recipe }: RowLaunch): void {
    refuse(recipe.name);
  }
  override column({ recipe }: ColumnLaunch): void {
    refuse(recipe.name);
  }
  override indexed({ kernel }: IndexedLaunch): void {
    refuse(kernel.name);
  }
  override matmul(): void {
    refuse("a matrix product");
  }
  override conv2d(): void {
    refuse("a convolution");
  }
  override topK(): void {
    refuse("a search for the largest");
  }
}
