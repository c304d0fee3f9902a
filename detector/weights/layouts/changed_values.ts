/** What becomes of the values of a tensor that another program keeps in another form. */
import { bytesPerElement, elementCount, type StoredTensor } from "../../../checkpoint/mod.ts";
import type { NamedWeight } from "../named_weight.ts";
import type { ValueChange } from "./layout.ts";

/** The weight in our form; null where its shape is not one that can be changed so. */
export function changed(weight: NamedWeight, change: ValueChange): NamedWeight | null {
  const { dtype, shape } = weight;
  switch (change) {
    case "zeros":
    case "unused":
      return {
        ...{ dtype, shape },
        read: () =>
          Promise.resolve({ dtype, shape, data: new Uint8Array(elementCount(shape) * bytesPerElement(dtype)) }),
      };
    case "matrix": {
      if (shape.slice(2).some((size) => size !== 1)) return null;
      const plain = shape.slice(0, 2);
      return { dtype, shape: plain, read: async () => ({ dtype, shape: plain, data: (await weight.read()).data }) };
    }
    case "labels": {
      const [rows, ...rest] = shape;
      const more = [rows + 1, ...rest];
      return { dtype, shape: more, read: async () => withZeros(await weight.read(), more) };
    }
    case "unfold":
      if ((shape.at(-1) ?? 0) % NEIGHBOURS.length !== 0) return null;
      return { dtype, shape, read: async () => mapsOfNeighbours(await weight.read()) };
  }
}

function withZeros({ dtype, data }: StoredTensor, shape: readonly number[]): StoredTensor {
  const result = new Uint8Array(elementCount(shape) * bytesPerElement(dtype));
  result.set(data);
  return { dtype, shape, data: result };
}

/**
 * Where the four pixels that are merged stand in the order of Unfold, which goes along rows, in the order of Swin, which
 * goes down columns.
 */
const NEIGHBOURS = [0, 2, 1, 3];

/** From the four neighbours of each channel to the four maps of all channels, along the last axis. */
function mapsOfNeighbours({ dtype, shape, data }: StoredTensor): StoredTensor {
  const width = bytesPerElement(dtype);
  const row = shape[shape.length - 1];
  const channels = row / NEIGHBOURS.length;
  const result = new Uint8Array(data.length);
  for (let at = 0; at < data.length / width; at += row) {
    NEIGHBOURS.forEach((neighbour, map) => {
      for (let channel = 0; channel < channels; channel++) {
        const from = (at + channel * NEIGHBOURS.length + neighbour) * width;
        result.set(data.subarray(from, from + width), (at + map * channels + channel) * width);
      }
    });
  }
  return { dtype, shape, data: result };
}
