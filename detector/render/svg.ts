/**
 * From SVG text to pixels with resvg compiled to WebAssembly (`@resvg/resvg-wasm`), which also shapes text in any script
 * and direction. Only fonts given here are used, never the system's, so the same SVG gives the same pixels everywhere.
 */
import { initWasm, Resvg } from "@resvg/resvg-wasm";
import { readAsset } from "../../platform/assets.ts";
import { visible } from "../../engine/visible.ts";
import { type FontName, fontsFor } from "./fonts.ts";

export type { FontName } from "./fonts.ts";

/**
 * A rendered picture: `[height, width, 4]`, red, green, blue (multiplied by alpha) and alpha.
 *
 * @category Pictures
 */
export interface Rendering {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Four bytes a pixel, row by row from the top. */
  readonly rgba: Uint8Array;
}

let rendererReady: Promise<void> | undefined;

/**
 * Fonts of the text, and the height of the picture.
 *
 * @category Pictures
 */
export interface RenderOptions {
  /** Fonts that the SVG's text may use; the first is the default. UnifontEX joins them for characters that they lack. */
  readonly fonts: readonly FontName[];
  /** Further font files (TrueType, OpenType), for scripts that those lack. */
  readonly extraFonts?: readonly Uint8Array[];
  /** Scale to this height in pixels; default: the SVG's own size. */
  readonly height?: number;
}

/**
 * Renders an SVG document.
 * @throws {Error} if it is not well-formed
 * @category Pictures
 */
export async function renderSvg(svg: string, { fonts, extraFonts = [], height }: RenderOptions): Promise<Rendering> {
  rendererReady ??= startRenderer();
  const fontBuffers = (await fontsFor(svg, fonts)).map(({ bytes }) => bytes);
  await rendererReady;
  const renderer = new Resvg(svg, {
    font: { fontBuffers: [...fontBuffers, ...extraFonts], defaultFontFamily: "DejaVu Sans" },
    fitTo: height === undefined ? { mode: "original" } : { mode: "height", value: height },
  });
  try {
    const rendered = renderer.render();
    const result = { width: rendered.width, height: rendered.height, rgba: rendered.pixels };
    rendered.free();
    return result;
  } finally {
    renderer.free();
  }
}

/**
 * Text with the characters escaped that mean something in XML. Controls and marks of direction are shown as `visible` does
 * (XML forbids most of them); the other two characters that XML forbids become U+FFFD.
 */
export function escapeXml(text: string): string {
  const names: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };
  return visible(text)
    .replaceAll(/[\ufffe\uffff]/g, "\ufffd")
    .replaceAll(/[&<>"']/g, (character) => names[character]);
}

async function startRenderer(): Promise<void> {
  const bytes = await readAsset("@resvg/resvg-wasm/index_bg.wasm", urlOfIndexBg);
  await initWasm(bytes);
}

// A constant of its own, in a function of its own: only such a specifier is rewritten when the package is published.
function urlOfIndexBg(): string {
  const url = import.meta.resolve("@resvg/resvg-wasm/index_bg.wasm");
  return url;
}
