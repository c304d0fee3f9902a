/** Tells which images a run leaves out (`--skip_bad_images`): each once, with what is wrong with it, and all by epochs. */

import type { RunUi } from "../config/mod.ts";
import { counted } from "../../engine/counted.ts";
import type { BadImage } from "../data/mod.ts";

/** Images that are told one by one; the bundles name all. */
const TOLD = 10;

export class LeftOut {
  readonly #ui: Pick<RunUi, "warn">;
  readonly #told = new Set<string>();

  constructor(ui: Pick<RunUi, "warn">) {
    this.#ui = ui;
  }

  /** Images of a batch or an evaluation. */
  tell(images: readonly BadImage[] = []): void {
    for (const { reason } of images) {
      if (this.#told.has(reason) || this.#told.size > TOLD) continue;
      this.#told.add(reason);
      this.#ui.warn(
        this.#told.size > TOLD ? "further images are left out without a line of their own" : `left out: ${reason}`,
      );
    }
  }

  /** How many an epoch and its evaluation went without. */
  tellEpoch(epoch: number, { train, val }: { readonly train: number; readonly val: number }): void {
    if (train === 0 && val === 0) return;
    const counts = [[train, "training image"], [val, "validation image"]] as const;
    const list = counts.filter(([count]) => count > 0).map(([count, what]) => counted(count, what)).join(" and ");
    this.#ui.warn(`epoch ${epoch}: left out ${list} that cannot be read`);
  }
}
