/**
 * One list of detections from those of overlapping views of an image (tiles, and perhaps the whole). Two views show one
 * object twice; and a tile's border cuts objects, of which it then shows a part. So detections of two views are compared
 * by what both views could see: by the intersection over union of their parts within both. A detection that ends at a
 * border is taken for cut there; it also belongs to one that is not, and of which it covers a part.
 *
 * What one view gives stays apart, as without tiles: the model decides by itself which boxes are one object.
 */
import { groupBy } from "../../engine/group_by.ts";
import { areaOf, type Box, intersectionOverUnion, sharedArea } from "../data/boxes.ts";
import type { Detections } from "../model/mod.ts";
import { type Merge, TILE_DEFAULTS } from "../config/tile_options.ts";

/** What was found in a part of an image. */
export interface View {
  /** The part: left, top, right, bottom in pixels of the image. */
  readonly area: Box;
  /** Whether it is a tile, or the whole image beside tiles. */
  readonly isTile: boolean;
  /** Best first, boxes in pixels of the image. */
  readonly found: Detections;
}

/** How detections of several views become one. */
interface MergeOptions {
  /** Width and height of the image, whose own borders cut nothing. */
  readonly width: number;
  readonly height: number;
  /** As in `TileOptions`. */
  readonly merge?: Merge;
  /** As in `TileOptions`. */
  readonly iou?: number;
}

/** Share of a view's side within which an end of a box is taken for the work of its border. */
const BORDER_SHARE = 0.01;
const SIDES = [0, 1, 2, 3] as const;

interface Candidate {
  readonly view: View;
  readonly score: number;
  readonly label: number;
  readonly box: Box;
  /** Whether the left, top, right and bottom end are those of the view, inside the image. */
  readonly isCut: readonly boolean[];
}

/** What is taken for one object: at most one candidate of each view, the best first. */
type Cluster = Candidate[];

/**
 * Merges; the result is best first.
 *
 * With `nms` an object has the score of its best detection, and each end of its box is that of the best one which is not
 * cut there. With `wbf` ends are means weighted by scores, of those that are not cut there, and the score is that of eq. 5
 * and 6 of the paper: the mean, times the share of tiles that show the box and agree. An end at which all are cut is the
 * outermost.
 */
export function mergeViews(views: readonly View[], options: MergeOptions): Detections {
  if (views.length === 1) return views[0].found;
  const { merge = TILE_DEFAULTS.merge, iou = TILE_DEFAULTS.iou } = options;
  const candidates = views.flatMap((view) => candidatesOf(view, options)).sort((a, b) => b.score - a.score);
  const clusters = [...groupBy(candidates, ({ label }) => label).values()].flatMap((same) => cluster(same, iou));
  const merged = clusters.map((members) => ({
    label: members[0].label,
    ...merge === "nms" ? best(members) : fused(members, { views, ...options }),
  })).sort((a, b) => b.score - a.score);
  return {
    scores: Float64Array.from(merged, ({ score }) => score),
    labels: Int32Array.from(merged, ({ label }) => label),
    boxes: Float64Array.from(merged.flatMap(({ box }) => [...box])),
  };
}

function candidatesOf(view: View, { width, height }: MergeOptions): Candidate[] {
  const { area, found: { scores, labels, boxes } } = view;
  const image = [0, 0, width, height];
  const margins = SIDES.map((side) => BORDER_SHARE * (area[side % 2 + 2] - area[side % 2]));
  return Array.from(scores, (score, at) => {
    const [left, top, right, bottom] = boxes.subarray(4 * at, 4 * at + 4);
    const box: Box = [left, top, right, bottom];
    const isCut = SIDES.map((side) =>
      area[side] !== image[side] &&
      (side < 2 ? box[side] <= area[side] + margins[side] : box[side] >= area[side] - margins[side])
    );
    return { view, score, label: labels[at], box, isCut };
  });
}

/** Groups candidates of one class, best first. */
function cluster(candidates: readonly Candidate[], threshold: number): Cluster[] {
  const clusterOf = new Map<Candidate, Cluster>();
  const views = [...new Set(candidates.map(({ view }) => view))];
  const placed = new Map(views.map((view): [View, Candidate[]] => [view, []]));
  // In a picture of a thousand tiles a tile overlaps eight others.
  const near = new Map(views.map((view) => [
    view,
    views.filter((other) => other !== view && overlaps(view.area, other.area)).map((other) => placed.get(other) ?? []),
  ]));
  for (const candidate of candidates) {
    const [nearest, ...others] = alike(candidate, { near: near.get(candidate.view) ?? [], clusterOf, threshold });
    const own = nearest ?? [];
    // Of an object that is longer than a tile, the parts at its ends are told to be one by the part between them.
    for (const other of others) if (areApart(own, other)) add(own, other);
    add(own, [candidate]);
    placed.get(candidate.view)?.push(candidate);
  }
  return [...new Set(clusterOf.values())].map((members) => members.toSorted((a, b) => b.score - a.score));

  function add(to: Cluster, members: readonly Candidate[]): void {
    to.push(...members);
    for (const member of members) clusterOf.set(member, to);
  }
}

