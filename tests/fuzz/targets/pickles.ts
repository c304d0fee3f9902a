/**
 * PyTorch files whose pickles are programs of valid opcodes: values that hold one another by way of the memo, so that what
 * they say takes few bytes and what they mean has no end. The archive around them is sound, unlike those of the target `pth`.
 */
import { openPth, type PthTensor, stateDictOf, toStateValue } from "../../../checkpoint/mod.ts";
import { openWeights } from "../../../detector/weights/mod.ts";
import { openOfficialRecord } from "../../../detector/train/start/official_record.ts";
import type { RandomStream } from "../../../engine/random.ts";
import { MemoryFiles } from "../../helpers/memory_files.ts";
import { int, legacy, name, pickle, pickled, tensor, text, zip } from "../../helpers/python_files.ts";
import { damageBytes, pick } from "../damage.ts";
import { checkRefusal, type FuzzTarget } from "../target.ts";

type Opcodes = Uint8Array;

const STORAGE = new Uint8Array(64).fill(1);
const KEYS = [
  "model",
  "ema_model",
  "args",
  "optimizer",
  "lr_scheduler",
  "epoch",
  "state",
  "param_groups",
  "params",
  "lr",
];
const ODD_TEXTS = [
  "__proto__",
  "constructor",
  "toString",
  "valueOf",
  "",
  "\ud7ff\u202e\u001b[31m",
  "a/b",
  "x".repeat(5000),
];
const NUMBERS = [0, 1, 2, 3, 255, 256, 2 ** 16, 2 ** 31 - 1, -1, -(2 ** 31)];
const KNOWN = [
  ["torch", "float32"],
  ["builtins", "dict"],
  ["builtins", "getattr"],
  ["argparse", "Namespace"],
  ["torch", "Size"],
  ["torch", "device"],
  ["torch._utils", "_rebuild_tensor_v2"],
  ["torch._utils", "_rebuild_parameter"],
  ["torch.optim.lr_scheduler", "OneCycleLR"],
  ["os", "system"],
  ["mmengine.logging.history_buffer", "HistoryBuffer"],
  ["numpy.core.multiarray", "_reconstruct"],
  ["copy_reg", "_reconstructor"],
  ["functools", "partial"],
] as const;
/** What detrex's files are told by, and names of which its rules make others. */
const MARKS = ["transformer.level_embeds", "transformer.enc_output.weight", "transformer.tgt_embed.weight"];
const FOREIGN = [
  ...["backbone.stem.conv1.weight", "backbone.patch_embed.proj.weight", "backbone.stages.0.0.dwconv.weight"],
  ...[
    "transformer.decoder.layers.0.norms.0.weight",
    "transformer.decoder.layers.999.norms.0.weight",
    "label_enc.weight",
  ],
  ...["neck.convs.0.conv.weight", "neck.extra_convs.77.norm.bias", "class_embed.0.weight", "class_embed.1.bias"],
  ...["backbone.downsample_layers.1.0.weight", "backbone.layers.0.downsample.reduction.weight", "query_map.weight"],
];
/** Wrap what is on the stack once more; repeated they nest, double or pile up. */
const REPEATS = ["\x85", "2\x86", "](e", "q\xff](h\xffh\xffe", "}", ")", "2", "(", "2\x94", "]2a", "2\x852\x87"];

/** Writes opcodes that each leave one value, some of it remembered and used again. */
class PickleMaker {
  #memo = 0;
  /** How many tensors it made. */
  tensors = 0;

  constructor(readonly random: RandomStream) {}

  value(level = 0): Opcodes {
    const made = level < 6 && this.random.int(3) > 0 ? this.#compound(level + 1) : this.#simple();
    return this.random.int(3) === 0 ? pickle(made, "q", this.#remember()) : made;
  }

  /** A dict as training scripts save it. */
  checkpoint(): Opcodes {
    const entries = KEYS.slice(0, 6).filter(() => this.random.int(4) > 0).map((key) =>
      pickle(text(key), key.includes("model") ? this.#stateDict() : key === "epoch" ? this.#number() : this.value(1))
    );
    return pickle("}(", ...entries, "u");
  }

  #simple(): Opcodes {
    const { random } = this;
    switch (random.int(8)) {
      case 0:
        return pickle(pick(["N", "\x88", "\x89", ")", "]", "}"], random));
      case 1:
        return this.#number();
      case 2:
        return pickle("G", ...Array.from({ length: 8 }, () => random.int(256)));
      case 3:
        return pickle("\x8a", 9, ...Array.from({ length: 9 }, () => random.int(256)));
      case 4:
        return pickle("C", 3, "abc");
      case 5:
        return this.#memo > 0 ? pickle("h", random.int(this.#memo)) : pickle("N");
      default:
        return text(pick(random.int(2) ? KEYS : ODD_TEXTS, random));
    }
  }

  #compound(level: number): Opcodes {
    const { random } = this;
    const several = () => Array.from({ length: random.int(5) }, () => this.value(level));
    switch (random.int(9)) {
      case 0:
        return pickle("](", ...several(), "e");
      case 1:
        return pickle("(", ...several(), "t");
      case 2:
      case 3:
        return pickle("}(", ...several().flatMap((item) => [this.value(level), item]), "u");
      case 4:
        return this.#tensor();
      case 5:
        return pickle(
          name("collections", "OrderedDict"),
          ")R}b(",
          ...several().flatMap((item) => [text("k"), item]),
          "u",
        );
      case 6:
        return pickle(name("argparse", "Namespace"), ")\x81}(", text(pick(ODD_TEXTS, random)), this.value(level), "ub");
      case 7:
        return pickle(known(random), "(", ...several(), pick(["tR", "t\x81", "td", "t0"], random));
      default:
        return pickle(this.value(level), pick(REPEATS, random).repeat(pick([2, 10, 40, 1000, 20_000], random)));
    }
  }

