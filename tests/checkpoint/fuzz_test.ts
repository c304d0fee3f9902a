import { assert } from "@std/assert";
import { RandomStream } from "../../engine/random.ts";
import { exercise, mutate } from "./fuzz_target.ts";

const folder = new URL("./", import.meta.url).pathname;

function corpus(part: string): { name: string; bytes: Uint8Array }[] {
  return [...Deno.readDirSync(folder + part)]
    .filter(({ name }) => /\.(dino|pth|safetensors)$/.test(name))
    .map(({ name }) => ({ name, bytes: Deno.readFileSync(`${folder}${part}/${name}`) }));
}

Deno.test("every file of the fuzzer's corpus is read or refused within bounds", async () => {
  const files = corpus("fuzz_corpus");
  assert(files.length > 0);
  for (const { name, bytes } of files) await exercise(name, bytes);
});

Deno.test("a thousand random damages of the fixtures are read or refused within bounds", async () => {
  const files = corpus("fixtures");
  const random = RandomStream.named(1, "fuzz test");
  let refused = 0;
  for (let round = 0; round < 1000; round++) {
    const { name, bytes } = files[random.int(files.length)];
    if (await exercise(name, mutate(name, bytes, random)) === "refused") refused++;
  }
  assert(refused > 600, `only ${refused} damages were noticed`);
});
