/**
 * The weights of a convolution as the packed first operand of a product: rows straight from memory for the forward
 * direction, through tables for the gradient of the input, which reads them turned round.
 */

import { tileRows } from "../product/kernel.ts";
import { depthStep } from "../product/plan.ts";
import { packedBytes, type PackedOperand, packPieces, panelsOf } from "../product/pack_tasks.ts";

export class PackedWeights {
  readonly #operand: PackedOperand;

  /** `count` rows of `depth` elements. */
  constructor({ count, depth, fused }: { readonly count: number; readonly depth: number; readonly fused: boolean }) {
    this.#operand = { count, depth, width: tileRows(fused), depthStep: depthStep(depth) };
  }

  get bytes(): number {
    return packedBytes(this.#operand);
  }
  get panels(): number {
    return panelsOf(this.#operand);
  }
  get depth(): number {
    return this.#operand.depth;
  }
  get depthStep(): number {
    return this.#operand.depthStep;
  }

  /** Tasks of `packWeights`: the rows lie one behind the other. */
  rows({ source, target }: { readonly source: number; readonly target: number }): Int32Array {
    const step = this.depth;
    return Int32Array.from(
      packPieces(this.#operand, target).flatMap((piece) => [
        source + 4 * (piece.first * step + piece.d),
        piece.target,
        piece.count,
        piece.depth,
        4 * step,
        4,
        piece.panelBytes,
      ]),
    );
  }

  /** Tasks of `gatherWeights`: tables say where rows and depths lie. */
  gathered(
    { source, target, across, down }: {
      readonly source: number;
      readonly target: number;
      readonly across: number;
      readonly down: number;
    },
  ): Int32Array {
    return Int32Array.from(
      packPieces(this.#operand, target).flatMap((piece) => [
        source,
        piece.target,
        across + 4 * piece.first,
        piece.count,
        down + 4 * piece.d,
        piece.depth,
        piece.panelBytes,
      ]),
    );
  }
}
