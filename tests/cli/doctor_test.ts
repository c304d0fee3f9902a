import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { generateCards } from "../../detector/data/mod.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";

Deno.test("doctor passes a sound data set and names what is wrong with its remedy", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await generateCards({ out: folder, images: 3, valImages: 2, seed: 1 });
    const look = (...more: string[]) =>
      runCli(["doctor", "-c", "cards", "--coco_path", folder, "--device", "cpu", "--threads", "1", ...more]);
    const sound = await look();
    assertEquals([sound.code, sound.stderr], [0, ""]);
    const few = await look("--options", "num_classes=3");
    assertEquals(few.code, 3);
    assertStringIncludes(few.stdout, "set num_classes to 7 (largest id + 1)");

    const [image] = JSON.parse(await Deno.readTextFile(join(folder, "annotations/instances_val2017.json"))).images;
    await Deno.writeTextFile(join(folder, "val2017", image.file_name), "no image");
    const broken = await look("--json");
    assertEquals(broken.code, 3);
    const { ok, findings } = JSON.parse(broken.stdout);
    const wrong = findings.filter(({ level }: { level: string }) => level === "wrong");
    assertEquals([ok, wrong.length], [false, 1]);
    assertStringIncludes(wrong[0].text, image.file_name);
    await Deno.remove(join(folder, "val2017", image.file_name));
    assertStringIncludes((await look()).stdout, "1 images are missing");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("doctor without anything to look at is a usage error", async () => {
  const result = await runCli(["doctor"]);
  assertEquals(result.code, 2);
  errorLine(result);
});
