/**
 * Checkpoints: bundles that lose nothing, PyTorch files read without running them, safetensors.
 *
 * ```ts
 * import { readBundle, writeBundle } from "@dinograd/dinograd/checkpoint";
 *
 * const bytes = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
 * await writeBundle("example.dino", {
 *   tensors: new Map([["weight", { dtype: "f32", shape: [2, 2], data: bytes }]]),
 *   state: { epoch: 3 },
 * });
 * const { tensors, state } = await readBundle("example.dino");
 * console.log(tensors.get("weight")?.shape, state); // [ 2, 2 ] { epoch: 3 }
 * ```
 *
 * @module
 */
export type { StoredDType, StoredTensor } from "./stored_tensor.ts";
export {
  bytesPerElement,
  checkStoredTensor,
  elementCount,
  isStoredDType,
  STORED_DTYPES,
  storedByteLength,
} from "./stored_tensor.ts";
export { type ElementReader, elementReader, elementWriter, isFloatDType, toNumbers } from "./element_view.ts";
export { elementsOf, stateDictFrom, storeTensors } from "./engine_tensors.ts";
export type { StateValue } from "./msgpack.ts";
export { type FileHandle, type FileLayer, type OpenMode } from "./file_layer.ts";
export { nodeFiles, type Processes } from "./node_files.ts";
export {
  Bundle,
  type BundleContent,
  type BundleHeader,
  type BundleTensor,
  openBundle,
  readBundle,
  type VerifyReport,
} from "./bundle_reader.ts";
export type { ChunkRecord } from "./bundle_format.ts";
export type {
  ChunkSummary,
  CodecBlock,
  CodecResult,
  DecodeBlock,
  DecodedBlock,
  EncodeBlock,
  EncodedBlock,
  StoredChunk,
} from "./codec_block.ts";
export { CodecPool } from "./codec_pool.ts";
export { type BundleSummary, writeBundle } from "./bundle_writer.ts";
export { WRITER } from "./bundle_plan.ts";
export { crc32, Sha256 } from "./native_codec.ts";
export { SaveError, type SaveErrorCode } from "./replace_file.ts";
export { digestOf, digestOfBundle, type Exclude, excludeCircumstances, withoutExcluded } from "./digest.ts";
export {
  type BundleDifference,
  diffBundles,
  diffStates,
  diffTensors,
  type StateDifference,
  type TensorDifference,
} from "./diff.ts";
export { averageBundles } from "./average.ts";
export {
  type BadFile,
  type BundleFile,
  type FolderOptions,
  isNumbered,
  listBundles,
  type NewestOptions,
  newestSound,
  planPrune,
  PREVIOUS_NAME,
  pruneFolder,
  type PrunePlan,
  type PruneRules,
  removeLeftovers,
  RESUME_NAME,
  setAside,
  stateNumber,
} from "./folder.ts";
export { describeLock, FolderLock, LOCK_NAME, lockFolder } from "./lock.ts";
export { openPth, PthFile } from "./pth.ts";
export {
  pickleGet,
  PickleName,
  PickleObject,
  PickleTuple,
  type PickleValue,
  PthStorage,
  PthTensor,
  stateDictOf,
  stripPrefix,
  toStateValue,
} from "./pickle_values.ts";
export { openSafetensors, type SafetensorsEntry, SafetensorsFile, writeSafetensors } from "./safetensors.ts";
