/**
 * The packed form of a shared operand in memory, and the tasks that make it. The depth is cut into parts; a part holds
 * all panels, one behind the other, so a block of the output finds its panels of a part together.
 */

/** Elements that one packing task takes. */
const PACK_ELEMENTS = 32768;

export interface PackedOperand {
  /** Rows of A or columns of B. */
  readonly count: number;
  /** How many of them make a panel. */
  readonly width: number;
  readonly depth: number;
  readonly depthStep: number;
}

export function panelsOf({ count, width }: PackedOperand): number {
  return Math.ceil(count / width);
}

export function packedBytes(operand: PackedOperand): number {
  return panelsOf(operand) * operand.width * operand.depth * 4;
}

/** A piece that one task packs: panels from row `first` on, of the part that starts at depth `d`. */
interface PackPiece {
  readonly first: number;
  readonly count: number;
  readonly d: number;
  readonly depth: number;
  readonly target: number;
  readonly panelBytes: number;
}

export function packPieces(operand: PackedOperand, target: number): PackPiece[] {
  const { count, width, depth, depthStep } = operand;
  const panels = panelsOf(operand);
  const pieces: PackPiece[] = [];
  for (let d = 0; d < depth; d += depthStep) {
    const part = Math.min(depthStep, depth - d);
    const panelBytes = part * width * 4;
    const each = Math.max(1, Math.floor(PACK_ELEMENTS / (part * width)));
    for (let panel = 0; panel < panels; panel += each) {
      const first = panel * width;
      pieces.push({
        first,
        count: Math.min(each * width, count - first),
        d,
        depth: part,
        target: target + d * panels * width * 4 + panel * panelBytes,
        panelBytes,
      });
    }
  }
  return pieces;
}
