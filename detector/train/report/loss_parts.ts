/**
 * The many losses of a step, one per kind and layer, as few numbers that people can follow: once by what is wrong (class,
 * distance, overlap), once by who is wrong (decoder, denoising, encoder). Each of the two adds up to the whole.
 */

/** By kind: the names are the official ones, without a layer. */
export const LOSS_KINDS = ["loss_ce", "loss_bbox", "loss_giou"] as const;
/** By source: all layers of the decoder, its denoising queries, and the encoder's proposals. */
export const LOSS_SOURCES = ["loss_decoder", "loss_denoising", "loss_encoder"] as const;
/** The sum and its parts, in the order of the columns of `results.csv`. */
export const LOSS_COLUMNS = ["loss", ...LOSS_KINDS, ...LOSS_SOURCES] as const;

export type LossParts = Readonly<Record<typeof LOSS_COLUMNS[number], number>>;

/** A number for every column. */
export function lossesBy(value: (column: keyof LossParts) => number): LossParts {
  return {
    loss: value("loss"),
    loss_ce: value("loss_ce"),
    loss_bbox: value("loss_bbox"),
    loss_giou: value("loss_giou"),
    loss_decoder: value("loss_decoder"),
    loss_denoising: value("loss_denoising"),
    loss_encoder: value("loss_encoder"),
  };
}

/**
 * Adds up losses by their official names (`loss_giou_dn_3`).
 * @param loss their weighted sum
 * @param values losses; those without a weight are passed over
 * @param weights how much each counts; without it `values` are weighted already and every loss of a known name counts
 */
export function lossParts(
  loss: number,
  values: Readonly<Record<string, number>>,
  weights?: Readonly<Record<string, number>>,
): LossParts {
  const sums = { ...lossesBy(() => 0), loss };
  for (const [name, value] of Object.entries(values)) {
    const found = /^(loss_(?:ce|bbox|giou))(_dn|_interm)?(?:_\d+)?$/.exec(name);
    if (found === null || (weights && !Object.hasOwn(weights, name))) continue;
    const weighted = value * (weights ? weights[name] : 1);
    const source = found[2] === "_dn" ? "loss_denoising" : found[2] === "_interm" ? "loss_encoder" : "loss_decoder";
    sums[found[1] as typeof LOSS_KINDS[number]] += weighted; // the pattern has no other names
    sums[source] += weighted;
  }
  return sums;
}
