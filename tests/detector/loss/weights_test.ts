import { assertEquals } from "@std/assert";
import { preset } from "../../../detector/config/mod.ts";
import { lossWeights } from "../../../detector/loss/weights.ts";

const config = preset("DINO_4scale")!; // a preset of the project

Deno.test("every decoder layer, the denoising queries and the encoder have weighted losses", () => {
  const weights = lossWeights({ ...config, dec_layers: 2 });
  assertEquals(weights, {
    ...{ loss_ce: 1, loss_bbox: 5, loss_giou: 2, loss_ce_dn: 1, loss_bbox_dn: 5, loss_giou_dn: 2 },
    ...{ loss_ce_0: 1, loss_bbox_0: 5, loss_giou_0: 2, loss_ce_dn_0: 1, loss_bbox_dn_0: 5, loss_giou_dn_0: 2 },
    ...{ loss_ce_interm: 1, loss_bbox_interm: 5, loss_giou_interm: 2 },
  });
});

Deno.test("box losses of the encoder's proposals can be left out", () => {
  const weights = lossWeights({ ...config, no_interm_box_loss: true });
  assertEquals([weights.loss_ce_interm, weights.loss_bbox_interm, weights.loss_giou_interm], [1, 0, 0]);
});
