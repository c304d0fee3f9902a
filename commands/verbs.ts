/** All verbs: one line about each, and how to load its file when it is called. */
import type { Verb } from "./shared/command.ts";

interface VerbEntry {
  readonly about: string;
  // The flags' type is each file's own affair; they come from the very parser that the file declares.
  // deno-lint-ignore no-explicit-any
  readonly load: () => Promise<Verb<any>>;
}

export const VERBS: Readonly<Record<string, VerbEntry>> = {
  train: {
    about: "train, resume or fine-tune a detector",
    load: async () => (await import("./train.ts")).trainVerb,
  },
  eval: {
    about: "COCO average precision of a checkpoint, or of two files",
    load: async () => (await import("./eval.ts")).evalVerb,
  },
  detect: {
    about: "objects in images, as annotated images and JSON",
    load: async () => (await import("./detect.ts")).detectVerb,
  },
  serve: {
    about: "objects in images that come over HTTP, and a page to try it",
    load: async () => (await import("./serve.ts")).serveVerb,
  },
  inspect: {
    about: "what a checkpoint holds; --digest for the SHA-256 of its training state",
    load: async () => (await import("./inspect.ts")).inspectVerb,
  },
  verify: {
    about: "read every byte of bundles and compare every checksum",
    load: async () => (await import("./verify.ts")).verifyVerb,
  },
  convert: {
    about: "weights from .pth, .safetensors or .dino to .safetensors or .dino",
    load: async () => (await import("./convert.ts")).convertVerb,
  },
  export: {
    about: "a model as an ONNX file, for other runtimes",
    load: async () => (await import("./export.ts")).exportVerb,
  },
  presets: {
    about: "configurations by name: what each is for, its size and memory; with a name all its settings",
    load: async () => (await import("./presets.ts")).presetsVerb,
  },
  zoo: {
    about: "published checkpoints by name: list, fetch, find and remove them",
    load: async () => (await import("./zoo.ts")).zooVerb,
  },
  dataset: {
    about: "make, convert, split and check data sets, and look at them",
    load: async () => (await import("./dataset.ts")).datasetVerb,
  },
  demo: {
    about: "make data, train, kill, resume, compare bit for bit, evaluate, detect: all in a few minutes",
    load: async () => (await import("./demo.ts")).demoVerb,
  },
  bench: {
    about: "how fast this machine is, and a model on it",
    load: async () => (await import("./bench.ts")).benchVerb,
  },
  kernel: {
    about: "what a kernel becomes: WGSL, WebAssembly, numbers; without a name, all of a model's",
    load: async () => (await import("./kernel.ts")).kernelVerb,
  },
  tour: {
    about: "run a chapter of the tour through the implementation; without a number, list them",
    load: async () => (await import("./tour.ts")).tourVerb,
  },
  diff: {
    about: "which tensors and states of two bundles differ, and by how much",
    load: async () => (await import("./diff.ts")).diffVerb,
  },
  doctor: {
    about: "would a resume succeed, and be the same run? with remedies",
    load: async () => (await import("./doctor.ts")).doctorVerb,
  },
  average: {
    about: "the mean of the weights of several bundles",
    load: async () => (await import("./average.ts")).averageVerb,
  },
  prune: {
    about: "remove old bundles of a folder",
    load: async () => (await import("./prune.ts")).pruneVerb,
  },
  repair: {
    about: "make an output folder with damaged bundles resumable again",
    load: async () => (await import("./repair.ts")).repairVerb,
  },
};
