/** Drawing: detections on images, curves as SVG, and SVG as pixels. */
export { type AnnotatedFile, annotateImage, drawDetections, type DrawnDetection } from "./annotate.ts";
export { type Bar, barChart } from "./bars.ts";
export { type Heatmap, heatmap } from "./heatmap.ts";
export { linePlot, type Marks, type PlotOptions, type Series } from "./plot.ts";
export { arrangePictures } from "./panels.ts";
export { contactSheet, type SheetPicture } from "./contact_sheet.ts";
export { type FontName, type Rendering, type RenderOptions, renderSvg } from "../render/svg.ts";
export { renderOpaque } from "./opaque.ts";
