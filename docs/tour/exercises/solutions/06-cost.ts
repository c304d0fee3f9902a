export function multiplications(tokens: number, features: number): number {
  return 4 * tokens * features ** 2 + 2 * tokens ** 2 * features;
}
