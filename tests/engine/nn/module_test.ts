/**
 * What a module shows of its parameters: everything in its fields and their arrays, sets, maps and plain objects, by names
 * that PyTorch's containers would give. What it hides is an error, and never a model that learns less than it should.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Device } from "../../../engine/device/device.ts";
import { DryDevice } from "../../../engine/device/dry.ts";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { ModuleError } from "../../../engine/errors.ts";
import { Linear } from "../../../engine/nn/linear.ts";
import { Module, type ModuleContext } from "../../../engine/nn/module.ts";
import { AdamW, SGD } from "../../../engine/optim/mod.ts";
import { BufferTensor, Parameter } from "../../../engine/parameter.ts";
import { RandomStream } from "../../../engine/random.ts";
import { scope } from "../../../engine/scope.ts";
import { type Tensor, tensor } from "../../../engine/tensor.ts";

const contextOn = (device: Device): ModuleContext => ({ device, random: RandomStream.named(1, "modules") });
const context = contextOn(new DryDevice());
const parameter = (size = 1, { device } = context) => new Parameter({ device }, [size], new Float32Array(size).fill(1));
const linear = (outFeatures = 1) => new Linear(context, { inFeatures: 2, outFeatures, bias: false });

const namesOf = (module: Module) => [...module.stateDict().keys()];

Deno.test("parameters in arrays, sets, maps and plain objects are named as PyTorch's ModuleList and ModuleDict name them", () => {
  class Many extends Module {
    readonly layers = [linear(), [linear(), parameter()]];
    readonly heads = new Map<string | number, unknown>([["boxHeads", linear()], [3, { deep: [parameter()] }]]);
    readonly tables = new Set([parameter(), parameter()]);
    readonly byName = {
      first: linear(),
      none: null,
      size: 4,
      second: new BufferTensor(context, [1], new Float32Array(1)),
    };
    readonly plain = tensor(context.device, [1]);
    readonly numbers = [1, 2, 3];
    readonly text = "weights";
  }
  const module = new Many();
  assertEquals(namesOf(module), [
    "layers.0.weight",
    "layers.1.0.weight",
    "layers.1.1",
    "heads.boxHeads.weight",
    "heads.3.deep.0",
    "tables.0",
    "tables.1",
    "by_name.first.weight",
    "by_name.second",
  ]);
  assertEquals([...module.parameters()].map(([name]) => name), namesOf(module).slice(0, -1));
  assertEquals([...module.modules()].map(([name]) => name), [
    "",
    "layers.0",
    "layers.1.0",
    "heads.boxHeads",
    "by_name.first",
  ]);
  module.evaluate();
  assertEquals([...module.modules()].filter(([, { training }]) => training), []);
});

Deno.test("containers that refer to themselves or are shared a million times are walked once", () => {
  class Tangled extends Module {
    readonly weight = parameter();
    readonly settings: Record<string, unknown> = { depth: 3 };
    constructor() {
      super();
      this.settings.self = this.settings;
      let shared: unknown = { leaf: 1 };
      for (let i = 0; i < 60; i++) shared = [shared, shared];
      this.settings.shared = shared;
    }
  }
  assertEquals(namesOf(new Tangled()), ["weight"]);
});

Deno.test("keys that cannot be part of a name, equal names, and a module inside itself are refused", () => {
  const holding = (field: unknown) =>
    new class extends Module {
      readonly held = field;
    }();
  const cases: readonly [message: string, field: unknown][] = [
    ['as keys of "held" but found "a.b"', { "a.b": parameter() }],
    ['but found ""', new Map([["", parameter()]])],
    ["but found {}", new Map([[{}, parameter()]])],
    ["but found 0.5", new Map([[0.5, linear()]])],
    [
      'expected one tensor named "held.0" but found two',
      new Map<unknown, unknown>([[0, parameter()], ["0", parameter()]]),
    ],
  ];
  for (const [message, field] of cases) assertThrows(() => holding(field).stateDict(), ModuleError, message);
  assertEquals(namesOf(holding(new Map<unknown, unknown>([["a.b", 1], [{}, "text"], ["a", linear()]]))), [
    "held.a.weight",
  ]);
  class Names extends Module {
    readonly fooBar = parameter();
    readonly foo_bar = parameter();
  }
  assertThrows(() => new Names().stateDict(), ModuleError, 'expected one tensor named "foo_bar" but found two');
  class Inside extends Module {
    readonly parts: Module[] = [];
  }
  const inside = new Inside();
  inside.parts.push(inside);
  assertThrows(() => inside.stateDict(), ModuleError, 'expected a tree but "parts.0" contains itself');
});

/** The first question for parameters is refused, whichever it is. */
function assertHidden(make: () => Module, name: string): void {
  for (const ask of [(m: Module) => [...m.parameters()], (m: Module) => m.stateDict()]) {
    const error = assertThrows(() => ask(make()), ModuleError, `${name}: expected every parameter in a field`);
    assert(!error.message.includes("\n") && error.code === "module");
  }
}

