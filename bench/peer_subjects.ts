/** What `bench/peers.ts` and the processes of the peers compute. */

/** The packages, in their own words; exact versions, so that figures can be compared. */
export const PEERS = ["onnxruntime-web@1.30.0", "@tensorflow/tfjs-backend-wasm@4.22.0", "@jax-js/jax@0.1.25"] as const;

/** One of the computations. */
export type PeerSubject = "product 1024" | "tokens" | "convolution" | "softmax";

export const SUBJECTS: readonly PeerSubject[] = ["product 1024", "tokens", "convolution", "softmax"];

/** Milliseconds of the quickest run. */
export type PeerTimes = Readonly<Record<PeerSubject, number>>;

/** Floating-point operations, where they are worth counting. */
export const FLOPS: Readonly<Record<PeerSubject, number>> = {
  "product 1024": 2 * 1024 ** 3,
  tokens: 2 * 10_000 * 256 * 256,
  convolution: 2 * 256 * 256 * 9 * 60 * 80,
  softmax: 0,
};

/** An operand with a few thousand different values. */
export interface PeerInput {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

const SHAPES: Readonly<Record<PeerSubject, readonly (readonly number[])[]>> = {
  "product 1024": [[1024, 1024], [1024, 1024]],
  tokens: [[10_000, 256], [256, 256]],
  convolution: [[1, 256, 60, 80], [256, 256, 3, 3]],
  softmax: [[10_000, 256]],
};

export function inputsOf(subject: PeerSubject): PeerInput[] {
  return SHAPES[subject].map((shape) => ({
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => (i * 7919 % 4001) / 4001 - 0.5),
  }));
}
