/**
 * The fonts that drawings are made with: they ship with the project's dependencies, so that the same drawing looks the same
 * everywhere. DejaVu is beautiful and has Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic, Georgian and symbols. UnifontEX
 * is drawn in pixels and has nearly every script of Unicode 11 and its emoji in one file; it is read where a name needs it.
 */
import { readAsset } from "../../platform/assets.ts";
import { type Coverage, coverageOf, unwrapWoff } from "./font_file.ts";

/**
 * The fonts, by the names that SVG's `font-family` and `font-weight` ask for.
 *
 * @category Pictures
 */
export type FontName = "DejaVu Sans" | "DejaVu Sans Bold" | "DejaVu Serif Bold" | "UnifontEX";

export interface Font {
  /** TrueType. */
  readonly bytes: Uint8Array;
  /** Whether it has a glyph for a code point. */
  readonly covers: Coverage;
}

const loaded = new Map<FontName, Promise<Font>>();

/** Reads a font's file; further calls share the bytes. */
export function loadFont(name: FontName): Promise<Font> {
  const found = loaded.get(name) ?? readFont(name);
  loaded.set(name, found);
  return found;
}

async function readFont(name: FontName): Promise<Font> {
  let file: Uint8Array;
  try {
    file = await FILES[name]();
  } catch (cause) {
    // Also what makes their packages, in which there are no modules, dependencies of this one.
    const { default: { name: from, version } } = name === "UnifontEX"
      ? await import("@fontsource/unifontex/package.json", { with: { type: "json" } })
      : await import("dejavu-fonts-ttf/package.json", { with: { type: "json" } });
    throw new Error(`font ${name} of ${from}@${version} cannot be read`, { cause });
  }
  const bytes = unwrapWoff(file);
  return { bytes, covers: coverageOf(bytes) };
}

const FILES: Readonly<Record<FontName, () => Promise<Uint8Array>>> = {
  "DejaVu Sans": () => readAsset("dejavu-fonts-ttf/ttf/DejaVuSans.ttf", urlOfDejavusans),
  "DejaVu Sans Bold": () => readAsset("dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf", urlOfDejavusansBold),
  "DejaVu Serif Bold": () => readAsset("dejavu-fonts-ttf/ttf/DejaVuSerif-Bold.ttf", urlOfDejavuserifBold),
  UnifontEX: () =>
    readAsset("@fontsource/unifontex/files/unifontex-latin-400-normal.woff", urlOfUnifontexLatin400Normal),
};

/** Fonts for a text, whatever else is in it: those given, and UnifontEX where all of them lack a character. */
export async function fontsFor(text: string, fonts: readonly FontName[]): Promise<Font[]> {
  const given = await Promise.all(fonts.map(loadFont));
  return lettersBeyond(text, given).length === 0 ? given : [...given, await loadFont("UnifontEX")];
}

/**
 * Prepares a text for drawing in a font: a character that neither it nor UnifontEX has stands as its code point, such as
 * `U+20BB7`.
 */
export async function drawableText(text: string, font: FontName): Promise<string> {
  const first = await loadFont(font);
  if (lettersBeyond(text, [first]).length === 0) return text;
  const lacking = new Set(lettersBeyond(text, [first, await loadFont("UnifontEX")]));
  return Array.from(
    text.replaceAll(INVISIBLE, ""),
    (letter) => lacking.has(letter) ? `U+${codePointOf(letter).toString(16).toUpperCase().padStart(4, "0")}` : letter,
  ).join("");
}

/** Joiners and selectors of variants change the look of their neighbours in fonts that know how; here they are nothing. */
const INVISIBLE = /[\u200d\ufe00-\ufe0f]/gu;

const codePointOf = (letter: string) => letter.codePointAt(0) ?? 0;

/** The characters, controls aside, for which no font has a glyph. */
function lettersBeyond(text: string, fonts: readonly Font[]): string[] {
  return [...new Set(text)].filter((letter) =>
    codePointOf(letter) >= 0x20 && fonts.every(({ covers }) => !covers(codePointOf(letter)))
  );
}

// A constant of its own, in a function of its own: only such a specifier is rewritten when the package is published.
function urlOfDejavusans(): string {
  const url = import.meta.resolve("dejavu-fonts-ttf/ttf/DejaVuSans.ttf");
  return url;
}

function urlOfDejavusansBold(): string {
  const url = import.meta.resolve("dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf");
  return url;
}

function urlOfDejavuserifBold(): string {
  const url = import.meta.resolve("dejavu-fonts-ttf/ttf/DejaVuSerif-Bold.ttf");
  return url;
}

function urlOfUnifontexLatin400Normal(): string {
  const url = import.meta.resolve("@fontsource/unifontex/files/unifontex-latin-400-normal.woff");
  return url;
}