Deno.test("a parameter that a constructor makes and hides is an error at the first question for parameters", () => {
  assertHidden(() =>
    new class Field extends Module {
      readonly #weight = parameter();
      readonly forward = (x: Tensor) => x.mul(this.#weight);
    }(), "Field");
  assertHidden(() =>
    new class Layer extends Module {
      readonly shown = linear();
      readonly #hidden: Linear;
      constructor() {
        super();
        this.#hidden = linear();
      }
      forward = (x: Tensor) => this.#hidden.forward(this.shown.forward(x));
    }(), "Layer");
  assertHidden(() =>
    new class Closure extends Module {
      readonly forward: (x: Tensor) => Tensor;
      constructor() {
        super();
        const [scale] = [1].map(() => parameter());
        this.forward = (x) => x.mul(scale);
      }
    }(), "Closure");
  class Head {
    readonly weight = parameter();
  }
  assertHidden(() =>
    new class Foreign extends Module {
      readonly head = new Head();
    }(), "Foreign");
  class Inner extends Module {
    readonly shown = parameter();
    readonly #hidden = parameter();
    forward = (x: Tensor) => x.mul(this.#hidden);
  }
  assertHidden(() =>
    new class Outer extends Module {
      readonly inner = [new Inner()];
    }(), "Outer");
  class Base extends Module {
    readonly #hidden = parameter();
    forward = (x: Tensor) => x.mul(this.#hidden);
  }
  assertHidden(() =>
    new class Derived extends Base {
      readonly shown = parameter();
    }(), "Derived");
});

Deno.test("what is shared, temporary, frozen, made elsewhere or shown by another module is no reason for an error", () => {
  class Tied extends Module {
    readonly table = parameter();
    readonly again: Parameter;
    readonly #same: Parameter;
    constructor() {
      super();
      this.again = this.table;
      this.#same = this.table;
      parameter().dispose(); // only needed to begin with
      linear().dispose();
    }
    forward = (x: Tensor) => x.mul(this.#same);
  }
  assertEquals(namesOf(new Tied()), ["table", "again"]);

  class Teacher extends Module {
    readonly weight = parameter();
  }
  class Student extends Module {
    readonly weight = parameter();
    readonly #teacher = new Teacher();
    constructor() {
      super();
      for (const [, frozen] of this.#teacher.parameters()) frozen.requiresGrad = false;
    }
    forward = (x: Tensor) => x.mul(this.#teacher.weight);
  }
  assertEquals(namesOf(new Student()), ["weight"]);

  // Made by the same program between a module's construction and its first walk.
  const first = new Teacher();
  const [alone, other, second] = [parameter(), linear(), new Teacher()];
  class Trainer {
    readonly model = new Teacher();
    readonly temperature = parameter();
  }
  const trainer = new Trainer();
  for (const module of [first, second, other, trainer.model]) assertEquals(namesOf(module).length, 1);
  assertEquals([alone.size, trainer.temperature.size], [1, 1]);

  // Siblings of one class, of which one is asked before the whole is.
  class Pair extends Module {
    readonly left = new Teacher();
    readonly right = new Teacher();
    readonly extra = parameter();
  }
  const pair = new Pair();
  assertEquals(namesOf(pair.left), ["weight"]);
  assertEquals(namesOf(pair), ["left.weight", "right.weight", "extra"]);

  // One class extends the other, and both make parameters in the constructor that they share.
  class Block extends Module {
    readonly weight = parameter();
  }
  class LargeBlock extends Block {
    readonly more = parameter();
  }
  const [small, large] = [new Block(), new LargeBlock()];
  assertEquals([namesOf(small), namesOf(large)], [["weight"], ["weight", "more"]]);

  // A module asks its parts while it is being made, and a factory makes modules that it does not keep.
  class Starting extends Module {
    readonly body = new Block();
    readonly scale = parameter();
    constructor() {
      super();
      for (const [, part] of this.body.parameters()) part.fill(0);
    }
    grow = () => new Block();
  }
  const starting = new Starting();
  const grown = starting.grow();
  assertEquals([namesOf(starting), namesOf(grown)], [["body.weight", "scale"], ["weight"]]);

  // A head is replaced after construction; what was there is given up.
  const model = new Starting();
  model.body.weight.dispose();
  Object.assign(model, { body: linear() });
  assertEquals(namesOf(model), ["body.weight", "scale"]);
});

Deno.test("parameters of a failed construction say nothing about the next one", () => {
  class Failing extends Module {
    readonly weight = parameter();
    constructor() {
      super();
      throw new Error("on the way");
    }
  }
  assertThrows(() => new Failing(), Error, "on the way");
  class Sound extends Module {
    readonly weight = parameter();
  }
  assertEquals(namesOf(new Sound()), ["weight"]);
});

Deno.test("a parameter that collects gradients from step to step and is nobody's is an error of the second step", () => {
  using _ = scope();
  const device = new ReferenceDevice();
  const weight = parameter(1, { ...context, device });
  // Made by no constructor, and kept where no walk comes by.
  const hidden = parameter(1, { ...context, device });
  class Holder extends Module {
    readonly weight = weight;
    readonly #hidden = hidden;
    forward = () => this.weight.mul(this.#hidden).sum();
  }
  const model = new Holder();
  const optimizer = new AdamW([{ name: "all", parameters: [...model.parameters()], weightDecay: 0 }]);
  const train = () => {
    model.forward().backward();
    optimizer.step({ learningRates: [0.1] });
    optimizer.zeroGrad();
  };
  train();
  const error = assertThrows(
    train,
    ModuleError,
    "expected every parameter with a gradient in an optimizer but found one [1]",
  );
  assertEquals(error.message.includes("\n"), false);
  // Named as what it is, it is trained; frozen, it is left alone.
  hidden.grad!.dispose();
  hidden.grad = undefined;
  hidden.requiresGrad = false;
  optimizer.zeroGrad();
  for (let step = 0; step < 3; step++) train();
  for (const item of [optimizer, weight, hidden]) item.dispose();
});

Deno.test("parameters that are trained by hand or by another optimizer, or were trained before, are nobody's mistake", async () => {
  using _ = scope();
  const device = new ReferenceDevice();
  const [a, b, byHand, before] = [1, 2, 3, 4].map(() => parameter(1, { ...context, device }));
  before.square().sum().backward(); // its gradient is never taken away
  const [first, second] = [a, b].map((each, i) =>
    new SGD([{ name: "all", parameters: [[`p${i}`, each]], weightDecay: 0 }], { momentum: 0 })
  );
  for (let step = 0; step < 3; step++) {
    for (let part = 0; part < 2; part++) a.mul(b).mul(byHand).sum().backward(); // gradients add up
    first.step({ learningRates: [0.01] });
    second.step({ learningRates: [0.01] });
    byHand.assign((await byHand.data()).map((value) => value - 0.01));
    byHand.grad?.dispose();
    byHand.grad = undefined;
    for (const optimizer of [first, second]) optimizer.zeroGrad();
  }
  for (const item of [first, second, a, b, byHand, before]) item.dispose();
});
