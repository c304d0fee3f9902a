/**
 * Reverse-mode differentiation on an eager tape. Each op that has an input which needs a gradient leaves a node: where
 * its inputs came from, what its gradient rule needs, and the rule. `backward` walks the nodes from the newest to the
 * oldest. A node's saved tensors are given up as soon as its rule has run, so memory falls while backward proceeds.
 */

import { currentScope, scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/** Tensors a gradient rule needs again, by name. */
export type Saved = Readonly<Record<string, Tensor | undefined>>;

/** Returns one gradient per input, in order; undefined where none is needed or none flows. Runs without recording. */
export type GradientRule = (
  gradOutput: Tensor,
  saved: Saved,
  needs: readonly boolean[],
) => readonly (Tensor | undefined)[];

let recording = true;
let sequence = 0;

/** One executed op on the tape. */
export class TapeNode {
  /** Grows with time: a node only depends on nodes with smaller numbers. */
  readonly sequence = sequence++;
  #saved: Saved | undefined;

  /** Puts an executed op on the tape; `defineOp` does so for every op. `saved` belongs to the node from now on. */
  constructor(
    readonly name: string,
    /** Per input: the node that made it, the leaf that collects its gradient, or nothing. */
    readonly sources: readonly (TapeNode | Tensor | undefined)[],
    saved: Saved,
    readonly rule: GradientRule,
  ) {
    this.#saved = saved;
    currentScope()?.root.own(this);
  }

  /** Runs the rule once and lets go of what it had saved. */
  run(gradOutput: Tensor): readonly (Tensor | undefined)[] {
    if (!this.#saved) throw new Error(`backward: expected the first pass over ${this.name} but it has run already`);
    const gradients = this.rule(gradOutput, this.#saved, this.sources.map((source) => source !== undefined));
    this.dispose();
    return gradients;
  }

  /** Lets go of what the gradient would have needed; `run` is no longer possible. */
  dispose(): void {
    for (const tensor of Object.values(this.#saved ?? {})) tensor?.dispose();
    this.#saved = undefined;
  }
}

/** Whether ops leave nodes on the tape just now. */
export function isRecording(): boolean {
  return recording;
}

/** Runs a (synchronous) function without recording: inference, optimizers, gradient rules. */
export function withoutGradient<T>(run: () => T): T {
  return withRecording(false, run);
}

/** Runs a (synchronous) function with recording on or off. */
export function withRecording<T>(on: boolean, run: () => T): T {
  const saved = recording;
  recording = on;
  try {
    return run();
  } finally {
    recording = saved;
  }
}

/** The source of an input as a node records it. */
export function sourceOf(input: Tensor): TapeNode | Tensor | undefined {
  return input.node ?? (input.requiresGrad ? input : undefined);
}

/**
 * Adds d(sum of roots · seeds)/d(leaf) to `grad` of every leaf that requires a gradient. Seeds default to ones, which
 * is meant for a scalar loss.
 */
export function backward(roots: readonly Tensor[], seeds?: readonly Tensor[]): void {
  const pending = new PendingGradients();
  withoutGradient(() => {
    roots.forEach((root, i) => {
      const source = sourceOf(root);
      if (!source) throw new Error("backward: expected a tensor that depends on a parameter but nothing was recorded");
      using inner = scope();
      const seed = seeds ? seeds[i].alias() : root.empty(root.shape).fill(1);
      pending.add(source, own(seed, inner));
    });
    for (let node = pending.newest(); node; node = pending.newest()) {
      using inner = scope();
      const gradOutput = pending.take(node);
      const gradients = node.run(gradOutput);
      node.sources.forEach((source, i) => {
        const gradient = gradients[i];
        if (source && gradient) {
          pending.add(source, own(gradient === gradOutput ? gradOutput.alias() : gradient, inner));
        }
      });
      gradOutput.dispose();
    }
  });
}

/** Takes a tensor out of the scope that owns it. */
function own(tensor: Tensor, inner: { release(item: Tensor): void }): Tensor {
  inner.release(tensor);
  return tensor;
}

/** Gradients on their way: summed per node, and straight into `grad` for leaves. */
class PendingGradients {
  readonly #gradients = new Map<TapeNode, Tensor>();
  /** Nodes as a binary heap, the newest on top. */
  readonly #heap: TapeNode[] = [];

  add(source: TapeNode | Tensor, gradient: Tensor): void {
    if (!(source instanceof TapeNode)) {
      source.grad = source.grad ? sumInto(source.grad, gradient) : gradient;
      return;
    }
    const known = this.#gradients.get(source);
    if (!known) this.#push(source);
    this.#gradients.set(source, known ? sumInto(known, gradient) : gradient);
  }

  take(node: TapeNode): Tensor {
    const gradient = this.#gradients.get(node)!;
    this.#gradients.delete(node);
    return gradient;
  }

  newest(): TapeNode | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (!last || last === top) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].sequence > heap[child].sequence) child++;
      if (heap[child].sequence <= last.sequence) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return top;
  }

  #push(node: TapeNode): void {
    const heap = this.#heap;
    let at = heap.push(node) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent].sequence >= node.sequence) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = node;
  }
}

/** a + b, over a's memory when nobody else looks at it. Both are given up. */
function sumInto(a: Tensor, b: Tensor): Tensor {
  const target = a.storage.shared ? b : a;
  const other = target === a ? b : a;
  if (target.storage.shared) {
    using inner = scope();
    const sum = own(a.add(b), inner);
    a.dispose();
    b.dispose();
    return sum;
  }
  target.accumulate(other);
  other.dispose();
  return target;
}
