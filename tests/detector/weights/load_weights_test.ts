import { assert, assertEquals, assertThrows } from "@std/assert";
import type { StoredTensor } from "../../../checkpoint/mod.ts";
import {
  applyLoad,
  type ClassName,
  keysWith,
  type LoadPlan,
  type NamedWeight,
  planLoad,
  showLoad,
} from "../../../detector/weights/mod.ts";
import type { KeyOutcome } from "../../../detector/weights/load_plan.ts";
import type { Device } from "../../../engine/device/device.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { Module, type ModuleContext } from "../../../engine/nn/module.ts";
import { Parameter } from "../../../engine/parameter.ts";
import { RandomStream } from "../../../engine/random.ts";
import { onCpu } from "../../helpers/on_cpu.ts";

class Head extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  constructor(context: ModuleContext, rows: number) {
    super();
    this.weight = new Parameter(context, [rows, 2], new Float32Array(rows * 2).fill(-1));
    this.bias = new Parameter(context, [rows], new Float32Array(rows).fill(-1));
  }
}

/** The names of a detector, with one class head under two names. */
class Model extends Module {
  readonly classEmbed: readonly Head[];
  readonly decoder: Module & { readonly classEmbed: readonly Head[] };
  readonly body: Head;
  constructor(context: ModuleContext, classes: number) {
    super();
    const head = new Head(context, classes);
    this.classEmbed = [head];
    this.decoder = new class extends Module {
      readonly classEmbed = [head];
    }();
    this.body = new Head(context, 1);
  }
}

const withDevice = (test: (device: Device, model: (classes: number) => Model) => Promise<void>) =>
  onCpu((device) => test(device, (classes) => new Model({ device, random: RandomStream.named(0, "test") }, classes)));

function weight(shape: readonly number[], values: readonly number[]): NamedWeight {
  const stored: StoredTensor = { dtype: "f32", shape, data: new Uint8Array(Float32Array.from(values).buffer) };
  return { dtype: "f32", shape, read: () => Promise.resolve(stored) };
}

const names = (plan: LoadPlan, outcome: KeyOutcome) => keysWith(plan, outcome).map(({ name }) => name);

const BODY: [string, NamedWeight][] = [["body.weight", weight([1, 2], [8, 9])], ["body.bias", weight([1], [7])]];

Deno.test("every key gets one outcome, and planning changes nothing", async () => {
  await withDevice(async (_, make) => {
    const model = make(3);
    const plan = planLoad(
      model,
      new Map([
        ["body.weight", weight([1, 2], [8, 9])],
        ["class_embed.0.weight", weight([5, 2], new Array(10).fill(1))],
        ["class_embed.0.bias", weight([3], [1, 2, 3])],
        ["elsewhere", weight([1], [1])],
        ["bn.num_batches_tracked", weight([], [1])],
      ]),
    );
    assertEquals(names(plan, "loaded"), ["class_embed.0.bias", "decoder.class_embed.0.bias", "body.weight"]);
    assertEquals(names(plan, "shape mismatch"), ["class_embed.0.weight", "decoder.class_embed.0.weight"]);
    assertEquals(names(plan, "missing"), ["body.bias"]);
    assertEquals(names(plan, "unexpected"), ["elsewhere"]);
    assertEquals([...await model.body.weight.data()], [-1, -1]);
    await applyLoad(plan);
    assertEquals([...await model.body.weight.data()], [8, 9]);
    assertEquals([...await model.classEmbed[0].bias.data()], [1, 2, 3]);
    assertEquals([...await model.classEmbed[0].weight.data()], new Array(6).fill(-1));
  });
});

Deno.test("a keyword that matches any name of a tensor keeps it as it is", async () => {
  await withDevice(async (_, make) => {
    const model = make(3);
    const weights = new Map([...BODY, ["class_embed.0.bias", weight([3], [1, 2, 3])] as const]);
    const plan = planLoad(model, weights, { ignore: ["decoder.class_embed"] });
    assertEquals(names(plan, "ignored").length, 4);
    await applyLoad(plan);
    assertEquals([...await model.classEmbed[0].bias.data()], [-1, -1, -1]);
    assertEquals([...await model.body.bias.data()], [7]);
  });
});

