/**
 * Pictures of what a model does on its way to detections, over the image: where a query looks (deformable attention), how an
 * anchor moves from layer to layer, where all queries end, which tokens were selected, and whom a query listens to.
 */
import type { LookKind } from "../../config/look_kinds.ts";
import type { Drawing, DrawingScale } from "../../draw/overlay.ts";
import { type Inside, placeOf } from "./inside.ts";
import { colourOf, heat, link, mark, outline } from "./marks.ts";

/** What a picture is about. */
interface LookOptions {
  /** The query to show; by default the one with the best score, or the five best where several can be told apart. */
  readonly query?: number;
  /** Names of the classes by label. */
  readonly nameOf: (label: number) => string;
}

/** So many anchors are followed where no query is named, and so many listeners drawn. */
const MOST_ANCHORS = 5, MOST_LISTENED = 12;

/** The drawing of a kind, for an image of a size. */
export function lookParts(kind: LookKind, inside: Inside, options: LookOptions): (size: DrawingScale) => Drawing {
  return (size) => PICTURES[kind](inside, options, size);
}

type Picture = (inside: Inside, options: LookOptions, size: DrawingScale) => Drawing;

const PICTURES: Readonly<Record<LookKind, Picture>> = { sampling, anchors, queries, selection, attention };

/** The queries by score, the best first. */
const byScore = ({ scores }: Inside) => [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b);

const boxOf = (boxes: ArrayLike<number>, query: number) => Array.from({ length: 4 }, (_, k) => boxes[4 * query + k]);

function titleOf(query: number, { labels, scores }: Inside, { nameOf }: LookOptions): string {
  return `query ${query}: ${nameOf(labels[query])} ${scores[query].toFixed(2)}`;
}

/** The places at which the last decoder layer's query looks, by level (shape), head (rim) and weight (colour, size). */
function sampling(inside: Inside, options: LookOptions, size: DrawingScale): Drawing {
  const query = options.query ?? byScore(inside)[0];
  const { heads, points, shapes, references, sampling } = inside;
  const levels = shapes.length;
  const { locations, weights } = sampling[sampling.length - 1];
  const first = query * heads * levels * points;
  const all = Array.from({ length: heads * levels * points }, (_, at) => {
    const point = first + at;
    return {
      x: locations[2 * point],
      y: locations[2 * point + 1],
      head: Math.floor(at / (levels * points)),
      level: Math.floor(at / points) % levels,
      weight: weights[point],
    };
  }).sort((a, b) => a.weight - b.weight);
  const most = all[all.length - 1].weight;
  const line = Math.max(1.5, size.font / 9);
  return {
    marks: [
      outline(boxOf(references[references.length - 2], query), { colour: "#fff", line, dash: "6 4" }, size),
      outline(boxOf(references[references.length - 1], query), { colour: "#fff", line: 1.5 * line }, size),
      ...all.map(({ x, y, head, level, weight }) =>
        mark({
          ...{ x, y, level },
          radius: size.font * (0.16 + 0.34 * Math.sqrt(weight / most)),
          fill: heat(weight / most),
          stroke: colourOf(head),
          opacity: 0.55 + 0.45 * weight / most,
        }, size)
      ),
    ],
    caption: [
      `${titleOf(query, inside, options)}: ${all.length} places of the last layer (box before it dashed)`,
      `light and large: counts most (${most.toFixed(2)}); shapes: levels, circle the finest; rims: ${heads} heads`,
    ],
  };
}

/** How boxes move from their selection through the decoder. */
function anchors(inside: Inside, options: LookOptions, size: DrawingScale): Drawing {
  const shown = options.query === undefined ? byScore(inside).slice(0, MOST_ANCHORS) : [options.query];
  const { references } = inside;
  const last = references.length - 1;
  const line = Math.max(1, size.font / 10);
  const parts = shown.flatMap((query, n) => {
    const boxes = references.map((boxes) => boxOf(boxes, query));
    return boxes.flatMap((box, layer) => [
      outline(box, {
        colour: colourOf(n),
        line: layer === last ? 2 * line : line,
        opacity: 0.25 + 0.75 * layer / last,
        dash: layer === 0 ? "5 4" : "",
      }, size),
      ...(layer === 0 ? [] : [
        link([[boxes[layer - 1][0], boxes[layer - 1][1]], [box[0], box[1]]], { colour: colourOf(n), line }, size),
      ]),
      mark({ x: box[0], y: box[1], level: 0, radius: size.font * 0.16, fill: colourOf(n) }, size),
    ]);
  });
  return {
    marks: [
      ...parts,
    ],
    caption: [
      `anchors through ${last} decoder layers: dashed as selected, bold at the end`,
      shown.map((query) => titleOf(query, inside, options)).join("   "),
    ],
  };
}

