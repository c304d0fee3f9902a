import { assertAlmostEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { pixelGradient } = await exercise<typeof import("./07-owner.ts")>("07-owner");

Deno.test("pixels get what points would have added to them", () => {
  const points = Array.from({ length: 50 }, (_, at) => ({ x: (at * 0.37) % 6 - 0.5, gradient: Math.sin(at) }));
  const added = new Map<number, number>();
  for (const { x, gradient } of points) {
    const left = Math.floor(x);
    added.set(left, (added.get(left) ?? 0) + (left + 1 - x) * gradient);
    added.set(left + 1, (added.get(left + 1) ?? 0) + (x - left) * gradient);
  }
  for (let pixel = 0; pixel < 6; pixel++) assertAlmostEquals(pixelGradient(points, pixel), added.get(pixel) ?? 0, 1e-9);
});
