/**
 * Digits to learn from, drawn instead of downloaded: each of ten small patterns is moved, stretched, thickened and covered
 * with noise, all by one stream of random numbers, so that every run sees the same ones.
 */

import type { RandomStream } from "@dinograd/dinograd/engine";

/** Side of an image in pixels. */
export const SIDE = 14;

/** Five by seven pixels for each digit. */
const PATTERNS = [
  [".###.", "#...#", "#..##", "#.#.#", "##..#", "#...#", ".###."],
  ["..#..", ".##..", "..#..", "..#..", "..#..", "..#..", ".###."],
  [".###.", "#...#", "....#", "...#.", "..#..", ".#...", "#####"],
  ["####.", "....#", "....#", ".###.", "....#", "....#", "####."],
  ["...#.", "..##.", ".#.#.", "#..#.", "#####", "...#.", "...#."],
  ["#####", "#....", "####.", "....#", "....#", "#...#", ".###."],
  ["..##.", ".#...", "#....", "####.", "#...#", "#...#", ".###."],
  ["#####", "....#", "...#.", "..#..", ".#...", ".#...", ".#..."],
  [".###.", "#...#", "#...#", ".###.", "#...#", "#...#", ".###."],
  [".###.", "#...#", "#...#", ".####", "....#", "...#.", ".##.."],
];

/** How dark a pattern is at a place: between pixels, the mean of the four around it. */
function ink(pattern: readonly string[], x: number, y: number): number {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const at = (row: number, column: number) => pattern[row]?.[column] === "#" ? 1 : 0;
  const [right, below] = [x - left, y - top];
  return at(top, left) * (1 - right) * (1 - below) + at(top, left + 1) * right * (1 - below) +
    at(top + 1, left) * (1 - right) * below + at(top + 1, left + 1) * right * below;
}

/** So many digits: pixels around 0..1, row by row, and which digit each is. */
export function drawDigits(count: number, random: RandomStream): { images: Float32Array; labels: Int32Array } {
  const images = new Float32Array(count * SIDE * SIDE);
  const labels = Int32Array.from({ length: count }, () => random.int(10));
  const between = (low: number, high: number) => low + (high - low) * random.uniform();
  for (let i = 0; i < count; i++) {
    const [scaleX, scaleY, slant] = [between(0.42, 0.62), between(0.48, 0.66), between(-0.25, 0.25)];
    const [moveX, moveY, strength] = [between(-2, 2), between(-1.5, 1.5), between(0.7, 1.3)];
    for (let row = 0; row < SIDE; row++) {
      for (let column = 0; column < SIDE; column++) {
        const y = (row - SIDE / 2 + 0.5 - moveY) * scaleY;
        const x = (column - SIDE / 2 + 0.5 - moveX) * scaleX + slant * y;
        const value = strength * ink(PATTERNS[labels[i]], x + 2, y + 3) + 0.25 * random.normal();
        images[(i * SIDE + row) * SIDE + column] = value;
      }
    }
  }
  return { images, labels };
}
