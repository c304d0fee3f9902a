export function causalMask(length: number): Float32Array {
  return Float32Array.from({ length: length * length }, (_, at) => at % length > Math.floor(at / length) ? 1 : 0);
}
