import { assert } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { runCocoGoldens } from "../../helpers/coco_goldens.ts";

const folder = Deno.env.get("DINOGRAD_GOLDENS") ?? fromFileUrl(new URL("../../goldens", import.meta.url));

Deno.test("COCO evaluation gives pycocotools' numbers in every case of the goldens", async (t) => {
  const results = await runCocoGoldens(folder);
  assert(results.length > 0, "the golden file holds no case");
  for (const { name, worst: { ratio, where } } of results) {
    await t.step(name, () => assert(ratio <= 1, `${where}: error is ${ratio} times its tolerance`));
  }
});
