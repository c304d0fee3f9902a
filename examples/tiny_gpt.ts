/**
 * A transformer learns to go on with a text, letter by letter (after Radford et al., 2018, much smaller). Everything is in
 * this file: text, model, training and writing.
 *
 * Run: `deno run -A examples/tiny_gpt.ts`, which takes less than a minute and ends by writing some lines of its own.
 */

import {
  AdamW,
  clipGradNorm,
  cosineLR,
  createCpuDevice,
  crossEntropy,
  type Device,
  Embedding,
  LayerNorm,
  Linear,
  Module,
  type ModuleContext,
  MultiheadAttention,
  ones,
  RandomStream,
  scope,
  type Tensor,
  tensor,
  triu,
} from "@dinograd/dinograd/engine";

/** What it reads; the more a text repeats itself, the sooner it is learned. */
const TEXT = `the rain came down on the old stone wall, and the wall stood still.
the wind came down on the old oak tree, and the tree stood still.
the snow came down on the small red house, and the house stood still.
a fox came out of the dark green wood and looked at the old stone wall.
a bird came out of the old oak tree and looked at the small red house.
a child came out of the small red house and looked at the dark green wood.
the fox ran home to the wood, the bird flew home to the tree, and the child went home to the house.
then the night came down on the wall, the tree, the house and the wood, and all of them stood still.
`;

/** Its letters, whose numbers are the tokens. */
const LETTERS = [...new Set(TEXT)].sort();
const TOKENS = Int32Array.from(TEXT, (letter) => LETTERS.indexOf(letter));

/** Sizes of the model: letters that it sees at once, numbers per letter, attention heads, blocks. */
const [CONTEXT, WIDTH, HEADS, BLOCKS] = [32, 64, 4, 2];

/** Attention to what came before, then a small network for each letter; both add to what they read. */
class Block extends Module {
  readonly norm1: LayerNorm;
  readonly attention: MultiheadAttention;
  readonly norm2: LayerNorm;
  readonly widen: Linear;
  readonly narrow: Linear;

  constructor(context: ModuleContext) {
    super();
    this.norm1 = new LayerNorm(context, { features: WIDTH });
    this.attention = new MultiheadAttention(context, { features: WIDTH, heads: HEADS });
    this.norm2 = new LayerNorm(context, { features: WIDTH });
    this.widen = new Linear(context, { inFeatures: WIDTH, outFeatures: 4 * WIDTH });
    this.narrow = new Linear(context, { inFeatures: 4 * WIDTH, outFeatures: WIDTH });
  }

  /** [N, T, WIDTH], and a mask [1, T, T] that is 1 where a letter would see what comes later. */
  forward(x: Tensor, mask: Tensor): Tensor {
    const read = this.norm1.forward(x);
    const seen = x.add(this.attention.forward(read, read, read, { mask }));
    return seen.add(this.narrow.forward(this.widen.forward(this.norm2.forward(seen)).gelu()));
  }
}

/** From letters to the logits of the letter after each. */
export class TinyGpt extends Module {
  readonly letters: Embedding;
  readonly places: Embedding;
  readonly blocks: readonly Block[];
  readonly norm: LayerNorm;
  readonly head: Linear;

  constructor(context: ModuleContext) {
    super();
    this.letters = new Embedding(context, { rows: LETTERS.length, features: WIDTH });
    this.places = new Embedding(context, { rows: CONTEXT, features: WIDTH });
    this.blocks = Array.from({ length: BLOCKS }, () => new Block(context));
    this.norm = new LayerNorm(context, { features: WIDTH });
    this.head = new Linear(context, { inFeatures: WIDTH, outFeatures: LETTERS.length });
  }

  /** Tokens (i32) [N, T], T at most CONTEXT, to logits [N, T, letters]. */
  forward(tokens: Tensor): Tensor {
    const length = tokens.shape[1];
    const mask = triu(ones(tokens.device, [1, length, length]), 1);
    const start = this.letters.forward(tokens).add(this.places.weight.slice(0, 0, length));
    return this.head.forward(this.norm.forward(this.blocks.reduce((x, block) => block.forward(x, mask), start)));
  }
}

/** Passages of the text, and the same ones a letter further on. */
function passages(device: Device, count: number, random: RandomStream): { inputs: Tensor; targets: Tensor } {
  const starts = Array.from({ length: count }, () => random.int(TOKENS.length - CONTEXT));
  const cut = (shift: number) =>
    tensor(device, Int32Array.from(starts.flatMap((at) => [...TOKENS.subarray(at + shift, at + shift + CONTEXT)])), [
      count,
      CONTEXT,
    ]);
  return { inputs: cut(0), targets: cut(1) };
}

/** Goes on with a text, drawing each letter by its probability. */
export async function write(model: TinyGpt, device: Device, { start, length }: { start: string; length: number }) {
  const random = RandomStream.named(1, "writing");
  let text = start;
  for (let i = 0; i < length; i++) {
    using _ = scope();
    const tokens = Int32Array.from(text.slice(-CONTEXT), (letter) => LETTERS.indexOf(letter));
    const logits = model.forward(tensor(device, tokens, [1, tokens.length])).at(1, -1);
    const probabilities = await logits.div(0.7).softmax().data();
    let rest = random.uniform();
    text += LETTERS[Math.max(0, probabilities.findIndex((probability) => (rest -= probability) < 0))];
  }
  return text;
}

/** Trains a model; gives it with the mean loss of the last ten steps, in nats per letter. */
export async function learnText(device: Device, { steps, say }: { steps: number; say: (line: string) => void }) {
  const model = new TinyGpt({ device, random: RandomStream.named(1, "initialization") });
  const parameters = [...model.parameters()];
  const optimizer = new AdamW([{ name: "all", parameters, weightDecay: 0.01 }], { beta2: 0.99 });
  const schedule = cosineLR(3e-3, { totalSteps: steps, warmupSteps: 20 });
  const random = RandomStream.named(1, "passages");
  const last: number[] = [];
  for (let step = 0; step < steps; step++) {
    using _ = scope();
    const { inputs, targets } = passages(device, 16, random);
    const logits = model.forward(inputs);
    const loss = crossEntropy(logits.reshape([-1, LETTERS.length]), targets.reshape([-1]));
    loss.backward();
    const { coefficient } = clipGradNorm(parameters.map(([, parameter]) => parameter), 1);
    optimizer.step({ learningRates: [schedule(step).learningRate], coefficient });
    optimizer.zeroGrad();
    const value = await loss.item();
    if (step >= steps - 10) last.push(value);
    if (step % 50 === 0) say(`step ${step}: loss ${value.toFixed(3)}`);
  }
  optimizer.dispose();
  return { model, loss: last.reduce((sum, value) => sum + value, 0) / last.length };
}

if (import.meta.main) {
  const device = await createCpuDevice();
  const { model, loss } = await learnText(device, { steps: 400, say: console.log });
  console.log(`at the end: loss ${loss.toFixed(3)}; guessing would be ${Math.log(LETTERS.length).toFixed(3)}`);
  console.log(await write(model, device, { start: "the ", length: 200 }));
  model.dispose();
  await device.destroy();
}
