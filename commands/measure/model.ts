/**
 * How long a model takes: one image through it, or one training step, on synthetic input. The arithmetic is counted by the
 * same calls on a device that computes nothing (`DryDevice`), so that times can be compared with what a machine could do.
 */

import { withoutGradient } from "../../engine/autograd.ts";
import type { Device } from "../../engine/device/device.ts";
import { DryDevice } from "../../engine/device/dry.ts";
import { RandomStream, ZeroStream } from "../../engine/random.ts";
import { scope } from "../../engine/scope.ts";
import { tensor } from "../../engine/tensor.ts";
import type { DinoConfig } from "../../detector/config/mod.ts";
import type { Batch } from "../../detector/data/mod.ts";
import { buildDino } from "../../detector/model/mod.ts";
import { TrainingSession } from "../../detector/train/session.ts";

/** Milliseconds of running before measuring: until the optimized code of all kernels is in use. */
const WARM_UP = 1500;
/** Objects per synthetic image. */
const OBJECTS = 5;

export interface Workload {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
}

export interface Measurement {
  /** The fastest and the median run, in seconds. */
  readonly best: number;
  readonly median: number;
  /** Floating-point operations of the matrix products and convolutions of one run. */
  readonly flops: number;
  /** The most bytes of tensors that lived at once. */
  readonly peakBytes: number;
}

/** Measures `repeats` forward passes, after some that warm up. */
export function measureInference(
  device: Device,
  config: DinoConfig,
  options: Workload & { readonly repeats: number },
): Promise<Measurement> {
  return measure(device, options.repeats, (device) => {
    const random = device instanceof DryDevice ? new ZeroStream() : RandomStream.named(0, "measure");
    const model = buildDino({ device, random }, config).evaluate();
    const { images, mask, shape } = syntheticBatch(config, options);
    const run = async () => {
      using _ = scope();
      const input = { images: tensor(device, images, shape), mask, auxiliary: false };
      await withoutGradient(() => model.forward(input)).predBoxes.data();
    };
    return { run, dispose: () => model.dispose() };
  });
}

/** Measures `repeats` training steps, after some that warm up. */
export function measureTraining(
  device: Device,
  config: DinoConfig,
  options: Workload & { readonly repeats: number },
): Promise<Measurement> {
  return measure(device, options.repeats, (device) => {
    const session = new TrainingSession({ device, config, seed: 0, stepsPerEpoch: 1000, classes: [], freeze: [] });
    const batch = syntheticBatch(config, options);
    return { run: () => session.step(batch), dispose: () => session.dispose() };
  });
}

interface Subject {
  run(): Promise<unknown>;
  dispose(): void;
}

async function measure(device: Device, repeats: number, make: (device: Device) => Subject): Promise<Measurement> {
  const dry = new DryDevice();
  await make(dry).run();
  const subject = make(device);
  const warm = performance.now() + WARM_UP;
  do await subject.run(); while (performance.now() < warm);
  device.resetPeak();
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await subject.run();
    times.push((performance.now() - start) / 1000);
  }
  const peakBytes = device.memory.peak;
  subject.dispose();
  times.sort((a, b) => a - b);
  return { best: times[0], median: times[times.length >> 1], flops: dry.flops, peakBytes };
}

/** Images of noise with a few objects each. */
export function syntheticBatch(config: DinoConfig, { batch, height, width }: Workload): Batch {
  const random = RandomStream.named(0, "synthetic batch");
  const images = random.uniforms(new Float32Array(batch * 3 * height * width)).map((x) => 4 * x - 2);
  const targets = Array.from({ length: batch }, (_, imageId) => ({
    imageId,
    boxes: random.uniforms(new Float32Array(OBJECTS * 4)).map((x) => 0.2 + 0.4 * x),
    labels: Int32Array.from({ length: OBJECTS }, () => random.int(config.num_classes)),
    area: new Float32Array(OBJECTS).fill(height * width / 10),
    iscrowd: new Uint8Array(OBJECTS),
    originalSize: [height, width] as const,
    size: [height, width] as const,
  }));
  const shape = [batch, 3, height, width] as const;
  return { images, mask: new Uint8Array(batch * height * width), shape, targets, nextSample: batch };
}
