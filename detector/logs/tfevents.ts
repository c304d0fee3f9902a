/**
 * TensorBoard's event files, as bytes: a sequence of TFRecords (length, checksum, data, checksum), each of which holds one
 * `Event` as a protocol buffer; tensorflow/core/util/event.proto and framework/summary.proto number its fields.
 */

import { double, float, integer, message, text } from "./protobuf.ts";

export interface TfEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  /** By tag. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** By tag; shown in TensorBoard's tab "Text", as Markdown. */
  readonly texts?: Readonly<Record<string, string>>;
}

/** What begins a file: the version of its format. */
export function versionRecord(wallTime: number): Uint8Array {
  return record([...double(1, wallTime), ...text(3, "brain.Event:2")]);
}

/** Length, its checksum, the event as a protocol buffer, its checksum (TFRecord). */
export function eventRecord({ wallTime, step, scalars = {}, texts = {} }: TfEvent): Uint8Array {
  const values = [
    ...Object.entries(scalars).map(([tag, value]) => [...text(1, tag), ...float(2, value)]),
    ...Object.entries(texts).map(([tag, content]) => [
      ...text(1, tag),
      ...message(8, [...integer(1, STRING_TYPE), ...message(2, []), ...text(8, content)]), // a scalar of type string
      ...message(9, message(1, text(1, "text"))), // for the plugin of that name
    ]),
  ];
  const summary = values.flatMap((value) => message(1, value));
  return record([...double(1, wallTime), ...integer(2, step), ...message(5, summary)]);
}

/** `DT_STRING`. */
const STRING_TYPE = 7;

/** Where a record lies in a file, and what it is about; of a record that is no event with values `tag` is undefined. */
interface FoundRecord {
  /** Bytes from the file's start to its end. */
  readonly end: number;
  readonly step: number;
  /** Of its first value. */
  readonly tag: string | undefined;
}

/** The records of a file, up to the first that is torn or whose checksum is wrong. */
export function* readRecords(bytes: Uint8Array): Generator<FoundRecord> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 16 <= bytes.length;) {
    const length = view.getUint32(at, true);
    const end = at + 16 + length;
    if (view.getUint32(at + 4, true) !== 0 || end > bytes.length) return;
    const data = bytes.subarray(at + 12, at + 12 + length);
    if (view.getUint32(at + 8, true) !== maskedCrc(bytes.subarray(at, at + 8))) return;
    if (view.getUint32(end - 4, true) !== maskedCrc(data)) return;
    const event = fieldsOf(data);
    const step = event.get(2);
    const value = fieldsIn(fieldsIn(event.get(5))?.get(1));
    const tag = value?.get(1);
    yield {
      end,
      step: typeof step === "number" ? step : 0,
      tag: tag instanceof Uint8Array ? new TextDecoder().decode(tag) : undefined,
    };
    at = end;
  }
}

type Field = number | Uint8Array;

const fieldsIn = (field: Field | undefined) => field instanceof Uint8Array ? fieldsOf(field) : undefined;

/** The first field of each number; empty where the bytes are no message. */
function fieldsOf(bytes: Uint8Array): Map<number, Field> {
  const fields = new Map<number, Field>();
  let at = 0;
  const varint = () => {
    let value = 0, scale = 1;
    for (; at < bytes.length; scale *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    return value;
  };
  while (at < bytes.length) {
    const key = varint(), wire = key % 8;
    const size = wire === 1 ? 8 : wire === 5 ? 4 : wire === 2 ? varint() : 0;
    const field = wire === 0 ? varint() : bytes.subarray(at, at + size);
    at += size;
    const number = Math.floor(key / 8);
    if (!fields.has(number)) fields.set(number, field);
  }
  return fields;
}

function record(data: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(data.length + 16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length, true); // 64 bits, of which the upper half is never needed
  view.setUint32(8, maskedCrc(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(bytes.subarray(12, 12 + data.length)), true);
  return bytes;
}

/** CRC-32C (Castagnoli), rotated and shifted so that a checksum of checksums is no fixed point. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return ((crc >>> 15 | crc << 17) + 0xa282ead8) >>> 0;
}

const POLYNOMIAL = 0x82f63b78;
let table: Uint32Array | undefined;

function crc32c(bytes: Uint8Array): number {
  const words = table ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let word = byte;
    for (let bit = 0; bit < 8; bit++) word = word & 1 ? word >>> 1 ^ POLYNOMIAL : word >>> 1;
    return word;
  });
  let crc = ~0;
  for (const byte of bytes) crc = crc >>> 8 ^ words[(crc ^ byte) & 255];
  return ~crc >>> 0;
}
