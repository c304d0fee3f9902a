import { assertEquals, assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { defineKernel, defineReduction, defineRows } from "../../../engine/launch/mod.ts";
import { scope } from "../../../engine/scope.ts";
import { tensor } from "../../../engine/tensor.ts";

const scaled = defineKernel({
  name: "scaled",
  reads: { source: "f32" },
  writes: { target: "f32" },
  sizes: ["offset"],
  scalars: ["factor"],
  vectors: true,
  body: (m, { item, source, target, offset, factor }) => {
    const at = item.mul(m.lanes);
    target.store(at, source.loadVec(offset.add(at)).mul(factor.splat()));
  },
});

Deno.test("a kernel is launched by names, in any order of them", async () => {
  using _ = scope();
  const device = new ReferenceDevice();
  const source = tensor(device, [1, 2, 3, 4, 5, 6, 7, 8]);
  for (const lanes of [1, 4] as const) {
    const target = source.empty([4]);
    scaled.launch({ items: 4 / lanes, factor: 10, target, lanes, offset: 4, source });
    assertEquals([...await target.data()], [50, 60, 70, 80]);
  }
});

Deno.test("a launch that lacks an operand, or names something else, is told so before anything runs", () => {
  using _ = scope();
  const device = new ReferenceDevice();
  const [source, target] = [tensor(device, [1]), tensor(device, [1])];
  const all = { source, target, offset: 0, factor: 1, items: 1 };
  // @ts-expect-error: the types say it too
  assertThrows(() => scaled.launch({ ...all, offset: undefined }), TypeError, 'scaled: expected "offset"');
  // @ts-expect-error: the types say it too
  assertThrows(() => scaled.launch({ ...all, target: undefined }), TypeError, 'scaled: expected "target"');
  const more = { ...all, stride: 1 };
  assertThrows(() => scaled.launch(more), TypeError, 'but the launch also names "stride"');
  const once = defineKernel({
    name: "once",
    writes: { to: "f32" },
    body: (m, { item, to }) => to.store(item, m.float(1)),
  });
  assertThrows(() => once.launch({ to: target, items: 1, lanes: 4 }), TypeError, "expected one lane");
  const twice = { name: "twice", reads: { x: "f32" }, sizes: ["x"], body: () => {} } as const;
  assertThrows(() => defineKernel(twice), TypeError, 'twice: expected different names but found "x" twice');
});

Deno.test("rows and reductions are launched by names, and an output with an input's name is written over it", async () => {
  using _ = scope();
  const device = new ReferenceDevice();
  const centred = defineRows({
    name: "centred",
    inputs: ["x", "weight"],
    scalars: ["share"],
    perRow: ["mean"],
    define: ({ x, weight, share }, { sum }) => {
      const mean = sum(x).mul(share);
      return { x: x.sub(mean).mul(weight), mean };
    },
  });
  const x = tensor(device, [1, 2, 3, 4, 5, 9], [2, 3]);
  const [weight, mean] = [tensor(device, [1, 10, 100]), x.empty([2, 1])];
  centred.launch(x.shape, { share: 1 / 3, mean, weight, x });
  assertEquals([...await mean.data()], [2, 6]);
  assertEquals([...await x.data()], [-1, 0, 100, -2, -10, 300]);
  const dot = defineReduction({ name: "dot", op: "sum", inputs: ["x", "y"], value: ({ x, y }) => x.mul(y) });
  const sums = dot.reduce({ over: [2, 3], to: [1, 3] }, { y: weight, x });
  assertEquals([...await sums.data()], [-3, -100, 40000]);
  // @ts-expect-error: the types say it too
  assertThrows(() => centred.launch(x.shape, { x, weight, mean }), TypeError, 'centred: expected "share"');
  const more = { x, y: weight, z: x };
  assertThrows(() => dot.reduce({ over: [2, 3], to: [1, 3] }, more), TypeError, "dot: expected only x, y");
});

Deno.test("a definition that contradicts itself is refused where it is made", () => {
  const one = { name: "one", inputs: ["x"] } as const;
  assertThrows(
    () => defineRows({ ...one, perRow: ["z"], define: ({ x }) => ({ y: x }) }),
    TypeError,
    'one: expected outputs in perRow but found "z"',
  );
  assertThrows(
    () => defineRows({ ...one, define: ({ x }, { sumKeeping }) => ({ y: x, z: sumKeeping("z", x).kept }) }),
    TypeError,
    'one: expected values to be kept in the first output but found "z"',
  );
  assertThrows(() => defineRows({ ...one, scalars: ["x"], define: ({ x }) => ({ y: x }) }), TypeError, '"x" twice');
});
