/**
 * Recurrent layers (LSTM: Hochreiter and Schmidhuber, 1997; GRU: Cho et al., arXiv:1406.1078), with PyTorch's parameters and
 * formulas. What comes from the inputs is one product for all steps; only what comes from the state is computed in turn.
 */

import type { Expr } from "../kernel/language/expr.ts";
import { permute, stack } from "../ops/layout.ts";
import { linear } from "../ops/linear.ts";
import { pointwise } from "../ops/pointwise.ts";
import { at, split } from "../ops/rearrange.ts";
import { Parameter } from "../parameter.ts";
import { tidy } from "../scope.ts";
import { ShapeError } from "../errors.ts";
import { formatShape } from "../shape.ts";
import { type Tensor, zeros } from "../tensor.ts";
import { uniform } from "./initial.ts";
import { Module, type ModuleContext } from "./module.ts";

/**
 * Sizes of a recurrent layer.
 *
 * @category Layers
 */
export interface RecurrentOptions {
  /** Width of an input. */
  readonly inFeatures: number;
  /** Width of the state, and of an output. */
  readonly hiddenFeatures: number;
  /** How many layers there are, each of which reads the states of the one below. Default 1. */
  readonly layers?: number;
}

/** The parameters of one layer; gates lie one after the other along the first axis. */
interface Weights {
  readonly weightIh: Parameter;
  readonly weightHh: Parameter;
  readonly biasIh: Parameter;
  readonly biasHh: Parameter;
}

/** Makes the parameters of all layers, as fields of the module: `weightIhL0` is PyTorch's "weight_ih_l0". */
function makeWeights(
  module: Module,
  context: ModuleContext,
  { inFeatures, hiddenFeatures, layers = 1, gates }: RecurrentOptions & { readonly gates: number },
): Weights[] {
  const bound = 1 / Math.sqrt(hiddenFeatures);
  const make = (shape: readonly number[]) => new Parameter(context, shape, uniform(context, shape, bound));
  return Array.from({ length: layers }, (_, layer) => {
    const rows = gates * hiddenFeatures;
    const weights = {
      weightIh: make([rows, layer === 0 ? inFeatures : hiddenFeatures]),
      weightHh: make([rows, hiddenFeatures]),
      biasIh: make([rows]),
      biasHh: make([rows]),
    };
    Object.assign(
      module,
      Object.fromEntries(Object.entries(weights).map(([name, each]) => [`${name}L${layer}`, each])),
    );
    return weights;
  });
}

/** One step of one layer: from the inputs' and the state's share of the gates to the next state, of one or two tensors. */
type Cell = (fromInput: Tensor, fromState: Tensor, state: readonly Tensor[]) => readonly Tensor[];

/** Runs all layers over x [N, T, C]: the outputs [N, T, H], and what each layer's state is at the end. */
function run(
  name: string,
  [x, layers, cell]: readonly [Tensor, readonly Weights[], Cell],
  initial: (layer: number) => readonly Tensor[],
): { readonly output: Tensor; readonly states: readonly (readonly Tensor[])[] } {
  const inFeatures = layers[0].weightIh.shape[1];
  if (x.rank !== 3 || x.shape[1] < 1 || x.shape[2] !== inFeatures) {
    throw new ShapeError(`${name}: expected x [N, T, ${inFeatures}] with T ≥ 1 but found ${formatShape(x.shape)}`);
  }
  let steps = permute(x, [1, 0, 2]);
  const states = layers.map(({ weightIh, weightHh, biasIh, biasHh }, layer) => {
    const fromInputs = linear(steps, { weight: weightIh, bias: biasIh });
    const outputs: Tensor[] = [];
    let state = initial(layer);
    for (let t = 0; t < x.shape[1]; t++) {
      state = cell(at(fromInputs, 0, t), linear(state[0], { weight: weightHh, bias: biasHh }), state);
      outputs.push(state[0]);
    }
    steps = stack(outputs, 0);
    return state;
  });
  return { output: permute(steps, [1, 0, 2]), states };
}

/** Layer number `layer` of an initial state [layers, N, H], or zeros. */
function stateOf(
  name: string,
  given: Tensor | undefined,
  { x, features, layers, layer }: { x: Tensor; features: number; layers: number; layer: number },
): Tensor {
  const shape = [x.shape[0], features];
  if (!given) return zeros(x.device, shape);
  if (formatShape(given.shape) !== formatShape([layers, ...shape])) {
    const found = formatShape(given.shape);
    throw new ShapeError(`${name}: expected a state ${formatShape([layers, ...shape])} but found ${found}`);
  }
  return at(given, 0, layer);
}

