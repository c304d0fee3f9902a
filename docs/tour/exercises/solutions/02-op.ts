import { defineOp, scope, type Tensor } from "../../../../engine/mod.ts";

const op = defineOp<readonly [Tensor], void, { x: Tensor }>({
  name: "softsign",
  output: ([x]) => ({ shape: x.shape }),
  run: ({ inputs: [x], output }) => {
    using _ = scope();
    output.fill(0).accumulate(x.div(x.abs().add(1)));
  },
  save: ({ inputs: [x] }) => ({ x }),
  gradient: ({ gradOutput, saved: { x } }) => [gradOutput.div(x.abs().add(1).square())],
});

export const softsign = (x: Tensor): Tensor => op([x]);
