/** The exit code of each kind of failure. */
import type { ErrorKind } from "../../engine/errors.ts";

/** 0 is success, 1 what nobody foresaw. */
export const EXIT_CODES: Readonly<Record<ErrorKind, number>> = {
  usage: 2,
  device: 2,
  data: 3,
  checkpoint: 4,
  config: 5,
  nonfinite: 6,
  verification: 7,
  interrupted: 130,
};
