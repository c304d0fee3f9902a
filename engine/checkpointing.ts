/**
 * Gradient checkpointing (Chen et al., "Training deep nets with sublinear memory cost", arXiv:1604.06174): a part of the
 * network forgets its activations and computes them again when its gradient is due. Memory for time.
 */

import { backward, isRecording, withoutGradient, withRecording } from "./autograd.ts";
import { within } from "./context.ts";
import { type NoiseLog, recordNoise, repeatNoise } from "./noise.ts";
import { record } from "./op.ts";
import { scoped, tidy } from "./scope.ts";
import { type Tensor, zeros } from "./tensor.ts";

/**
 * run(inputs), whose activations are dropped at once and made again in `backward`. All tensors that need a gradient, except
 * parameters, must come in as inputs. Dropout repeats its numbers; running statistics of batch norms move twice.
 *
 * @category Differentiation
 */
export function gradientCheckpoint(run: (inputs: readonly Tensor[]) => Tensor, inputs: readonly Tensor[]): Tensor {
  if (!isRecording()) return tidy(() => run(inputs));
  const noise: NoiseLog = [];
  const result = withoutGradient(() => recordNoise(noise, () => tidy(() => run(inputs))));
  // A function that gives back its input, or a parameter, gives it under a handle of its own.
  const output = result.alias();
  // The parameters inside are not inputs; this leaf puts a node on the tape even if no input needs a gradient.
  const anchor = zeros(output.device, [1]);
  anchor.requiresGrad = true;
  record("gradient_checkpoint", { inputs: [...inputs, anchor], output }, {
    save: () => Object.fromEntries(inputs.map((input, i) => [`input${i}`, input])),
    rule: (gradOutput, saved, needs) => {
      // The ops inside run under their own names.
      return within({ op: undefined }, () =>
        scoped((repeated) => {
          const again = inputs.map((_, i) => {
            const input = saved[`input${i}`]!.alias(); // `save` saved them all
            input.requiresGrad = needs[i];
            return input;
          });
          const output = withRecording(true, () => repeatNoise(noise, () => run(again)));
          if (output.node) backward([output], [gradOutput]);
          else if (again.includes(output)) output.grad = gradOutput.alias();
          return [...again.map((input) => takeGradient(input, repeated)), undefined];
        }));
    },
  });
  return output;
}

/** A leaf's gradient, which now belongs to the caller. */
function takeGradient(leaf: Tensor, inner: { release(item: Tensor): void }): Tensor | undefined {
  const { grad } = leaf;
  leaf.grad = undefined;
  if (grad) inner.release(grad);
  return grad;
}
