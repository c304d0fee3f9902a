export function split(bytes: Uint8Array): Uint8Array {
  const count = bytes.length / 4;
  return bytes.map((_, at) => bytes[4 * (at % count) + Math.floor(at / count)]);
}

export function join(planes: Uint8Array): Uint8Array {
  const count = planes.length / 4;
  return planes.map((_, at) => planes[(at % 4) * count + Math.floor(at / 4)]);
}
