/**
 * The fuzzer: `deno task fuzz [seconds [seed]]` (30 seconds by default). Damages the files of the corpus (the fixtures
 * of this folder and `fuzz_corpus/`) at random and reads them. A finding is written to `fuzz_corpus/`, where the tests
 * replay it for ever.
 */
import { RandomStream } from "../../engine/random.ts";
import { exercise, mutate } from "./fuzz_target.ts";

const [seconds, seed] = [Number(Deno.args[0] ?? 30), Number(Deno.args[1] ?? Date.now() % 2 ** 32)];
if (!(seconds > 0) || !Number.isInteger(seed)) {
  console.error("fuzz: expected [seconds [seed]] as numbers");
  Deno.exit(2);
}
const folder = new URL("./", import.meta.url).pathname;
const corpus: { name: string; bytes: Uint8Array }[] = [];
for (const part of ["fixtures", "fuzz_corpus"]) {
  for (const entry of [...Deno.readDirSync(folder + part)].sort((a, b) => a.name < b.name ? -1 : 1)) {
    if (/\.(dino|pth|safetensors)$/.test(entry.name)) {
      corpus.push({ name: entry.name, bytes: Deno.readFileSync(`${folder}${part}/${entry.name}`) });
    }
  }
}
console.log(`fuzz: ${corpus.length} files, ${seconds} s, seed ${seed}`);
const random = RandomStream.named(seed, "fuzz");
const counts = { read: 0, refused: 0 };
const end = performance.now() + seconds * 1000;
let findings = 0;
while (performance.now() < end) {
  const { name, bytes } = corpus[random.int(corpus.length)];
  const mutated = mutate(name, bytes, random);
  try {
    counts[await exercise(name, mutated)]++;
  } catch (error) {
    findings++;
    const extension = name.slice(name.lastIndexOf("."));
    const path = `${folder}fuzz_corpus/finding_${seed}_${findings}${extension}`;
    Deno.writeFileSync(path, mutated);
    console.error(`fuzz: finding, kept as ${path}\n${error instanceof Error ? error.stack : error}`);
    if (findings === 10) break;
  }
}
console.log(
  `fuzz: ${counts.refused} refused, ${counts.read} read (damage that no reader looks at), ${findings} findings`,
);
Deno.exit(findings === 0 ? 0 : 1);
