/** Weights out of checkpoints of any format and into models, with a plan that says what happens to every key. */
export { backboneFit, otherBackbone } from "./backbone_kind.ts";
export { classesOfFile, type ClassMap, parseClassMap } from "./class_rows.ts";
export { describeWeights, nonfiniteWeights } from "./describe_weights.ts";
export { parseClassList } from "./class_list.ts";
export { assumedClasses, cocoClasses } from "./coco_classes.ts";
export { KEY_OUTCOMES, type LoadPlan } from "./load_plan.ts";
export { applyLoad, keysWith, planLoad, showLoad } from "./load_weights.ts";
export { CENTRES, FAR_EDGES, type LayoutName, PREPARATION } from "./layouts/layout.ts";
export { LAYOUT_TITLES, recogniseLayout } from "./layouts/recognise.ts";
export { atCategoryIds, spreadClasses } from "./spread_classes.ts";
export type { ClassName, NamedWeight, Weights } from "./named_weight.ts";
export { openWeights, resolveFileConfig, type WeightsFile } from "./weights_file.ts";
