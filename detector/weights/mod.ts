/** Weights out of checkpoints of any format and into models, with a plan that says what happens to every key. */
export { backboneFit, describeBackbone, otherBackbone } from "./backbone_kind.ts";
export {
  type CarriedRow,
  classesOfFile,
  type ClassMap,
  hasClassRows,
  matchClasses,
  parseClassMap,
  sameClasses,
} from "./class_rows.ts";
export { describeWeights, nonfiniteWeights } from "./describe_weights.ts";
export { parseClassList } from "./class_list.ts";
export { assumedClasses, cocoClasses } from "./coco_classes.ts";
export { KEY_OUTCOMES, type KeyOutcome, type KeyPlan, type LoadPlan } from "./load_plan.ts";
export { applyLoad, keysWith, planLoad, type PlanOptions, showLoad } from "./load_weights.ts";
export { CLASSES_METADATA, CONFIG_METADATA, stateOfMetadata } from "./safetensors_metadata.ts";
export {
  type ClassName,
  type NamedWeight,
  openWeights,
  resolveFileConfig,
  type Weights,
  type WeightsFile,
} from "./weights_file.ts";