Deno.test("rows of classes with the same name move to their new places, also renamed ones; the rest stays fresh", async () => {
  await withDevice(async (_, make) => {
    const model = make(4);
    const weights = new Map([
      ...BODY,
      ["class_embed.0.weight", weight([3, 2], [10, 11, 20, 21, 30, 31])] as const,
      ["class_embed.0.bias", weight([3], [1, 2, 3])] as const,
    ]);
    const plan = planLoad(model, weights, {
      fileClasses: [{ id: 0, name: "cat" }, { id: 1, name: "dog" }, { id: 2, name: "cup" }],
      modelClasses: [{ id: 1, name: "cup" }, { id: 2, name: "bird" }, { id: 3, name: "hound" }],
      classMap: { dog: "hound" },
    });
    assertEquals(names(plan, "carried over").length, 4);
    assertEquals(names(plan, "loaded"), ["body.weight", "body.bias"]);
    await applyLoad(plan);
    assertEquals([...await model.classEmbed[0].weight.data()], [-1, -1, 30, 31, -1, -1, 20, 21]);
    assertEquals([...await model.classEmbed[0].bias.data()], [-1, 3, -1, 2]);
  });
});

Deno.test("heads of the same size are not taken over whole where their rows mean other classes", async () => {
  await withDevice(async (_, make) => {
    const model = make(2);
    const weights = new Map([...BODY, ["class_embed.0.bias", weight([2], [1, 2])] as const]);
    const swapped = planLoad(model, weights, {
      fileClasses: [{ id: 0, name: "cat" }, { id: 1, name: "dog" }],
      modelClasses: [{ id: 0, name: "dog" }, { id: 1, name: "cat" }],
    });
    await applyLoad(swapped);
    assertEquals([...await model.classEmbed[0].bias.data()], [2, 1]);
  });
});

Deno.test("a class map that names an unknown class, or has no names to work on, is an error before anything changes", async () => {
  await withDevice((_, make) => {
    const model = make(2);
    const classes = [{ id: 0, name: "cat" }];
    const attempt = (options: Parameters<typeof planLoad>[2]) => planLoad(model, new Map(BODY), options);
    const unknown = assertThrows(
      () => attempt({ fileClasses: classes, modelClasses: classes, classMap: { cow: "cat" } }),
      DinogradError,
    );
    assert(unknown.message.includes("cow"));
    assertThrows(() => attempt({ modelClasses: classes, classMap: { cat: "cat" } }), DinogradError, "checkpoint");
    return Promise.resolve();
  });
});

Deno.test("the report counts every outcome and names what was not simply loaded", async () => {
  await withDevice((_, make) => {
    const lines: string[] = [];
    const table: (readonly (string | number)[])[] = [];
    showLoad(planLoad(make(3), new Map(BODY)), {
      say: (line) => lines.push(line),
      table: (_, rows) => table.push(...rows),
    });
    assertEquals(table.find(([, outcome]) => outcome === "missing")?.[0], 4);
    assertEquals(table.find(([, outcome]) => outcome === "loaded")?.[0], 2);
    assertEquals(lines.filter((line) => line.startsWith("missing: ")).length, 4);
    assert(lines.some((line) => line.includes("class_embed.0.weight")));
    return Promise.resolve();
  });
});

Deno.test("the report says which classes keep their rows, which begin afresh and which have no place any more", async () => {
  await withDevice((_, make) => {
    const report = (fileClasses: ClassName[] | null, rows: number) => {
      const lines: string[] = [];
      const file = new Map([
        ...BODY,
        ["class_embed.0.weight", weight([rows, 2], new Array(2 * rows).fill(0))],
        ["class_embed.0.bias", weight([rows], new Array(rows).fill(0))],
      ] as [string, NamedWeight][]);
      const modelClasses = [{ id: 1, name: "cat" }, { id: 2, name: "llama" }, { id: 3, name: "dog" }];
      showLoad(planLoad(make(4), file, { fileClasses, modelClasses }), { say: (line) => lines.push(line), table() {} });
      return lines.filter((line) => /^(new )?classes/.test(line));
    };
    assertEquals(report([{ id: 1, name: "dog" }, { id: 2, name: "cat" }, { id: 3, name: "cow" }], 4), [
      "classes: 2 keep their rows: cat, dog",
      "new classes: 1 begins with fresh values, initialised as for a training from scratch: llama",
      "classes without a place: 1 class of the file is not among the data's: cow",
    ]);
    assertEquals(report(null, 7), [
      "classes: all 3 begin with fresh values, initialised as for a training from scratch",
    ]);
    assertEquals(report(null, 4), [
      "classes: the file names none, so that row N of its class heads becomes category N of the data",
    ]);
    assertEquals(report([{ id: 1, name: "cat" }, { id: 2, name: "llama" }, { id: 3, name: "dog" }], 4), []);
    return Promise.resolve();
  });
});
