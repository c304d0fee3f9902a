const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** A size as networks and publishers count it, in thousands: 12 kB, 3.4 MB, 191 MB. */
export function decimalSize(bytes: number): string {
  let [unit, value] = [0, bytes];
  for (; value >= 999.5 && unit < UNITS.length - 1; unit++) value /= 1000;
  return `${value.toFixed(unit > 1 && value < 9.95 ? 1 : 0)} ${UNITS[unit]}`;
}
