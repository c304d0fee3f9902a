/**
 * What importers do, in plain JavaScript of Node 20: the same file runs in Deno, Node, Bun and in a page, which differ in
 * where files come from. Everything that is computed comes back as text, so that platforms can be compared.
 */
import {
  buildDino,
  Criterion,
  decodeImage,
  describeDetections,
  detectImage,
  encodeJpeg,
  encodePng,
  loadModel,
} from "@dinograd/dinograd";
import {
  AdamW,
  adaptiveAvgPool2d,
  BatchNorm2d,
  clipGradNorm,
  Conv2d,
  createCpuDevice,
  crossEntropy,
  Linear,
  RandomStream,
  relu,
  scoped,
  Sequential,
  tensor,
} from "@dinograd/dinograd/engine";
import { createWebGpuDevice } from "@dinograd/dinograd/webgpu";
import { CodecPool, digestOf, memoryFiles, storeTensors, writeBundle } from "@dinograd/dinograd/checkpoint";

/** A module of one function, (x) => f32x4.relaxed_madd(splat(x), splat(x), splat(x))[0]. */
const RELAXED_MADD = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // magic, version
  ...[0x01, 0x06, 0x01, 0x60, 0x01, 0x7d, 0x01, 0x7d], // a type: f32 to f32
  ...[0x03, 0x02, 0x01, 0x00], // a function of it
  ...[0x0a, 0x16, 0x01, 0x14, 0x00], // its code
  ...[0x20, 0x00, 0xfd, 0x13, 0x20, 0x00, 0xfd, 0x13, 0x20, 0x00, 0xfd, 0x13],
  ...[0xfd, 0x85, 0x02, 0xfd, 0x1f, 0x00, 0x0b],
);

/** A digest of bytes. */
function digest(data) {
  return digestOf({ tensors: new Map([["bytes", { dtype: "u8", shape: [data.length], data }]]), state: {} });
}

/** A digest of a module's parameters and buffers. */
async function digestOfModule(module) {
  return digestOf({ tensors: await storeTensors(module.stateDict()), state: {} });
}

/** Numbers from -1 to 1 which no platform computes in its own way. */
function noise(count, random) {
  return Float32Array.from({ length: count }, () => random.int(2001) / 1000 - 1);
}

/** Steps of a small convolutional network. */
async function trainCnn(device) {
  const random = RandomStream.named(1, "initialization");
  const context = { device, random };
  const model = new Sequential(
    new Conv2d(context, { inChannels: 1, outChannels: 8, kernel: 3, stride: 2, padding: 1, bias: false }),
    new BatchNorm2d(context, { channels: 8 }),
    relu,
    (x) => adaptiveAvgPool2d(x, 2).reshape([x.shape[0], -1]),
    new Linear(context, { inFeatures: 32, outFeatures: 4 }),
  );
  const optimizer = new AdamW([{ name: "all", parameters: [...model.parameters()], weightDecay: 0.01 }]);
  const losses = [];
  for (let step = 0; step < 3; step++) {
    await scoped(async (scope) => {
      const images = tensor(device, noise(8 * 12 * 12, random), [8, 1, 12, 12]);
      const labels = Int32Array.from({ length: 8 }, (_, i) => i % 4);
      const loss = crossEntropy(model.forward(images), tensor(device, labels));
      loss.backward();
      optimizer.step({ learningRates: [0.01] });
      optimizer.zeroGrad();
      losses.push(await scope.run(() => loss.item()));
    });
  }
  const weights = await digestOfModule(model);
  model.dispose();
  return { losses, weights };
}

/** Three training steps of a detector, from random weights, and the bundle that they end in. */
async function trainDetector(device, { config, classes }) {
  const random = RandomStream.named(2, "initialization");
  const model = buildDino({ device, random }, config).train();
  const criterion = new Criterion(config);
  const parameters = [...model.parameters()];
  const optimizer = new AdamW([{ name: "all", parameters, weightDecay: config.weight_decay }]);
  const targets = [[1, 2], [3]].map((labels) => ({
    labels: Int32Array.from(labels),
    boxes: Float32Array.from(labels.flatMap((label) => [0.2 * label, 0.5, 0.25, 0.5])),
  }));
  const losses = [];
  for (let step = 0; step < 3; step++) {
    await scoped(async (scope) => {
      const images = tensor(device, noise(2 * 3 * 64 * 64, random), [2, 3, 64, 64]);
      const mask = new Uint8Array(2 * 64 * 64);
      const outputs = model.forward({ images, mask, denoising: { targets, random } });
      const { total } = await criterion.losses(outputs, targets);
      await scope.run(async () => {
        total.backward();
        const { coefficient } = clipGradNorm(parameters.map(([, parameter]) => parameter), config.clip_max_norm);
        optimizer.step({ learningRates: [config.lr], coefficient });
        optimizer.zeroGrad();
        losses.push(await total.item());
      });
    });
  }
  const weights = await digestOfModule(model);
  const bundle = await saveDetector(model, { config, classes });
  model.dispose();
  return { losses, weights, bundle };
}