const tanhOf = (x: Expr) => x.mul(2).sigmoid().mul(2).sub(1);
/** σ(i) tanh(g): what an LSTM writes. Its cell in three ops, so that no gradient needs more buffers than browsers allow. */
const written = pointwise("lstm_written", { tensors: 2 }, (i, g) => i.sigmoid().mul(tanhOf(g)));
const remembered = pointwise("lstm_cell", { tensors: 3 }, (f, cell, written) => f.sigmoid().mul(cell).add(written));
const shown = pointwise("lstm_hidden", { tensors: 2 }, (o, cell) => o.sigmoid().mul(tanhOf(cell)));

const lstmCell: Cell = (fromInput, fromState, [hidden, cell]) => {
  const [i, f, g, o] = split(fromInput.add(fromState), hidden.shape[1], 1);
  const next = remembered([f, cell, written([i, g])]);
  return [shown([o, next]), next];
};

/** tanh(n + r m): what a GRU proposes. */
const proposed = pointwise("gru_proposed", { tensors: 3 }, (n, r, m) => tanhOf(n.add(r.sigmoid().mul(m))));
/** (1 − z) n + z h. */
const mixed = pointwise("gru_hidden", { tensors: 3 }, (n, z, h) => n.add(z.sigmoid().mul(h.sub(n))));

const gruCell: Cell = (fromInput, fromState, [hidden]) => {
  const width = hidden.shape[1];
  const [gates, fresh] = split(fromInput, [2 * width, width], 1);
  const [stateGates, known] = split(fromState, [2 * width, width], 1);
  const [r, z] = split(gates.add(stateGates), width, 1);
  return [mixed([proposed([fresh, r, known]), z, hidden])];
};

/** What a layer's states are stacked to: [layers, N, H]. */
const stacked = (states: readonly (readonly Tensor[])[], part: number) => stack(states.map((state) => state[part]), 0);

/**
 * Long short-term memory: gates decide what a cell forgets, takes in and shows.
 *
 * @category Layers
 */
export class LSTM extends Module {
  readonly #layers: readonly Weights[];
  readonly #features: number;

  /** Draws all parameters as PyTorch does: uniform in ±1/√hiddenFeatures. */
  constructor(context: ModuleContext, options: RecurrentOptions) {
    super();
    this.#features = options.hiddenFeatures;
    this.#layers = makeWeights(this, context, { ...options, gates: 4 });
  }

  /**
   * x [N, T, inFeatures], and a state to begin with (default: zeros), to the outputs of the last layer [N, T,
   * hiddenFeatures] and the state at the end, both parts of which are [layers, N, hiddenFeatures].
   *
   * @throws {ShapeError} where shapes do not fit
   */
  forward(
    x: Tensor,
    state: { readonly hidden?: Tensor; readonly cell?: Tensor } = {},
  ): { readonly output: Tensor; readonly hidden: Tensor; readonly cell: Tensor } {
    const sizes = { x, features: this.#features, layers: this.#layers.length };
    const [output, hidden, cell] = tidy(() => {
      const { output, states } = run("LSTM", [x, this.#layers, lstmCell], (layer) => [
        stateOf("LSTM", state.hidden, { ...sizes, layer }),
        stateOf("LSTM", state.cell, { ...sizes, layer }),
      ]);
      return [output, stacked(states, 0), stacked(states, 1)];
    });
    return { output, hidden, cell };
  }
}

/**
 * Gated recurrent units: one gate decides what of the state a proposal sees, another how far the state moves to it.
 *
 * @category Layers
 */
export class GRU extends Module {
  readonly #layers: readonly Weights[];
  readonly #features: number;

  /** Draws all parameters as PyTorch does: uniform in ±1/√hiddenFeatures. */
  constructor(context: ModuleContext, options: RecurrentOptions) {
    super();
    this.#features = options.hiddenFeatures;
    this.#layers = makeWeights(this, context, { ...options, gates: 3 });
  }

  /**
   * x [N, T, inFeatures], and a state [layers, N, hiddenFeatures] to begin with (default: zeros), to the outputs of the
   * last layer [N, T, hiddenFeatures] and the state at the end.
   *
   * @throws {ShapeError} where shapes do not fit
   */
  forward(
    x: Tensor,
    state: { readonly hidden?: Tensor } = {},
  ): { readonly output: Tensor; readonly hidden: Tensor } {
    const sizes = { x, features: this.#features, layers: this.#layers.length };
    const [output, hidden] = tidy(() => {
      const { output, states } = run("GRU", [x, this.#layers, gruCell], (layer) => [
        stateOf("GRU", state.hidden, { ...sizes, layer }),
      ]);
      return [output, stacked(states, 0)];
    });
    return { output, hidden };
  }
}
