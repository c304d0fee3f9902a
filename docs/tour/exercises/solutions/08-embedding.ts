export function embed(coordinate: number, features: number, temperature = 10000): number[] {
  return Array.from({ length: features }, (_, i) => {
    const angle = 2 * Math.PI * coordinate / temperature ** (2 * Math.floor(i / 2) / features);
    return i % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
}
