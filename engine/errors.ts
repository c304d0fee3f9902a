/** The error class of the whole project, where everything above the seam to platforms takes it from. */
export { DinogradError, type ErrorKind } from "../platform/errors.ts";
