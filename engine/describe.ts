/**
 * Any value as a few words of a message. Values come from strangers' files, and turning one into text is where a reader
 * breaks: `String({toString: 1})` throws, a list that is doubled 40 times has no end, a text of megabytes is no message.
 * So nothing of a value is called, not `toString`, not `toJSON`, not a getter, and depth, number of entries and length
 * are bounded before any text is made.
 */
import { visible } from "./visible.ts";

/** About how many characters a description has; it may end a word later. */
const LONGEST = 120;
/** Least characters of a text within a list or map that is long already. */
const SHORTEST_TEXT = 8;
/** An escape has up to six characters. */
const ESCAPE = 6;
/** Entries that are shown of a list or map, and how deep. */
const MOST_ENTRIES = 8;
const MOST_LEVELS = 3;
/** Integers of more bits are not written out. */
const MOST_BITS = 256;

/**
 * One short line that a terminal shows as it is: texts in quotation marks, `-0`, `NaN` and large integers as what they
 * are, lists, maps and objects as JSON writes them, cut with `…` where they are long or deep, and everything else by its
 * sort, such as `5 bytes` or `a function`. Never throws.
 */
export function describe(value: unknown): string {
  const description = new Description();
  try {
    description.add(value, 0);
  } catch {
    return "an object that cannot be read"; // a proxy answers as it likes
  }
  return description.text;
}

class Description {
  text = "";

  add(value: unknown, level: number): void {
    if (typeof value === "string") this.#addString(value);
    else if (typeof value === "object" && value !== null) this.#addObject(value, level);
    else this.text += simple(value);
  }

  #addObject(value: object, level: number): void {
    const isList = Array.isArray(value);
    if (ArrayBuffer.isView(value)) {
      this.text += Object.hasOwn(value, "byteLength") ? "bytes" : `${value.byteLength} bytes`;
    } else if (level >= MOST_LEVELS) {
      this.text += isList ? "[…]" : "{…}";
    } else if (isList) {
      this.#addEntries("[]", items(value), level);
    } else {
      this.#addEntries("{}", value instanceof Map ? Map.prototype.entries.call(value) : properties(value), level);
    }
  }

  /** `brackets` tell a list, of which only the values are shown, from a map. */
  #addEntries(brackets: "[]" | "{}", entries: Iterable<[unknown, unknown]>, level: number): void {
    this.text += brackets[0];
    let count = 0;
    for (const [key, value] of entries) {
      if (count > 0) this.text += ", ";
      if (count++ === MOST_ENTRIES || this.text.length > LONGEST) {
        this.text += "…";
        break;
      }
      if (brackets === "{}") {
        this.add(key, level + 1);
        this.text += ": ";
      }
      this.add(value, level + 1);
    }
    this.text += brackets[1];
  }

  #addString(text: string): void {
    const room = Math.max(LONGEST - this.text.length, SHORTEST_TEXT);
    const quoted = quotedStart(text, room);
    this.text += quoted.length <= 2 * room ? quoted : quotedStart(text, Math.ceil(room / ESCAPE));
  }
}

function simple(value: unknown): string {
  switch (typeof value) {
    case "bigint":
      return BigInt.asIntN(MOST_BITS, value) === value ? `${value}` : `an integer of more than ${MOST_BITS} bits`;
    case "undefined":
      return "nothing";
    case "symbol":
      return "a symbol";
    case "function":
      return "a function";
    default:
      return Object.is(value, -0) ? "-0" : `${value}`; // a number, a boolean or null
  }
}

function quotedStart(text: string, length: number): string {
  return visible(JSON.stringify(text.length > length ? `${text.slice(0, length)}…` : text));
}

/** The first entries of a list that may be sparse; an accessor is not asked. */
function* items(list: readonly unknown[]): Generator<[unknown, unknown]> {
  for (let index = 0; index < list.length; index++) {
    yield [index, Object.getOwnPropertyDescriptor(list, index)?.value];
  }
}

function* properties(object: object): Generator<[unknown, unknown]> {
  // Unlike `Object.keys`, this makes no list of all of them.
  for (const key in object) {
    const property = Object.getOwnPropertyDescriptor(object, key);
    if (property) yield [key, property.value];
  }
}
