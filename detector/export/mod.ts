/** Export of models for other runtimes. */
export { exportOnnx, type OnnxSummary, type OnnxValue } from "./export_onnx.ts";
export { type ExportOnnxOptions, type Sampling } from "./options.ts";
