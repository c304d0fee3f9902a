export function bestTile(registers: number): { rows: number; vectors: number } {
  let best = { rows: 1, vectors: 1 };
  const worth = ({ rows, vectors }: typeof best) => rows * 4 * vectors / (rows + 4 * vectors);
  for (let rows = 1; rows <= registers; rows++) {
    for (let vectors = 1; rows * vectors + vectors + 1 <= registers; vectors++) {
      if (worth({ rows, vectors }) > worth(best)) best = { rows, vectors };
    }
  }
  return best;
}
