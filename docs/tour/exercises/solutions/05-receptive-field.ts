export function receptiveField(layers: readonly { kernel: number; stride: number }[]): number {
  let [field, step] = [1, 1];
  for (const { kernel, stride } of layers) {
    field += (kernel - 1) * step;
    step *= stride;
  }
  return field;
}
