/**
 * Reverse-mode differentiation on an eager tape. Each op that has an input which needs a gradient leaves a node: where
 * its inputs came from, what its gradient rule needs, and the rule. `backward` walks the nodes from the newest to the
 * oldest. A node's saved tensors are given up as soon as its rule has run, so memory falls while backward proceeds.
 */

import { current, finished, inOp, within } from "./context.ts";
import { TapeError } from "./errors.ts";
import { scoped } from "./scope.ts";
import type { Tensor } from "./tensor.ts";
import { noteGradient } from "./unclaimed.ts";

/**
 * Tensors a gradient rule needs again, by name.
 *
 * @category Differentiation
 */
export type Saved = Readonly<Record<string, Tensor | undefined>>;

/**
 * Returns one gradient per input, in order; undefined where none is needed or none flows. Runs without recording.
 *
 * @category Differentiation
 */
export type GradientRule = (
  gradOutput: Tensor,
  saved: Saved,
  needs: readonly boolean[],
) => readonly (Tensor | undefined)[];

let sequence = 0;

/**
 * One executed op on the tape. It is held by its output, by the nodes that come from it, and by a `backward` on its way to
 * it; with the last of them it lets go of what it has saved, so that a tape never outgrows what can still be differentiated.
 *
 * @category Differentiation
 */
export class TapeNode {
  /** Grows with time: a node only depends on nodes with smaller numbers. */
  readonly sequence = sequence++;
  #saved: Saved | undefined;
  #holders = 1;

  /** Puts an executed op on the tape; `defineOp` does so for every op. `saved` belongs to the node from now on. */
  constructor(
    readonly name: string,
    /** Per input: the node that made it, the leaf that collects its gradient, or nothing. */
    readonly sources: readonly (TapeNode | Tensor | undefined)[],
    saved: Saved,
    readonly rule: GradientRule,
  ) {
    this.#saved = saved;
    for (const source of sources) if (source instanceof TapeNode) source.retain();
  }

  /**
   * Runs the rule once and lets go of what it had saved, but not yet of where it came from: that is for `release`.
   * @throws {TapeError} where it has run before
   */
  run(gradOutput: Tensor): readonly (Tensor | undefined)[] {
    if (!this.#saved) throw new TapeError(`backward: expected the first pass over ${this.name} but it has run already`);
    const saved = this.#saved;
    const needs = this.sources.map((source) => source !== undefined);
    const gradients = inOp(`${this.name}, gradient`, () => this.rule(gradOutput, saved, needs));
    this.#forget();
    return gradients;
  }

  /** Counts another tensor or node that needs this one. */
  retain(): void {
    this.#holders++;
  }

  /** One holder less; without any, what was saved is given up here, and wherever nobody else holds it, further back. */
  release(): void {
    const dying: TapeNode[] = []; // a list instead of recursion: a graph may be deeper than the stack
    if (--this.#holders === 0) dying.push(this);
    for (let node = dying.pop(); node; node = dying.pop()) {
      node.#forget();
      for (const source of node.sources) {
        if (source instanceof TapeNode && --source.#holders === 0) dying.push(source);
      }
    }
  }

  #forget(): void {
    for (const tensor of Object.values(this.#saved ?? {})) tensor?.dispose();
    this.#saved = undefined;
  }
}

/**
 * Whether ops leave nodes on the tape just now.
 *
 * @category Differentiation
 */
export function isRecording(): boolean {
  return current.recording;
}

/**
 * Runs a function without recording: inference, optimizers, gradient rules.
 * @throws {ArgumentError} where the function is asynchronous: it would record again after its first `await`
 * @category Differentiation
 */
export function withoutGradient<T>(run: () => T): T {
  return finished("withoutGradient", withRecording(false, run));
}

/** Runs a synchronous function while ops do, or do not, leave nodes on the tape. */
export function withRecording<T>(on: boolean, run: () => T): T {
  return within({ recording: on }, run);
}

/** The source of an input as a node records it. */
export function sourceOf(input: Tensor): TapeNode | Tensor | undefined {
  return input.node ?? (input.requiresGrad ? input : undefined);
}

/**
 * Adds d(sum of roots · seeds)/d(leaf) to `grad` of every leaf that requires a gradient. Seeds default to ones, which
 * is meant for a scalar loss.
 * @throws {TapeError} where nothing was recorded for a root, or its tape was walked before
 * @category Differentiation
 */
export function backward(roots: readonly Tensor[], seeds?: readonly Tensor[]): void {
  const pending = new PendingGradients();
  try {
    withoutGradient(() => {
      roots.forEach((root, i) => {
        const source = sourceOf(root);
        if (!source) {
          throw new TapeError("backward: expected a tensor that depends on a parameter but nothing was recorded");
        }
        scoped((inner) => {
          const seed = seeds ? seeds[i].alias() : root.empty(root.shape).fill(1);
          pending.add(source, own(seed, inner));
        });
      });
      for (let node = pending.newest(); node; node = pending.newest()) step(node, pending);
    });
  } finally {
    pending.dispose();
  }
}

/** Runs the rule of the newest node, and sends what it gives to the node's sources. */
function step(node: TapeNode, pending: PendingGradients): void {
  scoped((inner) => {
    const gradOutput = pending.take(node);
    try {
      const gradients = node.run(gradOutput);
      node.sources.forEach((source, i) => {
        const gradient = gradients[i];
        if (source && gradient) {
          pending.add(source, own(gradient === gradOutput ? gradOutput.alias() : gradient, inner));
        }
      });
    } finally {
      gradOutput.dispose();
      node.release();
    }
  });
}

/** Takes a tensor out of the scope that owns it. */
function own(tensor: Tensor, inner: { release(item: Tensor): void }): Tensor {
  inner.release(tensor);
  return tensor;
}

/** Gradients on their way: summed per node, and straight into `grad` for leaves. Holds the nodes until they are taken. */
class PendingGradients {
  readonly #gradients = new Map<TapeNode, Tensor>();
  /** Nodes as a binary heap, the newest on top. */
  readonly #heap: TapeNode[] = [];

  add(source: TapeNode | Tensor, gradient: Tensor): void {
    if (!(source instanceof TapeNode)) {
      noteGradient(source);
      source.grad = source.grad ? sumInto(source.grad, gradient) : gradient;
      return;
    }
    const known = this.#gradients.get(source);
    if (!known) {
      source.retain();
      this.#push(source);
    }
    this.#gradients.set(source, known ? sumInto(known, gradient) : gradient);
  }

  /** The sum for a node, which is the caller's to release. */
  take(node: TapeNode): Tensor {
    const gradient = this.#gradients.get(node)!;
    this.#gradients.delete(node);
    return gradient;
  }

  /** Gives up what a failed pass has left. */
  dispose(): void {
    for (const [node, gradient] of this.#gradients) {
      gradient.dispose();
      node.release();
    }
    this.#gradients.clear();
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
    const sum = scoped((inner) => own(a.add(b), inner));
    a.dispose();
    b.dispose();
    return sum;
  }
  target.accumulate(other);
  other.dispose();
  return target;
}
