import { assertAlmostEquals, assertEquals } from "@std/assert";
import { ReferenceDevice, scope, tensor } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { softsign } = await exercise<typeof import("./02-op.ts")>("02-op");

Deno.test("softsign and its gradient, which a node of its own on the tape computes", async () => {
  using _ = scope();
  const values = [-3, -0.5, 0.25, 4];
  const x = tensor(new ReferenceDevice(), Float64Array.from(values), [4]);
  x.requiresGrad = true;
  const y = softsign(x);
  y.sum().backward();
  assertEquals(y.node?.name, "softsign");
  const [results, gradients] = [await y.data(), await x.grad!.data()];
  values.forEach((value, at) => {
    assertAlmostEquals(results[at], value / (1 + Math.abs(value)), 1e-12);
    assertAlmostEquals(gradients[at], 1 / (1 + Math.abs(value)) ** 2, 1e-12);
  });
});
