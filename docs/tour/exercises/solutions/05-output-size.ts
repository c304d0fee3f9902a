export function outputSize(
  size: number,
  { kernel, stride, padding, dilation }: { kernel: number; stride: number; padding: number; dilation: number },
): number {
  const reach = dilation * (kernel - 1) + 1;
  return Math.floor((size + 2 * padding - reach) / stride) + 1;
}
