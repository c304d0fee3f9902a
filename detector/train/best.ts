/**
 * The best metric so far, with its epoch. It is part of the state: a resumed run must not take its first epoch for the
 * best one. It starts at 0 and only a strictly larger value replaces it, as in the official code.
 */

export interface Best {
  readonly ap: number;
  readonly epoch: number | null;
}

export const NO_BEST: Best = { ap: 0, epoch: null };

/** The better of the record and a new result; the same object where nothing changed. */
export function better(best: Best, ap: number, epoch: number): Best {
  return ap > best.ap ? { ap, epoch } : best;
}
