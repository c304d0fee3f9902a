/** Safetensors whose headers are JSON of every kind, right and wrong, wherever the format has a value. */
import { openSafetensors } from "../../../checkpoint/mod.ts";
import { openWeights } from "../../../detector/weights/mod.ts";
import type { RandomStream } from "../../../engine/random.ts";
import { MemoryFiles } from "../../helpers/memory_files.ts";
import { damageBytes, pick } from "../damage.ts";
import { joinBytes } from "../../helpers/bytes.ts";
import type { FuzzTarget } from "../target.ts";

const DTYPES = [["F64", 8], ["F32", 4], ["F16", 2], ["BF16", 2], ["I64", 8], ["U8", 1], ["BOOL", 1]] as const;
const KEYS = [
  "dtype",
  "shape",
  "data_offsets",
  "__metadata__",
  "__proto__",
  "constructor",
  "toString",
  "toJSON",
  "a",
  "",
];
const NUMBERS = ["0", "-0", "1", "-1", "1.5", "1e308", "1e999", "9007199254740993", "18446744073709551616", "1e-400"];
const PIECES = ["x", "\\n", "\\u0000", "\\\\", '\\"', "\\ud800", "{[,:", "\u202e", "\u001b", "😀", "é"];

class JsonMaker {
  constructor(readonly random: RandomStream) {}

  /** A header of some tensors, each value of which is odd now and then; and how many bytes of data it speaks of. */
  header(): { text: string; dataBytes: number } {
    const { random } = this;
    let dataBytes = 0;
    const entries = Array.from({ length: random.int(5) }, (_, index) => {
      const [dtype, width] = pick(DTYPES, random);
      const shape = Array.from({ length: random.int(3) }, () => random.int(4));
      const start = dataBytes;
      dataBytes += shape.reduce((product, size) => product * size, width);
      const fields = [
        `"dtype":${this.#or(`"${dtype}"`)}`,
        `"shape":${this.#or(JSON.stringify(shape))}`,
        `"data_offsets":${this.#or(`[${start},${dataBytes}]`)}`,
        ...(random.int(10) ? [] : [`${this.#text()}:${this.value()}`]),
      ];
      return `"${index}${pick(["", ".weight"], random)}":${this.#or(`{${fields.join(",")}}`)}`;
    });
    if (random.int(3) === 0) entries.push(`"__metadata__":${this.#or(`{${this.#text()}:${this.#or(this.#text())}}`)}`);
    if (random.int(12) === 0) entries.push(`${this.#text()}:${this.value()}`);
    return { text: `{${entries.join(",")}}${" ".repeat(random.int(9))}`, dataBytes };
  }

  value(level = 0): string {
    const { random } = this;
    const several = () => Array.from({ length: random.int(4) }, () => this.value(level + 1));
    switch (random.int(level < 4 ? 9 : 5)) {
      case 0:
        return pick(["null", "true", "false"], random);
      case 1:
        return pick(NUMBERS, random);
      case 2:
        return random.int(20) ? "7" : pick(["[", "{}", '"x",', "9"], random).repeat(pick([10, 1000, 300_000], random));
      case 3:
      case 4:
        return this.#text();
      case 5:
      case 6:
        return `[${several().join(",")}]`;
      default:
        return `{${several().map((item) => `${this.#text()}:${item}`).join(",")}}`;
    }
  }

  #text(): string {
    const { random } = this;
    if (random.int(3)) return `"${pick(KEYS, random)}"`;
    return `"${pick(PIECES, random).repeat(pick([1, 2, 50, 5000, random.int(20) ? 7 : 500_000], random))}"`;
  }

  #or(sound: string): string {
    return this.random.int(15) ? sound : this.value();
  }
}

export const jsonHeadersTarget: FuzzTarget = {
  name: "json_headers",
  kinds: ["checkpoint"],
  shares: { refused: 0.3, read: 0.1 },
  make(random) {
    const { text, dataBytes } = new JsonMaker(random).header();
    const sound = new TextEncoder().encode(text);
    const header = random.int(10) === 0 ? damageBytes(sound, random) : sound;
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
    return { name: "a.safetensors", bytes: joinBytes(length, header, new Uint8Array(dataBytes).fill(random.int(3))) };
  },
  async read({ name, bytes }) {
    const files = new MemoryFiles();
    files.put(name, bytes);
    await using file = await openSafetensors(name, { files });
    for (const tensor of file.tensors.keys()) await file.read(tensor);
    await using weights = await openWeights(name, { files });
    for (const weight of weights.tensors.values()) await weight.read();
  },
};
