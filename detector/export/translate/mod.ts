/** Every operation that has a translation, by its name; pointwise ones are translated by their expression. */

import type { CapturedOp } from "../../../engine/captured_op.ts";
import type { Value } from "../graph.ts";
import { ALGEBRA } from "./algebra.ts";
import { type Call, type Translation, untranslatable } from "./call.ts";
import { DEFORMABLE } from "./deformable.ts";
import { translateExpression } from "./expression.ts";
import { IMAGES } from "./images.ts";
import { LAYOUT } from "./layout.ts";

const TRANSLATIONS: Readonly<Record<string, Translation>> = { ...LAYOUT, ...IMAGES, ...ALGEBRA, ...DEFORMABLE };

/**
 * Adds the nodes of an operation, and returns its results.
 * @throws {DinogradError} of kind "config" for one that has no translation
 */
export function translate(call: Call, { name, expression }: CapturedOp): readonly Value[] {
  if (expression) return [translateExpression(call, expression)];
  const known = Object.hasOwn(TRANSLATIONS, name) ? TRANSLATIONS[name] : untranslatable(call, "no translation");
  return [known(call)].flat();
}
