export function pack(b: Float32Array, depth: number, columns: number, width: number): Float32Array {
  const panels = Math.ceil(columns / width);
  const packed = new Float32Array(panels * depth * width);
  for (let k = 0; k < depth; k++) {
    for (let column = 0; column < columns; column++) {
      const panel = Math.floor(column / width);
      packed[(panel * depth + k) * width + column % width] = b[k * columns + column];
    }
  }
  return packed;
}
