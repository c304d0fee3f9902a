/** How long a whole run will still take, from what its steps and evaluations have taken so far. */

/** An evaluation of an image beside a training step on it: it has a forward pass and no backward one. */
const EVALUATION_SHARE = 1 / 3;

interface WorkLeft {
  readonly steps: number;
  readonly evaluations: number;
  /** Images that each of them looks at, of the weights and of their average. */
  readonly evaluatedImages: number;
}

export class TimeLeft {
  #steps = 0;
  #images = 0;
  #seconds = 0;
  #evaluation: number | null;

  /** `evaluation`: seconds of an evaluation of this run, where known. */
  constructor(evaluation: number | null = null) {
    this.#evaluation = evaluation;
  }

  addStep(seconds: number, images: number): void {
    this.#steps++;
    this.#images += images;
    this.#seconds += seconds;
  }

  addEvaluation(seconds: number): void {
    this.#evaluation = seconds;
  }

  /** Seconds; null before the first step. Before the first evaluation its time is a guess. */
  seconds({ steps, evaluations, evaluatedImages }: WorkLeft): number | null {
    if (this.#steps === 0) return null;
    const guess = this.#seconds / Math.max(1, this.#images) * evaluatedImages * EVALUATION_SHARE;
    return steps * this.#seconds / this.#steps + evaluations * (this.#evaluation ?? guess);
  }
}
