import { assert } from "@std/assert";
import type { Device } from "../../engine/device/device.ts";
import { deviceTest, type TestDevices } from "../helpers/devices.ts";
import { type LayerResult, runLayerGoldens, runMsdaGolden } from "../helpers/layer_goldens.ts";

const folder = Deno.env.get("DINOGRAD_GOLDENS") ?? new URL("../goldens", import.meta.url).pathname;
const read = (name: string) => JSON.parse(Deno.readTextFileSync(`${folder}/${name}`));

async function check(devices: TestDevices, run: (device: Device) => Promise<LayerResult[]>): Promise<void> {
  for (const device of [devices.cpu[1], devices.webgpu]) {
    if (!device) continue;
    const results = await run(device);
    assert(results.length > 0, "expected cases");
    for (const { case: name, worst } of results) {
      assert(worst.ratio <= 1, `${name} on ${device.description}: ${worst.where} is ${worst.ratio} of its tolerance`);
    }
  }
}

deviceTest(
  "deformable attention gives the official code's numbers and gradients",
  (devices) => check(devices, (device) => runMsdaGolden(read("msda.json"), device)),
);

deviceTest(
  "the layers give the official code's numbers and gradients",
  (devices) => check(devices, (device) => runLayerGoldens(read("modules.json"), device)),
);
