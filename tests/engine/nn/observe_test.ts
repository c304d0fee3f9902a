/** What attention layers tell of their insides is what their results are made of. */
import { assert } from "@std/assert";
import {
  deformableAttention,
  MSDeformAttn,
  MultiheadAttention,
  RandomStream,
  type Tensor,
  tensor,
} from "../../../engine/mod.ts";
import { ReferenceDevice } from "../../../engine/device/reference.ts";

const device = new ReferenceDevice();
const random = RandomStream.named(1, "observe");
const drawn = (...shape: number[]) =>
  tensor(device, Float64Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()), shape);

/** The largest difference of two tensors. */
async function apart(a: Tensor, b: Tensor): Promise<number> {
  return Math.max(...await a.sub(b).abs().data());
}

Deno.test("the maps of multi-head attention are those by which values were averaged, masked ones too", async () => {
  const layer = new MultiheadAttention({ device, random }, { features: 6, heads: 2 }).evaluate();
  const [query, key, value] = [drawn(2, 3, 6), drawn(2, 4, 6), drawn(2, 4, 6)];
  const one = tensor(device, [0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], [1, 3, 4]);
  const perHead = tensor(device, Float32Array.from({ length: 48 }, (_, at) => at % 7 === 1 ? 1 : 0), [4, 3, 4]);
  for (const mask of [undefined, one, perHead]) {
    const maps = layer.weights(query, key, { mask });
    const values = value.matmul(layer.inProjWeight.slice(0, 12, 18).permute([1, 0])).add(
      layer.inProjBias.slice(0, 12, 18),
    );
    const heads = maps.matmul(values.reshape([2, 4, 2, 3]).permute([0, 2, 1, 3])).permute([0, 2, 1, 3]).reshape([
      2,
      3,
      6,
    ]);
    const difference = await apart(layer.outProj.forward(heads), layer.forward(query, key, value, { mask }));
    assert(difference < 1e-9, `they are ${difference} apart`);
  }
});

Deno.test("deformable attention shows the places and weights that it samples with", async () => {
  const layer = new MSDeformAttn({ device, random }, { features: 8, levels: 2, heads: 2, points: 3 });
  layer.attentionWeights.weight.assign(Float64Array.from({ length: 96 }, () => random.normal()));
  const spatialShapes = [[4, 3], [2, 2]] as const;
  const [query, input] = [drawn(1, 5, 8), drawn(1, 16, 8)];
  const referencePoints = drawn(1, 5, 2, 2).sigmoid();
  let again: Tensor | undefined;
  const result = layer.forward(query, {
    ...{ referencePoints, input, spatialShapes },
    observe: (samplingLocations, attentionWeights) => {
      const value = layer.valueProj.forward(input).reshape([1, 16, 2, 4]);
      const seen = deformableAttention(value, { samplingLocations, attentionWeights }, { spatialShapes });
      again = layer.outputProj.forward(seen).detached();
    },
  });
  assert(again !== undefined && await apart(result, again) < 1e-9);
});
