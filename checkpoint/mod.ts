/** Checkpoints: bundles that lose nothing, PyTorch files read without running them, safetensors. */
export type { StoredDType, StoredTensor } from "./stored_tensor.ts";
export {
  bytesPerElement,
  checkStoredTensor,
  elementCount,
  isStoredDType,
  STORED_DTYPES,
  storedByteLength,
} from "./stored_tensor.ts";
export { elementReader, elementWriter, isFloatDType, toNumbers } from "./element_view.ts";
export type { StateValue } from "./msgpack.ts";
export { type FileHandle, type FileLayer, type OpenMode } from "./file_layer.ts";
export { nodeFiles } from "./node_files.ts";
export {
  Bundle,
  type BundleContent,
  type BundleHeader,
  type BundleTensor,
  openBundle,
  readBundle,
  type VerifyReport,
} from "./bundle_reader.ts";
export { type BundleSummary, SaveError, type SaveErrorCode, writeBundle } from "./bundle_writer.ts";
