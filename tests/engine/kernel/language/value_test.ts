import { assertEquals, assertThrows } from "@std/assert";
import { joinIndex, splitIndex } from "../../../../engine/kernel/language/index_arithmetic.ts";
import { NumbersMachine } from "../../../../engine/kernel/language/numbers.ts";
import type { Value } from "../../../../engine/kernel/language/value.ts";

const numberOf = (value: Value) => (value.ref as readonly number[])[0]; // the numbers machine keeps lanes

Deno.test("joinIndex undoes splitIndex, for every index and also where there is one axis", () => {
  const m = new NumbersMachine([]);
  for (const sizes of [[], [3], [4, 1, 5], [2, 3]]) {
    for (let index = 0; index < 61; index++) {
      const coordinates = splitIndex(m.int(index), sizes);
      assertEquals(coordinates.length, sizes.length + 1);
      assertEquals(numberOf(joinIndex(coordinates, sizes)), index);
    }
  }
  assertEquals(splitIndex(m.int(47), [4, 5]).map(numberOf), [2, 1, 2]);
  assertThrows(() => joinIndex([m.int(1)], [2]), RangeError, "expected one coordinate more than sizes");
});

Deno.test("plain numbers become literals of the other operand's type, and conditions choose between values", () => {
  const m = new NumbersMachine([], 4);
  assertEquals(numberOf(m.int(7).div(2)), 3);
  assertEquals(numberOf(m.float(7).div(2)), 3.5);
  assertEquals(m.splat(7).div(2).ref, [3.5, 3.5, 3.5, 3.5]);
  assertEquals(numberOf(m.int(6).gt(5).and(m.int(6).ge(6)).select(m.float(1), -1)), 1);
  assertEquals(m.iota(m.int(0)).lt(2).select(m.splat(1), 0).ref, [1, 1, 0, 0]);
  assertEquals(numberOf(m.iota(m.int(1)).sumLanes()), 10);
  assertEquals(numberOf(m.int(5).and(6).or(8).xor(1).shiftLeft(2).shiftRight(1)), 26);
});
