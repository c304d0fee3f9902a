/** Configuration files, Python and JSON, with bases, values and syntax that nobody expects. */
import { defaultConfig, formatJsonConfig, formatPythonConfig, loadConfig } from "../../../detector/config/mod.ts";
import type { RandomStream } from "../../../engine/random.ts";
import { damageBytes, pick } from "../damage.ts";
import { type Value, withOddPlace } from "../hostile_values.ts";
import type { FuzzTarget } from "../target.ts";

/** Between the files of a case; what is read as the main file comes first. */
const BORDER = "\n#----\n";
const NAMES = ["main.py", "a.py", "b.py", "c.py", "d.py"];

export const configsTarget: FuzzTarget = {
  name: "configs",
  kinds: ["usage"],
  shares: { refused: 0.4, read: 0.03 },
  make(random) {
    if (random.int(3) === 0) return { name: "main.json", bytes: new TextEncoder().encode(oddJson(random)) };
    const files = NAMES.slice(0, 1 + random.int(NAMES.length)).map((_, i) =>
      (i === 0 ? oddPython(random) : "") + basesOf(random)
    );
    const bytes = new TextEncoder().encode(files.join(BORDER));
    return { name: "main.py", bytes: random.int(4) === 0 ? damageBytes(bytes, random) : bytes };
  },
  async read({ name, bytes }) {
    const texts = new TextDecoder().decode(bytes).split(BORDER);
    let reads = 0;
    await loadConfig(name, {
      readText: (path) => {
        if (++reads > 1000) throw new Error("expected at most 1000 reads");
        const text = path === name ? texts[0] : texts[NAMES.indexOf(path)];
        return text === undefined ? Promise.reject(new Error("none")) : Promise.resolve(text);
      },
    });
  },
};

function basesOf(random: RandomStream): string {
  if (random.int(3) > 0) return "";
  const names = Array.from({ length: random.int(4) }, () => pick([...NAMES, "../x.py", "/dev/zero", "x"], random));
  return `_base_ = ${JSON.stringify(names)}\n`;
}

function oddJson(random: RandomStream): string {
  const sound: Value = JSON.parse(formatJsonConfig(defaultConfig()));
  const value = withOddPlace(sound, random);
  const text = JSON.stringify(random.int(2) ? value : withOddPlace(value, random));
  if (random.int(8) === 0) return "[".repeat(random.int(200_000)) + text;
  return random.int(8) === 0 ? new TextDecoder().decode(damageBytes(new TextEncoder().encode(text), random)) : text;
}

/** A sound file, some lines of which are gone, moved or hostile. */
function oddPython(random: RandomStream): string {
  const lines = formatPythonConfig(defaultConfig()).split("\n");
  for (let change = random.int(4); change > 0; change--) {
    const at = random.int(lines.length);
    if (random.int(4) === 0) lines.splice(at, 1);
    else lines.splice(at, random.int(2), hostileLine(random));
  }
  return lines.join("\n") + "\n";
}

function hostileLine(random: RandomStream): string {
  const often = (text: string) => text.repeat(1 + random.int(pick([3, 60, 3000], random)));
  const number = pick([
    "0",
    "-1",
    "1e9",
    "1e308*10",
    "2**1000",
    "0x7f",
    "10**10**10",
    "1_0",
    "7//2",
    "5%3",
    "-7%3",
    "1/0",
  ], random);
  const key = pick([
    "enc_layers",
    "num_queries",
    "data_aug_scales",
    "backbone",
    "lr",
    "x",
    "__y",
    "__proto__",
    "dn_scalar",
  ], random);
  switch (random.int(12)) {
    case 0:
      return `x = ['a', ${number}]\n${often("x = x + x\n")}`;
    case 1:
      return `x = 'ab'\n${often("x = x + x\n")}lr = x`;
    case 2:
      return `x = [1]\n${often("x = [x, x]\n")}${key} = x`;
    case 3:
      return `x = dict(a=1)\n${often("x = dict(a=x, b=x)\n")}${key} = x`;
    case 4:
      return `${key} = ${often("[")}${number}${often("]")}`;
    case 5:
      return `${key} = ${often("-")}${number}`;
    case 6:
      return `${key} = ${often("2**")}2`;
    case 7:
      return `${key} = [${number}] * ${number} * ${number}`;
    case 8:
      return `${key} = '${often("y")}'`;
    case 9:
      return `${often("k")} = ${number}`;
    case 10:
      return `${key} = {'a': ${number}, ${number}: ${often("{'b': ")}1${often("}")}}`;
    default:
      return `${key} = ${number}`;
  }
}
