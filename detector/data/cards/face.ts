/**
 * The faces of the generated playing cards: drawn as SVG, kept as textures of several sizes. The rank stands large in the
 * middle, small suits in two corners; of 24 faces, 6 ranks are the classes and the suits only decide the colour.
 */
import { type FontName, renderSvg } from "../../render/svg.ts";

export const RANKS = ["A", "K", "Q", "J", "10", "9"] as const;
export type Rank = (typeof RANKS)[number];
export const SUITS = ["spade", "heart", "diamond", "club"] as const;
type Suit = (typeof SUITS)[number];
export const FACE_FONTS = ["DejaVu Serif Bold", "DejaVu Sans Bold"] as const satisfies readonly FontName[];

/** Everything that a face's texture depends on. */
interface FaceDesign {
  readonly rank: Rank;
  readonly suit: Suit;
  readonly font: (typeof FACE_FONTS)[number];
}

/** A texture covers the card and a thin transparent margin; samples are 0..255. */
export interface FaceTexture {
  readonly width: number;
  readonly height: number;
  /** `[height, width, 4]`, colours multiplied by alpha. */
  readonly rgba: Uint8Array;
  /** `[height, width]`: how far the rank's glyph covers a sample. */
  readonly glyph: Uint8Array;
}

/** A card is 5 wide and 7 high, drawn 250 by 350 with a margin of 5 on every side. */
const CARD_WIDTH = 250, CARD_HEIGHT = 350, MARGIN = 5;
export const CARD_ASPECT = CARD_WIDTH / CARD_HEIGHT;
/** What a texture's size is of the card's own: the margin's share. */
export const TEXTURE_SCALE_X = (CARD_WIDTH + 2 * MARGIN) / CARD_WIDTH;
export const TEXTURE_SCALE_Y = (CARD_HEIGHT + 2 * MARGIN) / CARD_HEIGHT;
/** Heights in samples; a card is drawn from the smallest that has about two samples per pixel. */
const TEXTURE_HEIGHTS = [90, 130, 180];

/** Outlines in a box of 100 by 100. */
const SUIT_PATHS: Record<Suit, string> = {
  heart: "M50 96C20 66 4 50 4 29C4 12 17 3 29 3C39 3 46 9 50 17C54 9 61 3 71 3C83 3 96 12 96 29C96 50 80 66 50 96Z",
  diamond: "M50 2C60 20 74 36 88 50C74 64 60 80 50 98C40 80 26 64 12 50C26 36 40 20 50 2Z",
  spade: "M50 2C62 26 94 42 94 64C94 77 84 84 74 84C66 84 59 80 54 74C55 84 58 92 66 98H34C42 92 45 84 46 74" +
    "C41 80 34 84 26 84C16 84 6 77 6 64C6 42 38 26 50 2Z",
  club: "M50 2C63 2 72 11 72 23C72 30 68 36 64 40C67 38 71 37 75 37C87 37 97 46 97 59C97 72 87 80 76 80" +
    "C66 80 58 75 54 67C55 82 58 92 66 98H34C42 92 45 82 46 67C42 75 34 80 24 80C13 80 3 72 3 59C3 46 13 37 25 37" +
    "C29 37 33 38 36 40C32 36 28 30 28 23C28 11 37 2 50 2Z",
};
const SUIT_COLOURS: Record<Suit, string> = { spade: "#15151a", club: "#16201a", heart: "#c4121f", diamond: "#cf2a12" };

/** Renders faces when first needed and keeps them. */
export class FaceLibrary {
  readonly #textures = new Map<string, Promise<FaceTexture>>();

  /** The texture of a face for drawing a card of the given height in pixels. */
  face(design: FaceDesign, cardHeight: number): Promise<FaceTexture> {
    const key = `${design.rank} ${design.suit} ${design.font}`;
    return this.#texture(key, cardHeight, (height) => renderFace(design, height));
  }

  /** A card's back, of one of a few colours. */
  back(colour: string, cardHeight: number): Promise<FaceTexture> {
    return this.#texture(`back ${colour}`, cardHeight, (height) => renderBack(colour, height));
  }

  #texture(key: string, cardHeight: number, render: (height: number) => Promise<FaceTexture>): Promise<FaceTexture> {
    const height = TEXTURE_HEIGHTS.find((samples) => samples >= cardHeight * 2) ?? TEXTURE_HEIGHTS[2];
    const sized = `${key} ${height}`;
    const texture = this.#textures.get(sized) ?? render(height);
    this.#textures.set(sized, texture);
    return texture;
  }
}

async function renderFace({ rank, suit, font }: FaceDesign, height: number): Promise<FaceTexture> {
  const pip = `<path d="${SUIT_PATHS[suit]}" fill="${SUIT_COLOURS[suit]}"`;
  const corners = `${pip} transform="translate(18 18) scale(.48)"/>` +
    `${pip} transform="translate(232 332) scale(-.48)"/>`;
  const face = await renderSvg(document(paper() + corners + rankText({ rank, font, fill: SUIT_COLOURS[suit] })), {
    fonts: [font],
    height,
  });
  const glyph = await renderSvg(document(rankText({ rank, font, fill: "#fff" })), { fonts: [font], height });
  return { ...face, glyph: Uint8Array.from({ length: face.width * height }, (_, at) => glyph.rgba[at * 4 + 3]) };
}

async function renderBack(colour: string, height: number): Promise<FaceTexture> {
  const lattice = Array.from({ length: 16 }, (_, line) => {
    const at = line * 40 - 330;
    return `<path d="M${at} 0l350 350M${at + 350} 0l-350 350"/>`;
  }).join("");
  const back = await renderSvg(
    document(
      paper() + `<clipPath id="inner"><rect x="18" y="18" width="214" height="314" rx="10"/></clipPath>` +
        `<rect x="18" y="18" width="214" height="314" rx="10" fill="${colour}"/>` +
        `<g clip-path="url(#inner)" stroke="#fff" stroke-opacity=".75" stroke-width="7">${lattice}</g>`,
    ),
    { fonts: [], height },
  );
  return { ...back, glyph: new Uint8Array(back.width * height) };
}

function document(content: string): string {
  const width = CARD_WIDTH + 2 * MARGIN, height = CARD_HEIGHT + 2 * MARGIN;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="${-MARGIN} ${-MARGIN} ${width} ${height}">${content}</svg>`;
}

function paper(): string {
  return `<rect width="250" height="350" rx="17" fill="#fbfaf5"/>` +
    `<rect x="2" y="2" width="246" height="346" rx="15" fill="none" stroke="#8a8a85" stroke-width="3"/>`;
}

/** The rank, its capital height half of the card's; "10" is set narrower. */
function rankText({ rank, font, fill }: { rank: Rank; font: FontName; fill: string }): string {
  const family = font.replace(" Bold", "");
  const size = 225, baseline = CARD_HEIGHT / 2 + size * 0.365;
  const narrower = rank.length > 1 ? 0.72 : rank === "Q" || rank === "A" ? 0.98 : 1;
  return `<text transform="translate(${CARD_WIDTH / 2} ${baseline}) scale(${narrower} 1)" text-anchor="middle" ` +
    `font-family="${family}" font-weight="bold" font-size="${size}" fill="${fill}">${rank}</text>`;
}