/** Loads a checkpoint and detects in pictures. */
async function detectIn(device, checkpoint, pictures) {
  const { model, config, classes } = await loadModel(checkpoint, { device });
  const found = [];
  for (const [name, bytes] of Object.entries(pictures)) {
    const image = await decodeImage(bytes, { name });
    const detections = describeDetections(await detectImage(model, image, { config }), { threshold: 0, classes });
    found.push({ name, pixels: await digest(image.data), detections });
  }
  const weights = await digestOfModule(model);
  model.dispose();
  return { found, weights };
}

/** The bytes of a bundle with a detector, as `loadModel` takes them; a worker compresses them where there are workers. */
async function saveDetector(model, state) {
  const tensors = new Map(
    [...await storeTensors(model.stateDict())].map(([name, stored]) => [`model/${name}`, stored]),
  );
  const files = memoryFiles();
  const pool = new CodecPool(1);
  await writeBundle("saved.dino", { tensors, state }, { files, pool });
  pool.close();
  return files.bytes("saved.dino");
}

/** Steps on a GPU, compared with those on a CPU: there it is another arithmetic, so numbers are only near. */
async function trainOnGpu(cpu) {
  let device;
  try {
    device = await createWebGpuDevice({ allowSoftware: true });
  } catch (error) {
    return { missing: error.message };
  }
  const { losses } = await trainCnn(device);
  await device.destroy();
  return {
    device: device.description,
    difference: Math.max(...losses.map((loss, step) => Math.abs(loss - cpu.losses[step]))),
  };
}

/**
 * Does everything.
 * @param {{
 *   config: object,
 *   classes: { id: number, name: string }[],
 *   pictures: string[],
 *   others: string[],
 *   threads: number,
 * }} given what `given.json` says
 * @param {{ webgpu: boolean }} asked
 * @param {{
 *   read(name: string): Promise<Uint8Array>,
 *   store(bytes: Uint8Array): Promise<Uint8Array | Blob>,
 * }} files what is given beside `given.json`, and a way to write a file and read it again
 */
export async function importerTasks(given, { webgpu }, { read, store }) {
  const plain = await createCpuDevice({ threads: given.threads, fusedMultiplyAdd: false });
  const cnn = await trainCnn(plain);
  const pictures = await readAll(given.pictures, read);
  const detected = await detectIn(plain, await read("checkpoint.dino"), pictures);
  const { bundle, ...detector } = await trainDetector(plain, given);
  const { weights: saved } = await detectIn(plain, await store(bundle), {});
  const { description } = plain;
  await plain.destroy();
  const fused = await createCpuDevice({ threads: 1 });
  const { bundle: _, ...fusedDetector } = await trainDetector(fused, given);
  const fusedCnn = await trainCnn(fused);
  const about = {
    device: description,
    isFused: fused.fusedMultiplyAdd,
    hasRelaxedMadd: WebAssembly.validate(RELAXED_MADD),
  };
  await fused.destroy();
  return {
    about,
    plain: { cnn, detected, detector, saved },
    fused: { cnn: fusedCnn, detector: fusedDetector },
    images: await codeImages({ ...pictures, ...await readAll(given.others, read) }),
    webgpu: webgpu ? await trainOnGpu(cnn) : null,
  };
}

async function readAll(names, read) {
  const entries = [];
  for (const name of names) entries.push([name, await read(name)]);
  return Object.fromEntries(entries);
}

/** Digests of pixels from files of all kinds, and of a picture that was encoded. */
async function codeImages(files) {
  const decoded = {};
  for (const [name, bytes] of Object.entries(files)) {
    decoded[name] = await digest((await decodeImage(bytes, { name })).data);
  }
  const picture = await decodeImage(Object.values(files)[0], { name: "picture" });
  const again = await decodeImage(encodePng(picture), { name: "png" });
  return { decoded, jpeg: await digest(await encodeJpeg(picture)), png: await digest(again.data) };
}
