/** The face of this folder to the detector and the commands; `entries/checkpoint.ts` is what importers see of it. */
export type { StoredDType, StoredTensor, TensorSource, UnreadTensor } from "./stored_tensor.ts";
export { bytesPerElement, elementCount, isStoredDType, STORED_DTYPES, storedByteLength } from "./stored_tensor.ts";
export { elementReader, elementWriter, isFloatDType, toNumbers } from "./element_view.ts";
export { describeNonfinite, findNonfinite, type NonfiniteTensor } from "./nonfinite.ts";
export { elementsOf, stateDictFrom, storeTensors } from "./engine_tensors.ts";
export { asStateMap, isStateMap, stateField, type StateMap, type StateValue } from "./state_tree.ts";
export type { FileHandle, FileLayer, OpenMode } from "../platform/file_layer.ts";
export { type FileContent, type MemoryFiles, memoryFiles } from "../platform/memory_files.ts";
export { nodeFiles } from "../platform/node_files.ts";
export { Bundle, type BundleHeader, openBundle, readBundle, type VerifyReport } from "./bundle/reader.ts";
export type { BundleContent, BundleSource, ChunkRecord } from "./bundle/format.ts";
export type { BundleTensor } from "./bundle/contents.ts";
export type { ChunkSummary } from "./codec/block.ts";
export { CodecPool } from "./codec/pool.ts";
export { type BundleSummary, writeBundle } from "./bundle/writer.ts";
export { WRITER } from "./bundle/plan.ts";
export { crc32, Sha256 } from "./codec/checksums.ts";
export { SaveError, type SaveErrorCode } from "./files/replace.ts";
export { digestOf, digestOfBundle, type Exclude, excludeCircumstances, withoutExcluded } from "./bundle/digest.ts";
export {
  type BundleDifference,
  diffBundles,
  diffStates,
  diffTensors,
  type StateDifference,
  type TensorDifference,
} from "./bundle/diff.ts";
export { averageBundles } from "./bundle/average.ts";
export {
  type BadFile,
  type BundleFile,
  type FolderOptions,
  isNumbered,
  listBundles,
  type NewestOptions,
  newestSound,
  nonfiniteFile,
  planPrune,
  PREVIOUS_NAME,
  pruneFolder,
  type PrunePlan,
  type PruneRules,
  removeLeftovers,
  RESUME_NAME,
  setAside,
  stateNumber,
} from "./files/folder.ts";
export { describeLock, FolderLock, LockError, lockFolder } from "./files/lock.ts";
export { openPth, PthFile } from "./pytorch/pth.ts";
export {
  pickleGet,
  PickleName,
  PickleObject,
  PickleOpaque,
  PickleTuple,
  type PickleValue,
  PthStorage,
  PthTensor,
  stateDictOf,
  stripPrefix,
  toStateValue,
} from "./pytorch/pickle_values.ts";
export {
  openSafetensors,
  type SafetensorsEntry,
  SafetensorsFile,
  writeSafetensors,
} from "./safetensors/safetensors.ts";
