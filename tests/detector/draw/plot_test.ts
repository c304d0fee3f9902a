import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { arrangePictures, linePlot, renderSvg } from "../../../detector/draw/mod.ts";

/** The coordinates of each curve: the paths and circles inside the clipped group. */
function curves(svg: string): [number, number][][] {
  const group = svg.slice(svg.indexOf("<g clip-path"), svg.indexOf("</g>"));
  return [...group.matchAll(/<path d="([^"]*)"/g)].map(([, commands]) =>
    [...commands.matchAll(/[ML](\S+) (\d+(?:\.\d+)?)/g)].map(([, x, y]): [number, number] => [Number(x), Number(y)])
  );
}

const labels = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text);

Deno.test("a straight line stays straight, rises to the right, and fills the width", () => {
  const svg = linePlot([{ name: "a", points: [[0, 0], [5, 50], [10, 100]] }]);
  const [[first, middle, last]] = curves(svg);
  assert(last[0] > first[0] && last[1] < first[1]);
  assertEquals(middle, [(first[0] + last[0]) / 2, (first[1] + last[1]) / 2]);
});

Deno.test("on a logarithmic axis equal ratios are equal steps, and values that are not positive leave a gap", () => {
  const points: [number, number][] = [[0, 1000], [1, 100], [2, 10], [3, 1], [4, 0], [5, 10]];
  const svg = linePlot([{ name: "a", points }], { logarithmic: true });
  const [curve] = curves(svg);
  assertEquals(curve.length, 5);
  const steps = [1, 2, 3].map((at) => Math.round(curve[at][1] - curve[at - 1][1]));
  assertEquals(new Set(steps).size, 1);
  assert(steps[0] > 0);
  for (const tick of ["1", "10", "100", "1000"]) assert(labels(svg).includes(tick), tick);
});

Deno.test("numbers that are not finite leave a gap", () => {
  const svg = linePlot([{ name: "a", points: [[0, 1], [1, 2], [2, NaN], [3, 4], [4, Infinity], [5, 3]] }]);
  assertEquals(svg.match(/<path d="(M[^"]*L[^"]*)"/)?.[1].match(/M/g)?.length, 3);
});

Deno.test("title, axis labels and the names of all curves are written, with their characters escaped", () => {
  const series = Array.from(
    { length: 12 },
    (_, at) => ({ name: `curve <${at}> ♠`, points: [[0, at], [1, at]] as const }),
  );
  const svg = linePlot(series, { title: "A & B", xLabel: "step", yLabel: "loss" });
  for (const text of ["A &amp; B", "step", "loss", "curve &lt;11&gt; ♠"]) assert(labels(svg).includes(text), text);
  const styles = [...svg.matchAll(/<path d="M[^"]*L[^"]*" (stroke="[^/]*)\/>/g)].map(([, style]) => style);
  assertEquals(new Set(styles).size, 12);
});

Deno.test("a fixed range of y is kept", () => {
  const svg = linePlot([{ name: "AP", points: [[0, 0.2], [1, 0.3]] }], { yRange: [0, 1] });
  for (const tick of ["0", "0.2", "0.4", "0.6", "0.8", "1"]) assert(labels(svg).includes(tick), tick);
});

Deno.test("no points, one point and equal points are drawn sensibly and render", async () => {
  assertStringIncludes(linePlot([]), "no data");
  assertStringIncludes(linePlot([{ name: "a", points: [[3, 7]] }]), "<circle");
  for (const logarithmic of [false, true]) {
    const svg = linePlot([{ name: "a", points: [[3, 7], [4, 7]] }, { name: "b", points: [] }], { logarithmic });
    assert(!/NaN|Infinity|undefined/.test(svg));
    const { width, height, rgba } = await renderSvg(svg, { fonts: ["DejaVu Sans"] });
    assertEquals([width, height], [800, 480]);
    assert(rgba.some((value) => value < 50));
  }
});

Deno.test("long curves are thinned to what can be seen, and no spike is lost", () => {
  const points = Array.from({ length: 100_000 }, (_, x): [number, number] => [x, x === 70_007 ? 50 : Math.sin(x)]);
  const svg = linePlot([{ name: "a", points }]);
  assert(svg.length < 100_000, `${svg.length}`);
  const heights = curves(svg)[0].map(([, y]) => y).sort((a, b) => a - b);
  assert(heights[1] - heights[0] > 200);
});

Deno.test("marks stand where something happened, lines through the plot and strokes at its foot, and are in the legend", () => {
  const marks = [
    { name: "resumed", at: [5], kind: "line" },
    { name: "evaluated", at: [0, 10], kind: "foot" },
    { name: "never", at: [], kind: "line" },
  ] as const;
  const svg = linePlot([{ name: "a", points: [[0, 0], [10, 100]] }], { marks });
  const lines = [...svg.matchAll(/<path d="((?:M\S+ \S+V[\d.]+)+)" stroke="#(999|555)"/g)].map(([, d]) =>
    [...d.matchAll(/M(\S+) (\S+?)V([\d.]+)/g)].map(([, x, from, to]) => [x, from, to].map(Number))
  );
  const [[[middle, bottom, top]], feet] = lines;
  const [[first, last]] = curves(svg).filter((points) => points.length === 2 && points[0][1] !== points[1][1]);
  assertEquals(middle, (first[0] + last[0]) / 2);
  assertEquals([bottom, top], [first[1], last[1]]);
  assertEquals(feet.map(([x, from, to]) => [x, from - to]), [[first[0], 9], [last[0], 9]]);
  assert(labels(svg).includes("resumed") && labels(svg).includes("evaluated") && !labels(svg).includes("never"));
});

Deno.test("small ticks have short names, whatever rounding errors their multiples have", () => {
  const ticks = labels(linePlot([{ name: "a", points: [[0, 0], [1, 0.00012]] }]));
  assert(ticks.includes("6e-5") && ticks.includes("8e-5"), ticks.join(" "));
});

Deno.test("a short logarithmic axis has ticks below the first power of ten, and none beside itself", () => {
  const points = [[0, 3], [1, 40]] as const;
  const ticks = labels(linePlot([{ name: "a", points }], { logarithmic: true, xRange: [0, 1], yRange: [3, 40] }));
  assertEquals(ticks.filter((tick) => Number(tick) > 1), ["5", "10", "20"]);
});

Deno.test("several drawings become one, each at its place", async () => {
  const plot = (width: number, height: number) =>
    linePlot([{ name: "a", points: [[0, 1], [1, 2]] }], { width, height });
  const svg = arrangePictures([[plot(300, 200), plot(200, 250)], [plot(400, 300)]]);
  const { width, height } = await renderSvg(svg, { fonts: ["DejaVu Sans"] });
  assertEquals([width, height], [500, 550]);
  assertEquals([...svg.matchAll(/translate\((\d+) (\d+)\)/g)].map(([, x, y]) => [x, y].map(Number)), [
    [0, 0],
    [300, 0],
    [0, 250],
  ]);
});
