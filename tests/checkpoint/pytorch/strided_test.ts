import { assert, assertEquals } from "@std/assert";
import { gather, isContiguous, spanOf } from "../../../checkpoint/pytorch/strided.ts";
import { RandomStream } from "../../../engine/random.ts";

/** The definition: every element by its index. */
function gatherPlainly(source: Uint8Array, { shape, stride, width }: Parameters<typeof gather>[2]): number[] {
  let offsets = [0];
  shape.forEach((size, axis) => {
    offsets = offsets.flatMap((from) => Array.from({ length: size }, (_, index) => from + index * stride[axis]));
  });
  return offsets.flatMap((from) => [...source.subarray(from * width, (from + 1) * width)]);
}

Deno.test("views of any strides are gathered as their definition says", () => {
  const random = RandomStream.named(1, "strided");
  for (let round = 0; round < 2000; round++) {
    const axes = random.int(5);
    const shape = Array.from({ length: axes }, () => 1 + random.int(4));
    const stride = Array.from({ length: axes }, () => random.int(6));
    if (round % 3 === 0) {
      // Mostly end to end, with an axis that is not.
      for (let axis = axes - 1, elements = 1; axis >= 0; elements *= shape[axis--]) stride[axis] = elements;
      if (axes > 0 && round % 2 === 0) stride[random.int(axes)] = random.int(3);
    }
    const width = [1, 2, 4, 8][random.int(4)];
    const source = Uint8Array.from({ length: spanOf({ shape, stride }) * width }, (_, at) => at * 7 + (at >> 8));
    const expected = gatherPlainly(source, { shape, stride, width });
    const target = new Uint8Array(expected.length);
    gather(source, target, { shape, stride, width });
    assertEquals([...target], expected, `${shape} by ${stride}`);
    if (isContiguous({ shape, stride })) assertEquals([...source], expected);
  }
});

Deno.test("a view that repeats a few bytes to megabytes takes no longer than copying them", () => {
  const start = performance.now();
  const target = new Uint8Array(200 << 20);
  gather(Uint8Array.of(1, 2, 3, 4), target, { shape: [100 << 10, 512, 4], stride: [0, 0, 1], width: 1 });
  assertEquals([...target.subarray(-5)], [4, 1, 2, 3, 4]);
  assert(performance.now() - start < 10_000);
});
