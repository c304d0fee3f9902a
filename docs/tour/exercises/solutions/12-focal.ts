export function focalLoss(x: number, isThere: boolean, alpha = 0.25): number {
  const right = isThere ? x : -x; // the logit of the right answer
  const minusLog = Math.max(-right, 0) + Math.log1p(Math.exp(-Math.abs(right))); // -ln sigmoid(right)
  const missed = 1 / (1 + Math.exp(right));
  return (isThere ? alpha : 1 - alpha) * missed ** 2 * minusLog;
}