  #stateDict(): Opcodes {
    const plain = ["backbone.0.body.conv1.weight", "module.a", "module.b", ...ODD_TEXTS];
    // Those of another program, by which it is recognised, and some of its numbers.
    const isForeign = this.random.int(3) === 0;
    const names = isForeign ? [...MARKS, ...FOREIGN] : plain;
    const marked = isForeign ? MARKS.map((mark) => pickle(text(mark), this.#tensor())) : [];
    const entries = Array.from(
      { length: this.random.int(isForeign ? 12 : 6) },
      () => pickle(this.random.int(9) ? text(pick(names, this.random)) : this.value(4), this.#tensor()),
    );
    return pickle("}(", ...marked, ...entries, "u");
  }

  #tensor(): Opcodes {
    const { random } = this;
    const size = () => pick([0, 1, 2, 4, 16, random.int(2 ** 20), 2 ** 31 - 1], random);
    this.tensors++;
    const axes = random.int(4);
    const [shape, stride] = [1, 2].map(() => Array.from({ length: axes }, random.int(5) ? () => random.int(3) : size));
    const type = pick(["FloatStorage", "DoubleStorage", "BoolStorage", "ByteStorage"], random);
    const width = { FloatStorage: 4, DoubleStorage: 8 }[type] ?? 1;
    return tensor({ type, key: "0", elements: STORAGE.length / width, offset: random.int(3), shape, stride });
  }

  #number(): Opcodes {
    return int(pick(NUMBERS, this.random));
  }

  #remember(): number {
    const key = this.random.int(8) === 0 ? this.random.int(250) : this.#memo;
    this.#memo = Math.min(250, Math.max(this.#memo, key + 1));
    return key;
  }
}

function known(random: RandomStream): Opcodes {
  const [module, attribute] = pick(KNOWN, random);
  return name(module, attribute);
}

export const picklesTarget: FuzzTarget = {
  name: "pickles",
  kinds: ["checkpoint", "config"],
  shares: { refused: 0.3, read: 0.02 },
  make(random) {
    const maker = new PickleMaker(random);
    const sound = pickled(random.int(2) ? maker.checkpoint() : maker.value());
    const object = random.int(4) === 0 ? damageBytes(sound, random) : sound;
    const bytes = random.int(3) === 0
      ? legacy(object, maker.tensors > 0 ? [["0", 16, STORAGE]] : [])
      : zip([["x/data.pkl", object], ["x/data/0", STORAGE]], { zip64: random.int(8) === 0 });
    return { name: "a.pth", bytes };
  },
  /** Every way in which the project reads such files; what cannot be opened and unfolded counts as refused. */
  async read({ name, bytes }) {
    const files = new MemoryFiles();
    files.put(name, bytes);
    const attempt = async (read: () => unknown) => {
      try {
        await read();
      } catch (error) {
        checkRefusal(picklesTarget, error);
      }
    };
    await using file = await openPth(name, { files });
    await attempt(() => stateDictOf(file.root, name));
    await attempt(async () => {
      await using weights = await openWeights(name, { files });
      for (const weight of weights.tensors.values()) await attempt(() => weight.read());
      if (weights.pth) openOfficialRecord(weights, weights.pth);
    });
    // One object stays one, however many names it has: verbs that read each name ask first what that comes to.
    const tensors = new Set<PthTensor>();
    const state = toStateValue(file.root, {
      tensor: (tensor) => {
        tensors.add(tensor);
        return "";
      },
    });
    JSON.stringify(state, (_, value) => typeof value === "bigint" ? `${value}` : value);
    for (const tensor of tensors) await attempt(() => file.read(tensor));
  },
};
