/** What the actions of `dataset` are called with. */
import type { DatasetFormat } from "../../detector/data/formats/annotated.ts";
import type { Terminal } from "../shared/terminal.ts";

/** The flags of all actions; each says which it has no use for. */
export interface DatasetFlags {
  readonly out?: string;
  readonly images?: number;
  readonly val_images?: number;
  readonly seed: number;
  readonly size?: number;
  readonly overwrite?: true;
  readonly from?: DatasetFormat;
  readonly to?: DatasetFormat;
  readonly link?: true;
  readonly val?: number;
  readonly json?: true;
  readonly checkpoint?: string;
  readonly show?: readonly string[];
}

/** What is done, to which folder. */
export interface DatasetCall {
  readonly folder: string;
  readonly flags: DatasetFlags;
  readonly terminal: Terminal;
}
