/** Drawing: detections on images, curves as SVG, and SVG as pixels. */
export { type AnnotatedFile, annotateImage, drawDetections, type DrawnDetection } from "./annotate.ts";
export { type Bar, barChart } from "./bars.ts";
export { type Heatmap, heatmap } from "./heatmap.ts";
export { linePlot, type PlotOptions, type Series } from "./plot.ts";
export { escapeXml, type FontName, type Rendering, type RenderOptions, renderSvg } from "../render/svg.ts";
