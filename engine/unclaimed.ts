/**
 * Parameters that nobody trains or saves. A parameter is claimed by the first module in whose fields it is found and by the
 * first optimizer that is given it. One that its module keeps where nobody else can see it, such as in a `#private` field,
 * stays unclaimed, which would be noticed by nothing but poor results. So two things are errors: that a constructor of a
 * module has made a parameter and the module does not show it, and that a parameter collects gradients from step to step
 * and is in no optimizer.
 */

import { modulesUnderConstruction } from "./constructing.ts";
import { ModuleError } from "./errors.ts";
import { formatShape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

interface Unclaimed {
  /** Numbers of the modules whose constructors were running when it was made. */
  readonly makers: readonly number[];
  /** How often a backward pass has added to its gradient. */
  gradients: number;
}

const unclaimed = new Map<Tensor, Unclaimed>();
/** At this many, those of destroyed devices are forgotten. */
let limit = 1024;

/** Notes a parameter that was just made. */
export function noteParameter(parameter: Tensor): void {
  if (unclaimed.size >= limit) {
    for (const parameter of unclaimed.keys()) if (parameter.device.destroyed) unclaimed.delete(parameter);
    limit = Math.max(1024, 2 * unclaimed.size);
  }
  unclaimed.set(parameter, { makers: modulesUnderConstruction(), gradients: 0 });
}

/** Notes that a parameter was found, or is gone. */
export function claim(parameter: Tensor): void {
  unclaimed.delete(parameter);
}

/** Notes that a backward pass has added to a leaf's gradient. */
export function noteGradient(leaf: Tensor): void {
  const known = unclaimed.get(leaf);
  if (known) known.gradients++;
}

/**
 * Modules with these numbers have been walked and have shown all that they show.
 * @throws {ModuleError} where one of their constructors has made a parameter that was never found
 */
export function refuseHidden(what: string, walked: ReadonlySet<number>): void {
  for (const [parameter, { makers }] of unclaimed) {
    if (!parameter.requiresGrad || !makers.some((id) => walked.has(id))) continue;
    const found = formatShape(parameter.shape);
    throw new ModuleError(
      `${what}: expected every parameter in a field that can be seen, or in its arrays, maps and plain objects, but found ` +
        `one ${found} that is not, such as in a #private field: it would be neither trained nor saved (where another has ` +
        "replaced it, dispose of it)",
    );
  }
}

/** What an optimizer remembers of the parameters that it does not know, from one step to the next. */
export class Strays {
  #seen = new Map<Tensor, { readonly grad: Tensor; readonly gradients: number }>();

  /** @throws {ModuleError} where a parameter has collected gradients since the last step that nobody has taken away */
  check(what: string): void {
    const seen = new Map<Tensor, { readonly grad: Tensor; readonly gradients: number }>();
    for (const [parameter, { gradients }] of unclaimed) {
      const { grad } = parameter;
      if (!grad || gradients === 0) continue;
      const before = this.#seen.get(parameter);
      if (before && before.grad === grad && gradients > before.gradients) {
        throw new ModuleError(
          `${what}: expected every parameter with a gradient in an optimizer but found one ` +
            `${
              formatShape(parameter.shape)
            } that is in none, nor in a module's fields, and collects gradients from step ` +
            "to step; list it in a group, or set its requiresGrad to false",
        );
      }
      seen.set(parameter, { grad, gradients });
    }
    this.#seen = seen;
  }
}
