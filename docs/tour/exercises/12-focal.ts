import { yours } from "./exercise.ts";

/**
 * The focal loss of a logit x (γ = 2) without overflow: -α (1 - p)² ln p where the class is there, -(1 - α) p² ln (1 - p) where
 * it is not, with p = sigmoid(x). At x = ±1000 it must be a finite number too.
 */
export function focalLoss(x: number, isThere: boolean, alpha = 0.25): number {
  return yours();
}
