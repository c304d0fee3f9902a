const MAGIC = [0x89, 0x44, 0x49, 0x4e, 0x4f, 0x0d, 0x0a, 0x1a];

export function readPrelude(bytes: Uint8Array): { major: number; minor: number; dataStart: number } {
  if (MAGIC.some((byte, at) => bytes[at] !== byte)) throw new Error("expected a bundle but found another file");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const header = view.getUint32(12, true);
  return {
    major: view.getUint16(8, true),
    minor: view.getUint16(10, true),
    dataStart: 64 * Math.ceil((32 + header) / 64),
  };
}
