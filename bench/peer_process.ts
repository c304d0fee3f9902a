/** One peer, in a process of its own: prints its times as JSON. `peer_process.ts PACKAGE MILLISECONDS` */

import { GraphBuilder } from "../detector/export/builder.ts";
import type { Value } from "../detector/export/graph.ts";
import { modelFile } from "../detector/export/model_file.ts";
import { inputsOf, type PeerSubject, SUBJECTS } from "./peer_subjects.ts";

/** Computes once, to the end. */
type Compute = () => unknown;

/** How a peer computes a subject. Packages are loaded by names that no import graph shows: they are not the project's. */
const PEERS: Readonly<Record<string, (specifier: string) => Promise<(subject: PeerSubject) => Promise<Compute>>>> = {
  "onnxruntime-web": async () => {
    const ort = await import("onnxruntime-web");
    ort.env.wasm.numThreads = 1;
    return async (subject) => {
      const [x] = inputsOf(subject);
      const session = await ort.InferenceSession.create(await modelOf(subject), { executionProviders: ["wasm"] });
      const feeds = { x: new ort.Tensor("float32", x.data, [...x.shape]) };
      return () => session.run(feeds);
    };
  },
  "@tensorflow/tfjs-backend-wasm": async (specifier) => {
    const version = specifier.slice(specifier.lastIndexOf("@"));
    const tf = await import(`npm:@tensorflow/tfjs-core${version}`);
    await import(`npm:${specifier}`);
    await tf.setBackend("wasm");
    await tf.ready();
    return (subject) => {
      const [x, w] = inputsOf(subject).map(({ shape, data }) => tf.tensor(data, shape));
      // Its convolution on this backend takes channels last.
      const image = subject === "convolution" ? tf.transpose(x, [0, 2, 3, 1]) : x;
      const kernel = subject === "convolution" ? tf.transpose(w, [2, 3, 1, 0]) : w;
      return Promise.resolve(() => {
        const result = subject === "softmax"
          ? tf.softmax(x)
          : subject === "convolution"
          ? tf.conv2d(image, kernel, 1, "same")
          : tf.matMul(x, w);
        result.dataSync();
        result.dispose();
      });
    };
  },
  "@jax-js/jax": async (specifier) => {
    const jax = await import(`npm:${specifier}`);
    await jax.init("wasm");
    jax.defaultDevice("wasm");
    return (subject) => {
      const [x, w] = inputsOf(subject).map(({ shape, data }) => jax.numpy.array(data).reshape(shape));
      const compute = () =>
        subject === "softmax"
          ? jax.nn.softmax(x.ref, -1)
          : subject === "convolution"
          ? jax.lax.conv(x.ref, w.ref, [1, 1], "SAME")
          : jax.numpy.matmul(x.ref, w.ref);
      return Promise.resolve(() => compute().data());
    };
  },
};

/** A model of one operator. The second operand is a constant, which it can prepare once. */
async function modelOf(subject: PeerSubject): Promise<Uint8Array> {
  const graph = new GraphBuilder();
  const [{ shape }, ...weights] = inputsOf(subject);
  const x = graph.input("x", { shape });
  const [w] = weights.map(({ shape, data }) => graph.constant("w", { shape, type: "float", content: data }));
  const result: Value = subject === "softmax"
    ? graph.softmax(x)
    : subject === "convolution"
    ? graph.node("Conv", { inputs: [x, w], attributes: { pads: [1, 1, 1, 1] }, shape })
    : graph.matmul(x, w);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const file = modelFile({ graph, outputs: [result], metadata: {}, description: "a benchmark" });
  for await (const part of file.parts()) parts.push(part);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

const [specifier, milliseconds] = Deno.args;
// Those that start threads start one per core, and have no other setting.
Object.defineProperty(navigator, "hardwareConcurrency", { value: 1 });
const prepare = await PEERS[specifier.slice(0, specifier.lastIndexOf("@"))](specifier);
const times: Partial<Record<PeerSubject, number>> = {};
for (const subject of SUBJECTS) {
  const compute = await prepare(subject);
  times[subject] = Infinity;
  const start = performance.now();
  // The first half warms up.
  for (let now = start, runs = 0; now < start + 2 * Number(milliseconds) || runs < 6; runs++) {
    await compute();
    const end = performance.now();
    if (now > start + Number(milliseconds) || runs > 2) times[subject] = Math.min(times[subject]!, end - now);
    now = end;
  }
}
console.log(JSON.stringify(times));
Deno.exit(0); // some of them leave threads behind
