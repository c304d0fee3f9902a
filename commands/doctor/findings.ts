/** What the questions of `doctor` are answered with. */
import { DinogradError, type ErrorKind } from "../../engine/errors.ts";

/** `wrong`: a resume would fail. `odd`: it would start, and this is worth knowing. */
type Level = "fine" | "odd" | "wrong";

export interface Finding {
  readonly level: Level;
  /**
   * What was looked at: folder, file, run (or its end), config, data, files (of images), images (what is in them), memory,
   * model, device, or the start as a whole.
   */
  readonly about: string;
  readonly text: string;
  /** What to do about it; of odd findings, what becomes of it. Absent where the text says so itself. */
  readonly remedy?: string;
  /** Of wrong findings: the kind of error that training would end with. */
  readonly kind?: ErrorKind;
}

export const fine = (about: string, text: string): Finding => ({ level: "fine", about, text });

export const odd = (about: string, text: string, remedy: string): Finding => ({ level: "odd", about, text, remedy });

export function wrong(about: string, text: string, { kind, remedy }: { kind: ErrorKind; remedy: string }): Finding {
  return { level: "wrong", about, text, remedy, kind };
}

/** Turns what a user can cause into a finding; everything else continues as an error. */
export function asFinding(error: unknown, about: string, remedy: string | ((error: DinogradError) => string)): Finding {
  if (!(error instanceof DinogradError)) throw error;
  return wrong(about, error.message, {
    kind: error.kind,
    remedy: typeof remedy === "string" ? remedy : remedy(error),
  });
}

/** In the order in which a training meets them. */
const STAGES = [
  "folder",
  "file",
  "run",
  "config",
  "data",
  "files",
  "memory",
  "device",
  "model",
  "start",
  "verification",
  "images",
];

/** Of several wrong findings, the one that training would end with; undefined if nothing is wrong. */
export function firstToStop(findings: readonly Finding[]): Finding | undefined {
  const stage = ({ about, kind }: Finding) => STAGES.indexOf(kind === "verification" ? kind : about);
  return findings.filter(({ level }) => level === "wrong").sort((a, b) => stage(a) - stage(b))[0];
}
