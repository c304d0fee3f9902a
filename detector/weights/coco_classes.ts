/**
 * The categories of COCO 2017. Official checkpoints have a row for each of their ids and name none of them, and a file with
 * COCO's 80 categories, numbered without gaps, is what most other detectors publish.
 */
import type { ClassName } from "./named_weight.ts";

/** By id from 0, ten a line; COCO uses no id with a dash. */
const NAMES = `
  - person bicycle car motorcycle airplane bus train truck boat
  traffic_light fire_hydrant - stop_sign parking_meter bench bird cat dog horse
  sheep cow elephant bear zebra giraffe - backpack umbrella -
  - handbag tie suitcase frisbee skis snowboard sports_ball kite baseball_bat
  baseball_glove skateboard surfboard tennis_racket bottle - wine_glass cup fork knife
  spoon bowl banana apple sandwich orange broccoli carrot hot_dog pizza
  donut cake chair couch potted_plant bed - dining_table - -
  toilet - tv laptop mouse remote keyboard cell_phone microwave oven
  toaster sink refrigerator - book clock vase scissors teddy_bear hair_drier
  toothbrush
`;

/** The 80 categories with COCO's own ids, 1 to 90. */
export function cocoClasses(): ClassName[] {
  return NAMES.trim().split(/\s+/).flatMap((name, id) => name === "-" ? [] : [{ id, name: name.replaceAll("_", " ") }]);
}

/**
 * What a model is taken to know whose file names no classes: COCO's categories, where it has 91 rows for classes, one for
 * each id, or 80, one for each category in the order of the ids; null for any other number.
 */
export function assumedClasses(numClasses: number): ClassName[] | null {
  return numClasses === 91 || numClasses === 80 ? cocoClasses() : null;
}
