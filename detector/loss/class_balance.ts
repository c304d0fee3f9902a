/**
 * Class-balanced weights (Cui et al., Class-Balanced Loss Based on Effective Number of Samples, arXiv:1901.05555): the more
 * objects a class has, the less another one adds. With n objects the effective number is E = (1 - β^n) / (1 - β), and a
 * class counts 1 / E.
 */

/**
 * A factor for each class, from the numbers of its objects; the mean over all objects is 1, so that the loss keeps its
 * size. A class without objects has 1, which nothing is multiplied by.
 * @param beta from 0 (all the same) to less than 1 (inversely to the number of objects)
 */
export function classBalancedWeights(counts: readonly number[], beta: number): Float32Array {
  const effective = counts.map((count) => (1 - beta ** count) / (1 - beta));
  const objects = counts.reduce((sum, count) => sum + count, 0);
  const sum = counts.reduce((sum, count, label) => count > 0 ? sum + count / effective[label] : sum, 0);
  return Float32Array.from(counts, (count, label) => count > 0 ? objects / sum / effective[label] : 1);
}
