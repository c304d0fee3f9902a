export function carry(
  file: readonly string[],
  model: readonly string[],
  renamed: Readonly<Record<string, string>> = {},
): [number, number][] {
  return file.flatMap((name, from): [number, number][] => {
    const to = model.indexOf(renamed[name] ?? name);
    return to < 0 ? [] : [[from, to]];
  });
}