/** Where all queries end, by score. */
function queries(inside: Inside, { query }: LookOptions, size: DrawingScale): Drawing {
  const boxes = inside.references[inside.references.length - 1];
  const line = Math.max(1.5, size.font / 9);
  const parts = byScore(inside).reverse().map((each) => {
    const [x, y] = boxOf(boxes, each);
    const score = inside.scores[each];
    return mark({
      x,
      y,
      level: 0,
      radius: size.font * (0.14 + 0.5 * score),
      fill: heat(score),
      opacity: 0.5 + 0.5 * score,
    }, size);
  });
  if (query !== undefined) parts.push(outline(boxOf(boxes, query), { colour: "#fff", line }, size));
  return {
    marks: [
      ...parts,
    ],
    caption: [`where ${inside.queries} queries end: light and large, the higher the score`],
  };
}

/** The tokens that became anchors. */
function selection({ selected, tokenScores, shapes }: Inside, _: LookOptions, size: DrawingScale): Drawing {
  const scores = [...selected].map((token) => 1 / (1 + Math.exp(-tokenScores[token])));
  const most = Math.max(...scores);
  const counts = shapes.map((_, level) =>
    [...selected].filter((token) => placeOf(token, shapes).level === level).length
  );
  const parts = [...selected.keys()].reverse().map((rank) => {
    const { level, x, y } = placeOf(selected[rank], shapes);
    const share = scores[rank] / most;
    const radius = size.font * (0.18 + 0.1 * level) * (0.7 + 0.5 * share);
    return mark({ x, y, level, radius, fill: heat(share), opacity: 0.5 + 0.5 * share }, size);
  });
  return {
    marks: [
      ...parts,
    ],
    caption: [
      `${selected.length} tokens selected as anchors; light: the encoder's best scores (up to ${most.toFixed(2)})`,
      `by level, the finest first: ${counts.join(", ")} (circle, square, triangle, diamond)`,
    ],
  };
}

/** Whom a query listens to in the last layer's self-attention. */
function attention(inside: Inside, options: LookOptions, size: DrawingScale): Drawing {
  const query = options.query ?? byScore(inside)[0];
  const { heads, references } = inside;
  const count = inside.queries;
  const maps = inside.attention[inside.attention.length - 1];
  const mean = Array.from({ length: count }, (_, other) => {
    let sum = 0;
    for (let head = 0; head < heads; head++) sum += maps[(head * count + query) * count + other];
    return sum / heads;
  });
  const others = [...mean.keys()].filter((other) => other !== query).sort((a, b) => mean[b] - mean[a])
    .slice(0, MOST_LISTENED);
  const most = Math.max(mean[others[0]] ?? 1, Number.MIN_VALUE);
  const boxes = references[references.length - 2];
  const [x, y] = boxOf(boxes, query);
  const line = Math.max(1.5, size.font / 8);
  return {
    marks: [
      ...others.toReversed().flatMap((other) => {
        const share = mean[other] / most;
        const box = boxOf(boxes, other);
        return [
          outline(box, { colour: heat(share), line, opacity: 0.3 + 0.7 * share }, size),
          link([[x, y], [box[0], box[1]]], { colour: heat(share), line: line * share, opacity: 0.8 }, size),
        ];
      }),
      outline(boxOf(boxes, query), { colour: "#fff", line: 1.5 * line }, size),
    ],
    caption: [
      `${
        titleOf(query, inside, options)
      }, in white: the ${others.length} queries that it listens to most, mean of ${heads} heads`,
      `itself ${(100 * mean[query]).toFixed(1)} %, the first of them ${(100 * most).toFixed(1)} %`,
    ],
  };
}
