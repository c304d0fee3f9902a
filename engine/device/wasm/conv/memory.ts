/**
 * What convolutions keep in memory for the length of one call: tables of offsets, packed weights, and images in frames of
 * zeros, as many at a time as fit a bound.
 */

import type { Conv2dShape } from "../../device.ts";
import { PAD_PARAMETERS } from "./block.ts";
import type { Frame } from "./geometry.ts";
import type { WasmModule, WasmRuntime } from "../runtime/runtime.ts";

/** Framed images may take this many bytes at once. */
const FRAMED_BYTES = 32 << 20;
/** Planes that one framing task copies hold about this many bytes. */
const FRAMING_TASK_BYTES = 256 << 10;

/** Images `first` … `first + count - 1` of a batch, `bytes` apart. */
export interface Images {
  readonly address: number;
  readonly bytes: number;
  readonly first: number;
  readonly count: number;
}

/** A batch of images [batch, channels, height, width] and the frame that they are to be read in. */
interface ImageSource {
  readonly address: number;
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly frame: Frame;
}

export function inputSource(shape: Conv2dShape, { address, frame }: { address: number; frame: Frame }): ImageSource {
  const { batch, inChannels, inHeight, inWidth } = shape;
  return { address, batch, channels: inChannels, height: inHeight, width: inWidth, frame };
}

export function gradientSource(shape: Conv2dShape, { address, frame }: { address: number; frame: Frame }): ImageSource {
  const { batch, outChannels, outHeight, outWidth } = shape;
  return { address, batch, channels: outChannels, height: outHeight, width: outWidth, frame };
}

/** Bytes of an image as it is read: in its frame, or in place. */
export function imageBytes({ channels, frame }: ImageSource): number {
  return 4 * channels * frame.height * frame.width;
}

/** Memory for the length of one call. */
export class ConvMemory {
  readonly #runtime: WasmRuntime;
  /** A module with the entry `pad`. */
  readonly #padding: WasmModule;
  readonly #addresses: number[] = [];

  private constructor(runtime: WasmRuntime, padding: WasmModule) {
    this.#runtime = runtime;
    this.#padding = padding;
  }

  /** Frees what the body allocates when it ends. */
  static use(runtime: WasmRuntime, padding: WasmModule, body: (memory: ConvMemory) => void): void {
    const memory = new ConvMemory(runtime, padding);
    try {
      body(memory);
    } finally {
      memory.#addresses.forEach((address) => runtime.free(address));
    }
  }

  allocate(bytes: number): number {
    const address = this.#runtime.allocate(bytes);
    this.#addresses.push(address);
    return address;
  }

  /** A table of offsets, filled up to a multiple of `unit` by repeating the last. */
  table(offsets: Int32Array, unit = 1): number {
    const length = Math.ceil(offsets.length / unit) * unit;
    const address = this.allocate(length * 4);
    this.#runtime.ints.set(offsets, address / 4);
    this.#runtime.ints.fill(offsets[offsets.length - 1], address / 4 + offsets.length, address / 4 + length);
    return address;
  }

  /**
   * Calls `use` with images in their frames: all at once in place, else as many at a time as fit the bound, a multiple of
   * `multiple` each time but the last.
   */
  framed(source: ImageSource, multiple: number, use: (images: Images) => void): void {
    const { address, batch, channels, height, width, frame } = source;
    const bytes = imageBytes(source);
    if (frame.inPlace) return use({ address, bytes, first: 0, count: batch });
    const planeBytes = 4 * frame.height * frame.width;
    const group = Math.min(batch, multiple * Math.max(1, Math.floor(FRAMED_BYTES / (bytes * multiple))));
    const target = this.allocate(group * bytes);
    const each = planesPerTask(planeBytes);
    for (let first = 0; first < batch; first += group) {
      const count = Math.min(group, batch - first);
      const tasks: number[] = [];
      for (let plane = 0; plane < count * channels; plane += each) {
        tasks.push(
          address + 4 * (first * channels + plane) * height * width,
          target + plane * planeBytes,
          Math.min(each, count * channels - plane),
          4 * height * width,
          planeBytes,
          4 * width,
          4 * frame.width,
          Math.max(0, Math.min(height, frame.height - frame.top)),
          4 * Math.max(0, Math.min(width, frame.width - frame.left)),
          4 * (frame.top * frame.width + frame.left),
        );
      }
      this.#pad(tasks);
      use({ address: target, bytes, first, count });
    }
  }

  /** Fills planes with zeros. */
  clear(target: number, { planes, planeBytes }: { readonly planes: number; readonly planeBytes: number }): void {
    const tasks: number[] = [];
    const each = planesPerTask(planeBytes);
    for (let plane = 0; plane < planes; plane += each) {
      tasks.push(0, target + plane * planeBytes, Math.min(each, planes - plane), 0, planeBytes, 0, 0, 0, 0, 0);
    }
    this.#pad(tasks);
  }

  #pad(tasks: readonly number[]): void {
    this.#runtime.parallel(this.#padding, "pad", Int32Array.from(tasks), PAD_PARAMETERS.length - 1);
  }
}

function planesPerTask(planeBytes: number): number {
  return Math.max(1, Math.floor(FRAMING_TASK_BYTES / planeBytes));
}
