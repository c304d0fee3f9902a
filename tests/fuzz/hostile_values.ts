/** Values that a file of settings or annotations may hold and no reader expects, and trees of them that are changed at random. */
import type { RandomStream } from "../../engine/random.ts";
import { pick } from "./damage.ts";

/** What JSON and configuration files can hold. */
export type Value = null | boolean | number | string | Value[] | { [key: string]: Value };

const STRINGS = [
  ...["", "0", "-1", "NaN", "__proto__", "constructor", "toString", "\0", "\x1b[2J", "a\nb", "\u202e", "\ud800", "é"],
  ...["../../etc/passwd", "/dev/zero", "C:\\x", "x".repeat(5000), "'\"\\", "{}", "${x}"],
];
const NUMBERS = [
  ...[0, -0, -1, 0.5, 1, 2, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 1e9, 1e15, 1e21, 1e308, -1e308, 5e-324],
];

/** One value of any kind; lists and maps are small, and seldom deep. */
export function hostileValue(random: RandomStream): Value {
  switch (random.int(8)) {
    case 0:
      return null;
    case 1:
      return random.int(2) === 0;
    case 2:
    case 3:
      return pick(NUMBERS, random);
    case 4:
      return pick(STRINGS, random);
    case 5:
      return Array.from({ length: random.int(6) }, () => random.int(3) ? pick(NUMBERS, random) : hostileValue(random));
    case 6:
      return Object.fromEntries(
        Array.from({ length: random.int(4) }, () => [pick(STRINGS, random), hostileValue(random)]),
      );
    default: {
      let value: Value = pick(NUMBERS, random);
      for (let depth = random.int(200); depth > 0; depth--) value = random.int(2) ? [value] : { a: value };
      return value;
    }
  }
}

/** A copy in which one place, however deep, holds something else, is gone, or is there twice. */
export function withOddPlace(value: Value, random: RandomStream): Value {
  if (typeof value !== "object" || value === null || random.int(12) === 0) return hostileValue(random);
  if (Array.isArray(value)) {
    if (value.length === 0) return [hostileValue(random)];
    const [at, copy] = [random.int(value.length), [...value]];
    const what = random.int(10);
    if (what === 0) copy.splice(at, 1);
    else if (what === 1) copy.splice(at, 0, copy[at]);
    else copy[at] = withOddPlace(copy[at], random);
    return copy;
  }
  const keys = Object.keys(value);
  if (keys.length === 0) return { [pick(STRINGS, random)]: hostileValue(random) };
  const key = pick(keys, random);
  const { [key]: old, ...rest } = value;
  const what = random.int(10);
  if (what === 0) return rest;
  if (what === 1) return { ...rest, [`${key}x`]: old };
  return { ...value, [key]: withOddPlace(old, random) };
}
