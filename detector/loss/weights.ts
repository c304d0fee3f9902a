/** How much each loss counts: the official `weight_dict`, by the official names. */

import type { DinoConfig } from "../config/mod.ts";

/**
 * Keys that the weights read.
 *
 * @category Losses
 */
export type WeightConfig = Pick<
  DinoConfig,
  | "cls_loss_coef"
  | "bbox_loss_coef"
  | "giou_loss_coef"
  | "interm_loss_coef"
  | "no_interm_box_loss"
  | "use_dn"
  | "aux_loss"
  | "dec_layers"
>;

/** Weights of the losses that count; all others are for the log. */
export function lossWeights(config: WeightConfig): Record<string, number> {
  const base = { loss_ce: config.cls_loss_coef, loss_bbox: config.bbox_loss_coef, loss_giou: config.giou_loss_coef };
  const named = (suffix: string, factor: (name: string) => number = () => 1) =>
    Object.entries(base).map(([name, weight]) => [`${name}${suffix}`, weight * factor(name)] as const);
  const layers = config.aux_loss ? Array.from({ length: config.dec_layers - 1 }, (_, layer) => `_${layer}`) : [];
  return Object.fromEntries([
    ...["", ...layers].flatMap((suffix) => [...named(suffix), ...(config.use_dn ? named(`_dn${suffix}`) : [])]),
    ...named("_interm", (name) => config.interm_loss_coef * (name !== "loss_ce" && config.no_interm_box_loss ? 0 : 1)),
  ]);
}

/**
 * Losses as the official code logs them: those that count times their weight under their own name, every one as it is
 * with `_unscaled` behind it, and `class_error`, which has no weight.
 */
export function loggedLosses(
  values: Readonly<Record<string, number>>,
  weights: Readonly<Record<string, number>>,
): Record<string, number> {
  const logged: Record<string, number> = {};
  for (const [name, value] of Object.entries(values)) {
    if (Object.hasOwn(weights, name)) logged[name] = value * weights[name];
    logged[`${name}_unscaled`] = value;
  }
  return "class_error" in values ? { ...logged, class_error: values.class_error } : logged;
}
