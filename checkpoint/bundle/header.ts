/**
 * A header's bytes: msgpackr writes and reads MessagePack (msgpack.org, spec of 2017), so that every value of the state
 * tree comes back bit for bit. Left to itself it would not: it writes -0 as the integer 0, refuses integers beyond 64
 * bits, renames the key `__proto__`, drops a byte order mark at the front of a long text, and trusts what it reads. What
 * is done about each stands beside it below; `header_walk.ts` sees to the trust.
 *
 * The entry without code generation and without native parts is used: it needs no permission, and a file's records
 * could not become functions even if they were not refused.
 */
// @ts-types="msgpackr"
import { addExtension, Packr, Unpackr } from "msgpackr/index-no-eval";
import { DinogradError } from "../../engine/errors.ts";
import { measureState, type StateValue } from "../state_tree.ts";
import { BIGINT_EXTENSION, bigintBytes, bytesToBigint } from "./canonical.ts";
import { MAX_HEADER_BYTES } from "./format.ts";
import { type HeaderFacts, MAX_HEADER_VALUES, walkHeader } from "./header_walk.ts";

/** Up to this many bytes msgpackr decodes a text by itself, longer ones by a `TextDecoder` that drops byte order marks. */
const LONGEST_OWN_TEXT = 64;
const TEXT_32 = 0xdb;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/**
 * Encodes the map of a header, or any state value.
 * @throws DinogradError of kind "checkpoint" that names the place of what cannot be kept, or the limit that is exceeded
 */
export function encodeHeader(value: StateValue): Uint8Array {
  const { values, leastBytes } = measureState(value);
  expectAtMost(MAX_HEADER_VALUES, values, "values");
  expectAtMost(MAX_HEADER_BYTES, leastBytes, "bytes");
  register();
  // A copy: msgpackr keeps the buffer that it returns a part of, and a Node Buffer's `slice` shares memory.
  const bytes = new Uint8Array(new Packr({ useRecords: false }).pack(toPack(value)));
  expectAtMost(MAX_HEADER_BYTES, bytes.length, "bytes");
  return bytes;
}

/**
 * Decodes one value that fills `bytes` exactly. `place` opens the messages.
 * @throws DinogradError of kind "checkpoint"
 */
export function decodeHeader(bytes: Uint8Array, place: string): StateValue {
  const facts = walkHeader(bytes, place);
  register();
  const unpackr = new Unpackr({
    useRecords: false,
    int64AsType: "bigint",
    mapsAsObjects: !facts.hasPrototypeKey,
    copyBuffers: true, // or a few bytes of state would keep the whole header in memory
  });
  const value: unknown = unpackr.unpack(withSpareMarks(bytes, facts));
  // The walk has shown that there is nothing else in it.
  return facts.hasPrototypeKey ? mapsToObjects(value) : value as StateValue;
}

function expectAtMost(limit: number, found: number, unit: string): void {
  if (found <= limit) return;
  throw new DinogradError("checkpoint", `bundle header: expected at most ${limit} ${unit} but found ${found}`);
}

/** Bytes of MessagePack that go into the output as they are. */
class Verbatim {
  constructor(readonly bytes: Uint8Array) {}
}

/** What `pack` of an extension is given to make room with; msgpackr's declarations leave it out. */
type Allocate = (size: number) => { readonly target: Uint8Array; readonly position: number };

let isRegistered = false;

/** Teaches msgpackr, which knows extensions for all of a program only, the two ways of a `Verbatim`: out and back in. */
function register(): void {
  if (isRegistered) return;
  isRegistered = true;
  const extension = {
    Class: Verbatim,
    type: BIGINT_EXTENSION,
    pack({ bytes }: Verbatim, allocate: Allocate) {
      const { target, position } = allocate(bytes.length);
      target.set(bytes, position);
    },
    unpack: bytesToBigint,
  };
  // The declarations know neither the second parameter of `pack` nor that it may return nothing.
  addExtension(extension as unknown as Parameters<typeof addExtension>[0]);
}

/** A tree for msgpackr. Its maps are `Map`s, of which all keys are entries whatever they are called. */
function toPack(value: StateValue): unknown {
  if (Object.is(value, -0)) return new Verbatim(Uint8Array.of(0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0));
  if (typeof value === "bigint" && BigInt.asIntN(64, value) !== value && BigInt.asUintN(64, value) !== value) {
    const data = bigintBytes(value);
    const bytes = new Uint8Array(6 + data.length);
    bytes[0] = 0xc9;
    new DataView(bytes.buffer).setUint32(1, data.length);
    bytes[5] = BIGINT_EXTENSION;
    bytes.set(data, 6);
    return new Verbatim(bytes);
  }
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(toPack);
  return new Map(Object.entries(value).map(([key, entry]) => [key, toPack(entry)]));
}

/** Assigning `__proto__`, as msgpackr would, sets a prototype; `fromEntries` defines a key like any other. */
function mapsToObjects(value: unknown): StateValue {
  if (Array.isArray(value)) return value.map(mapsToObjects);
  if (!(value instanceof Map)) return value as StateValue; // as `decodeHeader` has it
  return Object.fromEntries(Array.from(value, ([key, entry]) => [key, mapsToObjects(entry)]));
}

/** The same header with a second byte order mark where the first will be dropped. */
function withSpareMarks(bytes: Uint8Array, { marked }: HeaderFacts): Uint8Array {
  const long = marked.filter(({ from, to }) => to - from > LONGEST_OWN_TEXT);
  if (long.length === 0) return bytes;
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const { tag, from, to } of long) {
    const head = new Uint8Array(5 + BYTE_ORDER_MARK.length);
    head[0] = TEXT_32;
    new DataView(head.buffer).setUint32(1, to - from + BYTE_ORDER_MARK.length);
    head.set(BYTE_ORDER_MARK, 5);
    parts.push(bytes.subarray(end, tag), head, bytes.subarray(from, to));
    end = to;
  }
  return concatenate([...parts, bytes.subarray(end)]);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
