/**
 * Fields of protocol buffers as bytes (protobuf.dev, "Encoding"). Few fields of few messages are written, so that whoever
 * writes one puts its fields together: `message(7, [...text(2, "name"), ...integer(3, 5)])`.
 */

/** A field's number and the kind of its bytes. */
const key = (number: number, wire: number) => varint(number * 8 + wire);

/** A whole number of at least 0, seven bits to a byte. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; bytes.length === 0 || rest > 0; rest = Math.floor(rest / 128)) {
    bytes.push(rest % 128 + (rest >= 128 ? 128 : 0));
  }
  return bytes;
}

/** As little-endian, which every machine that runs this is. */
const bytesOf = ({ buffer }: Float32Array | Float64Array) => new Uint8Array(buffer);

/** A whole number of at least 0. */
export const integer = (number: number, value: number): number[] => [...key(number, 0), ...varint(value)];
export const double = (number: number, value: number): number[] => [
  ...key(number, 1),
  ...bytesOf(Float64Array.of(value)),
];
export const float = (number: number, value: number): number[] => [
  ...key(number, 5),
  ...bytesOf(Float32Array.of(value)),
];
/** What comes before a message or bytes whose length is known. */
export const lengthOf = (number: number, bytes: number): number[] => [...key(number, 2), ...varint(bytes)];
export const message = (number: number, data: readonly number[]): number[] => [
  ...lengthOf(number, data.length),
  ...data,
];
export const text = (number: number, value: string): number[] => message(number, [...new TextEncoder().encode(value)]);
