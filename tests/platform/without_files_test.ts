/** Where there are no files, as in a browser, everything loads, and whatever needs files says so in one line. */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { inFolder } from "../helpers/in_folder.ts";

const ROOT = new URL("../../", import.meta.url);

/** Runs a program in which, once the faces are loaded, neither `process` nor `Deno` has a name; gives what it printed. */
async function printedWithoutFiles(program: string): Promise<string> {
  const load = (face: string) => `await import(${JSON.stringify(new URL(face, ROOT).href)})`;
  return await inFolder(async (folder) => {
    const file = `${folder}/program.js`;
    await Deno.writeTextFile(
      file,
      `delete globalThis.process;
const [engine, checkpoint, dinograd] = [${["engine/mod.ts", "checkpoint/mod.ts", "mod.ts"].map(load).join(", ")}];
delete globalThis.Deno;
${program}`,
    );
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--config", fromFileUrl(new URL("deno.json", ROOT)), file],
      env: { NO_COLOR: "1" },
    }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  });
}

Deno.test("without a file system the faces load, bytes are worked on, and each call for a file is one clear error", async () => {
  const printed = await printedWithoutFiles(`
const files = { tensors: new Map(), state: null };
const calls = [
  () => checkpoint.readBundle("a.dino"),
  () => checkpoint.writeBundle("a.dino", files),
  () => checkpoint.openPth("a.pth"),
  () => checkpoint.openSafetensors("a.safetensors"),
  () => checkpoint.listBundles("folder"),
  () => checkpoint.lockFolder("folder"),
  () => dinograd.readImage("a.png"),
  () => dinograd.loadConfig("a.py"),
];
for (const call of calls) {
  await call().then(() => console.log("done"), (error) => console.log(error.name, /files/.test(error.message), error.message.split("\\n").length));
}
const device = await engine.createCpuDevice({ threads: 1 });
console.log(await engine.tensor(device, [1, 2], [2]).add(1).toArray());
await device.destroy();`);
  assertEquals(printed.trim().split("\n"), [...Array<string>(8).fill("DinogradError true 1"), "[ 2, 3 ]"]);
});
