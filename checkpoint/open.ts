/** What a checkpoint is, told by its first bytes and else by its name: the one place that tells formats apart. */
import { nodeFiles } from "../platform/node_files.ts";
import { type FileLayer, openForReading } from "./files/layer.ts";

/** What a file is told to be by its first bytes. */
export type CheckpointFormat = "bundle" | "PyTorch" | "safetensors";

/** The first local file of a zip archive, which is what `torch.save` writes. */
const ZIP = [0x50, 0x4b];
/** The opcode that begins a pickle, as in the older format of `torch.save`. */
const PICKLE = 0x80;
/** "{", after the eight bytes of a safetensors header's length. */
const BRACE = 0x7b;

/**
 * What a file looks like. Whatever is nothing else is opened as a bundle, whose reader says what it expects.
 * @throws DinogradError of kind "checkpoint" if it cannot be opened
 */
export async function formatOf(path: string, files: FileLayer = nodeFiles): Promise<CheckpointFormat> {
  const start = await firstBytes(path, files);
  const isZip = ZIP.every((byte, at) => start[at] === byte);
  if (isZip || start[0] === PICKLE || /\.(pth|pt)$/i.test(path)) return "PyTorch";
  return start[8] === BRACE || /\.safetensors$/i.test(path) ? "safetensors" : "bundle";
}

async function firstBytes(path: string, files: FileLayer): Promise<Uint8Array> {
  const handle = await openForReading(path, files);
  try {
    const buffer = new Uint8Array(16);
    return buffer.subarray(0, await handle.read(buffer, 0).catch(() => 0)); // the reader that is tried next says why
  } finally {
    await handle.close();
  }
}
