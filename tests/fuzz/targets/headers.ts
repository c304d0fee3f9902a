/**
 * Headers of bundles by their structure: MessagePack of every format and length, right and wrong, in every place where a
 * header has a value, with all checksums right. What is read is then used as the programs use it.
 */
import { diffStates, digestOfBundle, openBundle } from "../../../checkpoint/mod.ts";
import { encodeCanonical } from "../../../checkpoint/bundle/canonical.ts";
import { encodeHeader } from "../../../checkpoint/bundle/header.ts";
import { describeState, stateToJson } from "../../../commands/shared/checkpoint_view.ts";
import type { RandomStream } from "../../../engine/random.ts";
import { forge, type ForgedChunk } from "../../helpers/forge.ts";
import { MemoryFiles } from "../../helpers/memory_files.ts";
import { pick } from "../damage.ts";
import { joinBytes } from "../../helpers/bytes.ts";
import type { FuzzTarget } from "../target.ts";

/** One in so many values or lengths is wrong: headers that are read to their end are to occur too. */
const SELDOM = 150;
const TEXTS = [
  "",
  "a",
  "__proto__",
  "constructor",
  "toString",
  "toJSON",
  "valueOf",
  "length",
  "\ufeff",
  "é",
  "🃏",
  "\u001b[2J",
];
const DTYPES = ["f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "u8", "bool"];

export const headerTarget: FuzzTarget = {
  name: "header",
  kinds: ["checkpoint"],
  shares: { refused: 0.2, read: 0.1 },
  make(random) {
    const chunks = Array.from({ length: random.int(4) }, (): ForgedChunk => ({ stored: randomBytes(random, 16) }));
    if (random.int(20) === 0) chunks.push({ stored: new Uint8Array(4), rawBytes: random.word() });
    return { name: "header.dino", bytes: forge({ chunks, header: oddHeader(random, chunks) }) };
  },
  async read({ name, bytes }) {
    const files = new MemoryFiles();
    files.put(name, bytes);
    await using bundle = await openBundle(name, { files });
    await bundle.verify();
    await bundle.readAll();
    await digestOfBundle(bundle);
    if (diffStates(bundle.state, bundle.state).length > 0) throw new Error("expected a state to equal itself");
    describeState(bundle.state);
    JSON.stringify(stateToJson(bundle.state));
    const [library, ours] = [encodeHeader(bundle.state), encodeCanonical(bundle.state)];
    if (library.toHex() !== ours.toHex()) throw new Error("expected the canonical encoding of the state again");
  },
};

/** A header with a place for its chunk table. */
function oddHeader(random: RandomStream, chunks: readonly ForgedChunk[]): (table: Uint8Array) => Uint8Array {
  const rows = chunks.map((chunk, index) => oddRow(random, { index, bytes: chunk.stored.length }));
  const entries = [
    [text("writer"), orOdd(random, text("w"))],
    [text("tensors"), orOdd(random, joinBytes(head(random, ARRAY, rows.length), ...rows))],
    [text("state"), oddValue(random, 1)],
    ...Array.from({ length: random.int(2) }, () => [oddText(random), oddValue(random, 1)]),
  ];
  const start = joinBytes(head(random, MAP, entries.length + 1), ...entries.flat());
  const end = seldom(random) ? oddValue(random, 0) : new Uint8Array();
  return (table) => joinBytes(start, text("chunks"), Uint8Array.of(0xc6), number32(table.length), table, end);
}

/** The row of a tensor with one chunk of `bytes`. */
function oddRow(random: RandomStream, { index, bytes }: { index: number; bytes: number }): Uint8Array {
  const [dtype, shape] = random.int(4) === 0 ? [pick(DTYPES, random), [random.int(5), random.int(5)]] : ["u8", [bytes]];
  const entries = [
    [text("name"), orOdd(random, text(`model/${seldom(random) ? 0 : index}`))],
    [text("dtype"), orOdd(random, text(dtype))],
    [text("shape"), orOdd(random, encodeCanonical(shape))],
    [text("chunks"), orOdd(random, encodeCanonical(seldom(random) ? random.word() : 1))],
  ];
  return joinBytes(head(random, MAP, entries.length), ...entries.flat());
}

const orOdd = (random: RandomStream, value: Uint8Array) => seldom(random) ? oddValue(random, 3) : value;
const seldom = (random: RandomStream) => random.int(SELDOM) === 0;
const text = (value: string) => encodeCanonical(value);

/** Any value, of which few are no MessagePack that a header may hold. */
function oddValue(random: RandomStream, depth: number): Uint8Array {
  if (seldom(random)) return hostileBytes(random);
  switch (random.int(depth > 5 ? 6 : 8)) {
    case 0:
      return Uint8Array.of(pick([0xc0, 0xc2, 0xc3, 0, 0x7f, 0xe0, 0xff], random));
    case 1: {
      const tag = 0xca + random.int(10);
      return joinBytes(Uint8Array.of(tag), randomBytes(random, NUMBER_BYTES[tag - 0xca]));
    }
    case 2:
    case 3:
      return oddText(random);
    case 4: {
      const length = random.int(pick([4, 40, 1024], random));
      return joinBytes(Uint8Array.of(0xc9), number32(length), Uint8Array.of(1), randomBytes(random, length));
    }
    case 5: {
      const data = randomBytes(random, random.int(20));
      return joinBytes(Uint8Array.of(0xc4, data.length), data);
    }
    case 6: {
      const items = Array.from({ length: random.int(5) }, () => oddValue(random, depth + 1));
      return joinBytes(head(random, ARRAY, items.length), ...items);
    }
    default: {
      const keys = Array.from({ length: random.int(6) }, () => oddText(random));
      const different = seldom(random) ? keys : [...new Map(keys.map((key) => [key.toHex(), key])).values()];
      return joinBytes(
        head(random, MAP, different.length),
        ...different.flatMap((key) => [key, oddValue(random, depth + 1)]),
      );
    }
  }
}

/** Bytes behind the tags from 0xca to 0xd3. */
const NUMBER_BYTES = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8];

