export function trained(names: readonly string[], frozen: readonly string[]): string[] {
  return names.filter((name) => !frozen.some((keyword) => name.includes(keyword)));
}