/** Clusters with a member that shows what the candidate shows, and none of its own view; the most alike first. */
function alike(
  candidate: Candidate,
  { near, clusterOf, threshold }: {
    readonly near: readonly (readonly Candidate[])[];
    readonly clusterOf: ReadonlyMap<Candidate, Cluster>;
    readonly threshold: number;
  },
): Cluster[] {
  const found = new Map<Cluster, number>();
  for (const members of near) {
    for (const member of members) {
      if (!overlaps(member.box, candidate.box)) continue;
      const likeness = likenessOf(candidate, member, threshold);
      const cluster = clusterOf.get(member);
      if (likeness > 0 && cluster) found.set(cluster, Math.max(likeness, found.get(cluster) ?? 0));
    }
  }
  return [...found].filter(([cluster]) => cluster.every(({ view }) => view !== candidate.view))
    .sort(([, a], [, b]) => b - a).map(([cluster]) => cluster);
}

/** How surely two detections are one, as far as both views can tell; 0 where they are not. */
function likenessOf(a: Candidate, b: Candidate, threshold: number): number {
  const shared = intersection(a.view.area, b.view.area);
  const [first, second] = [shared && intersection(a.box, shared), shared && intersection(b.box, shared)];
  if (first === null || second === null) return 0;
  const iou = intersectionOverUnion(first, second);
  if (iou >= threshold) return 1 + iou; // surer than any part
  const covered = sharedArea(first, second);
  const share = Math.max(
    isPartOf(a, b) ? covered / areaOf(first) : 0,
    isPartOf(b, a) ? covered / areaOf(second) : 0,
  );
  return share >= threshold ? share : 0;
}

/** Whether one is cut where the other is not, and nowhere the other way round. */
function isPartOf(cut: Candidate, other: Candidate): boolean {
  return SIDES.some((side) => cut.isCut[side] && !other.isCut[side]) &&
    SIDES.every((side) => cut.isCut[side] || !other.isCut[side]);
}

/** Whether the views of two clusters show nothing in common. */
function areApart(a: Cluster, b: Cluster): boolean {
  return a.every(({ view }) => b.every((other) => !overlaps(view.area, other.view.area)));
}

function best(members: Cluster): { readonly score: number; readonly box: Box } {
  return { score: members[0].score, box: endsOf(members, ([{ box }], side) => box[side]) };
}

function fused(
  members: Cluster,
  { views, width, height }: MergeOptions & { readonly views: readonly View[] },
): { readonly score: number; readonly box: Box } {
  const box = endsOf(members, (whole, side) => {
    const total = whole.reduce((sum, { score }) => sum + score, 0);
    return total === 0 ? whole[0].box[side] : whole.reduce((sum, { score, box }) => sum + score * box[side], 0) / total;
  });
  const mean = members.reduce((sum, { score }) => sum + score, 0) / members.length;
  const visible = intersection(box, [0, 0, width, height]) ?? box;
  const seeing = Math.max(1, views.filter(({ area, isTile }) => isTile && contains(area, visible)).length);
  return { score: mean * Math.min(members.length, seeing) / seeing, box };
}

/** The box of an object; `endOf` chooses an end among the members that are not cut there. */
function endsOf(members: Cluster, endOf: (whole: Cluster, side: number) => number): Box {
  const [left, top, right, bottom] = SIDES.map((side) => {
    const whole = members.filter(({ isCut }) => !isCut[side]);
    if (whole.length > 0) return endOf(whole, side);
    const all = members.map(({ box }) => box[side]);
    return side < 2 ? Math.min(...all) : Math.max(...all);
  });
  return [left, top, right, bottom];
}

function intersection(a: Box, b: Box): Box | null {
  if (!overlaps(a, b)) return null;
  return [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])];
}

const overlaps = (a: Box, b: Box) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
const contains = (a: Box, b: Box) => a[0] <= b[0] && a[1] <= b[1] && a[2] >= b[2] && a[3] >= b[3];