/** What a reader must refuse, or take many values for. */
function hostileBytes(random: RandomStream): Uint8Array {
  switch (random.int(6)) {
    case 0:
      return Uint8Array.of(random.int(256)); // a reserved tag, or one without what belongs behind it
    case 1:
      return new Uint8Array(60 + random.int(10)).fill(pick([0x91, 0x81], random));
    case 2:
      return joinBytes(Uint8Array.of(pick([0xc6, 0xc9, 0xdb, 0xdd, 0xdf], random)), randomBytes(random, 4));
    case 3: // extensions that libraries know, and texts that are no UTF-8
      return joinBytes(Uint8Array.of(0xd4 + random.int(5), pick([0x62, 0x69, 0x70, 0x72, 0x73, 0x78, 0xff], random)));
    case 4:
      return joinBytes(Uint8Array.of(0xa4), randomBytes(random, 4));
    default: { // many values
      const count = 2 ** 17;
      return joinBytes(
        Uint8Array.of(0xdd),
        number32(count),
        new Uint8Array(count).fill(pick([0x90, 0x80, 0xa0], random)),
      );
    }
  }
}

/** A text in a format of some length that it fits into. */
function oddText(random: RandomStream): Uint8Array {
  const data = new TextEncoder().encode(pick(TEXTS, random).repeat(pick([1, 1, 1, 1, 20, 70], random)));
  const formats: Uint8Array[] = [joinBytes(Uint8Array.of(0xdb), number32(data.length))];
  if (data.length < 32) formats.push(Uint8Array.of(0xa0 | data.length));
  if (data.length < 256) formats.push(Uint8Array.of(0xd9, data.length));
  formats.push(Uint8Array.of(0xda, data.length >> 8, data.length & 255));
  return joinBytes(pick(formats, random), data);
}

const ARRAY = { fixed: 0x90, wide: 0xdc };
const MAP = { fixed: 0x80, wide: 0xde };

/** The head of an array or map in any format, seldom of another length than it has. */
function head(random: RandomStream, { fixed, wide }: typeof ARRAY, length: number): Uint8Array {
  const said = seldom(random) ? pick([length + 1, Math.max(0, length - 1), random.word()], random) : length;
  if (said < 16 && random.int(3) > 0) return Uint8Array.of(fixed | said);
  if (said < 0x10000 && random.int(2)) return Uint8Array.of(wide, said >> 8, said & 255);
  return joinBytes(Uint8Array.of(wide + 1), number32(said));
}

function number32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

const randomBytes = (random: RandomStream, length: number) => Uint8Array.from({ length }, () => random.int(256));
