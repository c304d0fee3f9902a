/**
 * The oracle: a device that computes everything in float64 with the plainest loops. Every op's test runs here first.
 */

import { ByteCounter } from "./byte_counter.ts";
import { DeviceMismatchError } from "../errors.ts";
import type { DType, TensorData } from "../dtype.ts";
import type { Expr } from "../kernel/language/expr.ts";
import { emitColumn, emitExpr, emitRow } from "../kernel/language/emit.ts";
import { NumbersMachine } from "../kernel/language/numbers.ts";
import { BufferRef } from "../kernel/language/value.ts";
import type { Buffer } from "./buffer.ts";
import type {
  Conv2dCall,
  Conv2dInputGradientCall,
  Conv2dShape,
  Conv2dWeightGradientCall,
  CopyCall,
  Device,
  DeviceMemory,
  Epilogue,
  MatmulCall,
  TopKCall,
} from "./device.ts";
import { checkColumn, checkIndexed, checkRange, checkRow } from "./checks.ts";
import type { ColumnLaunch, IndexedLaunch, RowLaunch } from "./launches.ts";

class ReferenceBuffer implements Buffer {
  readonly data: Float64Array;
  constructor(readonly length: number) {
    this.data = new Float64Array(length).fill(NaN); // so that nobody reads what was not written
  }
}

const dataOf = (buffer: Buffer): Float64Array => {
  if (buffer instanceof ReferenceBuffer) return buffer.data;
  throw new DeviceMismatchError("reference: expected a buffer of this device but found another's");
};

/**
 * Computes in float64 with plain loops.
 *
 * @category Devices
 */
export class ReferenceDevice implements Device {
  readonly kind = "reference";
  readonly description = "reference (float64)";
  readonly fusedMultiplyAdd = false;
  readonly #bytes = new ByteCounter();
  #destroyed = false;

  get destroyed(): boolean {
    return this.#destroyed;
  }
  get memory(): DeviceMemory {
    return this.#bytes.memory();
  }
  resetPeak(): void {
    this.#bytes.resetPeak();
  }
  allocate(length: number): Buffer {
    this.#bytes.add(4 * length);
    return new ReferenceBuffer(length);
  }
  free(buffer: Buffer): void {
    this.#bytes.subtract(4 * buffer.length);
    dataOf(buffer).fill(NaN);
  }
  upload(buffer: Buffer, data: TensorData): void {
    checkRange("upload", buffer, data);
    dataOf(buffer).set(data);
  }
  download(buffer: Buffer, dtype: DType, length: number): Promise<TensorData> {
    return Promise.resolve(this.peek(buffer, dtype, length).slice());
  }
  peek(buffer: Buffer, dtype: DType, length: number): TensorData {
    checkRange("download", buffer, { length });
    const data = dataOf(buffer).subarray(0, length);
    return dtype === "i32" ? Int32Array.from(data) : data;
  }
  copy({ from, fromOffset, to, toOffset, length }: CopyCall): void {
    checkRange("copy", from, { offset: fromOffset, length });
    checkRange("copy", to, { offset: toOffset, length });
    dataOf(to).set(dataOf(from).subarray(fromOffset, fromOffset + length), toOffset);
  }
  fill(buffer: Buffer, value: number, length: number): void {
    checkRange("fill", buffer, { length });
    dataOf(buffer).fill(value, 0, length);
  }

  row(launch: RowLaunch): void {
    checkRow(launch);
    const { recipe, inputs, outputs, outer, columns, strides, scalars = [] } = launch;
    const buffers = [...inputs, ...outputs];
    const m = new NumbersMachine(buffers.map(dataOf));
    const at = {
      buffers: floats(m, buffers.length),
      outer: outer.map((n) => m.int(n)),
      columns: m.int(columns),
      strides: strides.map((list) => list.map((n) => m.int(n))),
      scalars: scalars.map((x) => m.float(x)),
    };
    const rows = outer.reduce((product, n) => product * n, 1);
    for (let row = 0; row < rows; row++) emitRow(m, recipe, m.int(row), at);
  }

  column(launch: ColumnLaunch): void {
    checkColumn(launch);
    const { recipe, inputs, output, outer, reduced, inner, strides, scalars = [] } = launch;
    const buffers = [...inputs, output];
    const m = new NumbersMachine(buffers.map(dataOf));
    const refs = floats(m, buffers.length);
    const at = {
      buffers: refs,
      reduced: m.int(reduced),
      inner: m.int(inner),
      strides: strides.map(([a, b]) => [m.int(a), m.int(b)] as const),
      scalars: scalars.map((x) => m.float(x)),
    };
    for (let o = 0; o < outer; o++) {
      for (let j = 0; j < inner; j++) {
        const place = { outer: m.int(o), j: m.int(j), begin: m.int(0), count: m.int(reduced) };
        refs[inputs.length].store(m.int(o * inner + j), emitColumn(m, recipe, place, at));
      }
    }
  }

  indexed(launch: IndexedLaunch): void {
    checkIndexed(launch);
    const { kernel, buffers, sizes, scalars = [], items } = launch;
    const m = new NumbersMachine(buffers.map(dataOf), kernel.lanes);
    const at = {
      buffers: kernel.buffers.map(({ dtype }, index) => new BufferRef(m, index, dtype)),
      sizes: sizes.map((n) => m.int(n)),
      scalars: scalars.map((x) => m.float(x)),
    };
    for (let item = 0; item < items; item++) kernel.body(m, m.int(item), at);
  }

