interface Size {
  width: number;
  height: number;
}

export function toPixels([x, y, w, h]: readonly number[], { width, height }: Size): number[] {
  return [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height];
}

export function toShares([left, top, right, bottom]: readonly number[], { width, height }: Size): number[] {
  return [(left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height];
}
