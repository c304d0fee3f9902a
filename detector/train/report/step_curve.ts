/**
 * Numbers of every step of a run, however long, as at most a few hundred points: means over equally many steps, over
 * twice as many whenever there would be too many points. What comes out depends on the numbers alone, and it can be
 * stored and continued at any step.
 */
import type { StateValue } from "../../../checkpoint/mod.ts";
import type { StateReader } from "../records/bundle_state.ts";

/** More points than that are merged in pairs. */
const MOST_POINTS = 400;

/** Sums over some steps. */
interface Bin {
  /** The last of its steps, counted from 1: steps done after it. */
  readonly step: number;
  readonly steps: number;
  readonly sums: readonly number[];
}

/** Thinned curves over a common axis of steps. */
export class StepCurve {
  /** How many steps make a point. */
  #stride: number;
  #bins: Bin[];

  /** An empty curve. `names`: what the numbers of a step are, in their order. */
  constructor(readonly names: readonly string[], { stride = 1, bins = [] as readonly Bin[] } = {}) {
    this.#stride = stride;
    this.#bins = [...bins];
  }

  /** Adds a step. `step`: steps done after it. `values`: one number per name. */
  add(step: number, values: readonly number[]): void {
    const last = this.#bins.at(-1);
    if (last && last.steps < this.#stride) {
      this.#bins[this.#bins.length - 1] = joined(last, { step, steps: 1, sums: values });
      return;
    }
    if (this.#bins.length === MOST_POINTS) {
      this.#stride *= 2;
      this.#bins = Array.from(
        { length: MOST_POINTS / 2 },
        (_, i) => joined(this.#bins[2 * i], this.#bins[2 * i + 1]),
      );
    }
    this.#bins.push({ step, steps: 1, sums: [...values] });
  }

  /** The points of one of the curves: a step and the mean up to it; none for a name that is not known. */
  points(name: string): [step: number, mean: number][] {
    const at = this.names.indexOf(name);
    return at < 0 ? [] : this.#bins.map(({ step, steps, sums }) => [step, sums[at] / steps]);
  }

  /** Everything, to be continued. */
  toState(): StateValue {
    const points = this.#bins.map(({ step, steps, sums }) => [step, steps, ...sums]);
    return { names: [...this.names], stride: this.#stride, points };
  }

  /** What `toState` gave, without steps after `step`. @throws DinogradError where it is no such state */
  static fromState(state: StateReader, step: number): StepCurve {
    const names = state.get("names").list().map((name) => name.text());
    const bins = state.get("points").list().map((point): Bin => {
      const [last, steps, ...sums] = point.list().map((value) => value.number());
      return { step: last, steps, sums: names.map((_, i) => sums[i] ?? 0) };
    });
    const stride = Math.max(1, state.get("stride").count());
    return new StepCurve(names, { stride, bins: bins.slice(0, MOST_POINTS).filter((bin) => bin.step <= step) });
  }
}

function joined(a: Bin, b: Bin): Bin {
  return { step: b.step, steps: a.steps + b.steps, sums: a.sums.map((sum, i) => sum + b.sums[i]) };
}