  matmul(call: MatmulCall): void {
    const { m, n, k, outerBatch, innerBatch, aLayout, bLayout, outLayout } = call;
    const [a, b, out] = [call.a, call.b, call.out].map(dataOf);
    const finish = epilogue(call.epilogue);
    for (let o = 0; o < outerBatch; o++) {
      for (let i = 0; i < innerBatch; i++) {
        const aBase = o * aLayout.outer + i * aLayout.inner;
        const bBase = o * bLayout.outer + i * bLayout.inner;
        const outBase = o * outLayout.outer + i * outLayout.inner;
        for (let row = 0; row < m; row++) {
          for (let column = 0; column < n; column++) {
            let sum = 0;
            for (let at = 0; at < k; at++) {
              sum += a[aBase + row * aLayout.row + at * aLayout.column] *
                b[bBase + at * bLayout.row + column * bLayout.column];
            }
            const index = outBase + row * outLayout.row + column;
            out[index] = finish(sum, { row, column, element: index });
          }
        }
      }
    }
  }

  conv2d({ shape, input, weight, output, epilogue: after }: Conv2dCall): void {
    const [x, w, y] = [input, weight, output].map(dataOf);
    const finish = epilogue(after);
    y.fill(0, 0, shape.batch * shape.outChannels * shape.outHeight * shape.outWidth);
    forEachTap(shape, (at) => y[at.output] += x[at.input] * w[at.weight]);
    const pixels = shape.outHeight * shape.outWidth;
    for (let index = 0; index < shape.batch * shape.outChannels * pixels; index++) {
      const row = Math.floor(index / pixels) % shape.outChannels;
      y[index] = finish(y[index], { row, column: index % pixels, element: index });
    }
  }
  conv2dInputGradient({ shape, gradOutput, weight, gradInput }: Conv2dInputGradientCall): void {
    const [dy, w, dx] = [gradOutput, weight, gradInput].map(dataOf);
    dx.fill(0, 0, shape.batch * shape.inChannels * shape.inHeight * shape.inWidth);
    forEachTap(shape, (at) => dx[at.input] += dy[at.output] * w[at.weight]);
  }
  conv2dWeightGradient({ shape, input, gradOutput, gradWeight }: Conv2dWeightGradientCall): void {
    const [x, dy, dw] = [input, gradOutput, gradWeight].map(dataOf);
    dw.fill(0, 0, shape.outChannels * shape.inChannels * shape.kernelHeight * shape.kernelWidth);
    forEachTap(shape, (at) => dw[at.weight] += dy[at.output] * x[at.input]);
  }

  topK({ rows, length, k, input, values, indices }: TopKCall): void {
    const data = dataOf(input);
    for (let row = 0; row < rows; row++) {
      const at = (i: number) => data[row * length + i];
      const rank = (x: number) => Number.isNaN(x) ? Infinity : x;
      const order = Array.from({ length }, (_, i) => i).sort((i, j) =>
        Number(Number.isNaN(at(j))) - Number(Number.isNaN(at(i))) ||
        (rank(at(j)) > rank(at(i)) ? 1 : rank(at(j)) < rank(at(i)) ? -1 : i - j)
      );
      for (let i = 0; i < k; i++) {
        dataOf(values)[row * k + i] = at(order[i]);
        dataOf(indices)[row * k + i] = order[i];
      }
    }
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }
  destroy(): Promise<void> {
    this.#destroyed = true;
    return Promise.resolve();
  }
}

const floats = (m: NumbersMachine, count: number) =>
  Array.from({ length: count }, (_, index) => new BufferRef(m, index, "f32"));

/** An epilogue as a function of the product and its place. */
function epilogue(after: Epilogue | undefined) {
  if (!after) return (product: number) => product;
  const { value, operands } = after.definition;
  const data = after.operands.map(dataOf);
  return (product: number, place: { row: number; column: number; element: number }) =>
    evaluate(value, [product, ...operands.map((per, i) => data[i][place[per]])]);
}

/** An expression on plain numbers. */
function evaluate(expr: Expr, inputs: readonly number[], scalars: readonly number[] = []): number {
  const m = new NumbersMachine([]);
  const value = emitExpr(m, expr, {
    input: (i) => m.splat(inputs[i]),
    scalars: scalars.map((x) => m.float(x)),
  });
  return (value.ref as readonly number[])[0]; // the numbers machine keeps lanes
}

/** Visits every product of a convolution: flat indices into the input, the weight and the output. */
function forEachTap(s: Conv2dShape, visit: (at: { input: number; weight: number; output: number }) => void): void {
  for (let n = 0; n < s.batch; n++) {
    for (let o = 0; o < s.outChannels; o++) {
      for (let c = 0; c < s.inChannels; c++) {
        for (let oy = 0; oy < s.outHeight; oy++) {
          for (let ox = 0; ox < s.outWidth; ox++) {
            for (let ky = 0; ky < s.kernelHeight; ky++) {
              for (let kx = 0; kx < s.kernelWidth; kx++) {
                const y = oy * s.stride[0] - s.padding[0] + ky * s.dilation[0];
                const x = ox * s.stride[1] - s.padding[1] + kx * s.dilation[1];
                if (y < 0 || y >= s.inHeight || x < 0 || x >= s.inWidth) continue;
                visit({
                  input: ((n * s.inChannels + c) * s.inHeight + y) * s.inWidth + x,
                  weight: ((o * s.inChannels + c) * s.kernelHeight + ky) * s.kernelWidth + kx,
                  output: ((n * s.outChannels + o) * s.outHeight + oy) * s.outWidth + ox,
                });
              }
            }
          }
        }
      }
    }
  }
}
