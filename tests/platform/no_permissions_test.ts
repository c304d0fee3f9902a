/**
 * Least permissions of an importer: the engine computes and trains, and the detector trains and detects in pixels that are
 * in memory, with no permission at all, on several threads.
 */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";

const ROOT = new URL("../../", import.meta.url);

/** Runs a program that may do nothing but compute, and gives what it printed. */
async function printedWithoutPermissions(program: string): Promise<string> {
  const config = fromFileUrl(new URL("deno.json", ROOT));
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-check", `--config=${config}`]
      .concat(`data:text/typescript,${encodeURIComponent(program)}`),
    env: { NO_COLOR: "1" },
  }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

Deno.test("the engine trains on several threads with no permission", async () => {
  const printed = await printedWithoutPermissions(`
    import { AdamW, createCpuDevice, MLP, RandomStream, scope, tensor } from "${new URL("engine/mod.ts", ROOT)}";
    const device = await createCpuDevice({ threads: 2 });
    const random = RandomStream.named(1, "initialization");
    const model = new MLP({ device, random }, { inFeatures: 2, hiddenFeatures: 16, outFeatures: 1, layers: 2 });
    const x = tensor(device, [0, 0, 0, 1, 1, 0, 1, 1], [4, 2]);
    const y = tensor(device, [0, 1, 1, 0], [4, 1]);
    const optimizer = new AdamW([{ name: "all", parameters: [...model.parameters()], weightDecay: 0 }]);
    for (let step = 0; step < 200; step++) {
      using _ = scope();
      model.forward(x).sub(y).square().mean().backward();
      optimizer.step({ learningRates: [0.05] });
      optimizer.zeroGrad();
    }
    console.log(device.description.includes("2 threads"), [...await model.forward(x).data()].map(Math.round).map(Math.abs));
    await device.destroy();`);
  assertEquals(printed, "true [ 0, 1, 1, 0 ]\n");
});

Deno.test("the detector takes a training step and detects in an image that is in memory with no permission", async () => {
  const printed = await printedWithoutPermissions(`
    import {
      buildDino, createCpuDevice, Criterion, detectImage, preset, RandomStream, resolveConfig, scope, tensor,
    } from "${new URL("mod.ts", ROOT)}";
    import { SGD } from "${new URL("engine/mod.ts", ROOT)}";
    const { config } = resolveConfig({
      ...{ hidden_dim: 32, nheads: 4, dim_feedforward: 32, enc_layers: 1, num_queries: 10, num_select: 12, num_classes: 4 },
      ...{ dn_labelbook_size: 4, backbone_stem_width: 8, backbone_widths: [8, 8, 16, 16], norm_group_channels: 8 },
      ...{ data_aug_scales: [64], data_aug_max_size: 128 },
    }, { base: preset("cards") });
    const device = await createCpuDevice({ threads: 1 });
    const model = buildDino({ device, random: RandomStream.named(1, "initialization") }, config).train();
    const optimizer = new SGD([{ name: "all", parameters: [...model.parameters()], weightDecay: 0 }]);
    const targets = [{ boxes: Float32Array.of(0.5, 0.5, 0.4, 0.4), labels: Int32Array.of(1) }];
    {
      using _ = scope();
      const images = tensor(device, new Float32Array(3 * 64 * 64), [1, 3, 64, 64]);
      const denoising = { targets, random: RandomStream.named(1, "denoising") };
      const { total } = await new Criterion(config).losses(
        model.forward({ images, mask: new Uint8Array(64 * 64), denoising }), targets,
      );
      total.backward();
      optimizer.step({ learningRates: [0.001] });
      optimizer.zeroGrad();
      console.log(Number.isFinite(await total.item()));
    }
    const image = { width: 40, height: 30, data: new Uint8Array(40 * 30 * 3) };
    console.log((await detectImage(model.evaluate(), image, { config })).scores.length);
    await device.destroy();`);
  assertEquals(printed, "true\n12\n");
});
