import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Target } from "../../../../detector/data/mod.ts";
import { runFiles } from "../../../../detector/logs/run_files.ts";
import { type StepRecord, stepRecord, StepTrace } from "../../../../detector/train/records/step_trace.ts";
import { inFolder } from "../../../helpers/in_folder.ts";

const records: StepRecord[] = [0, 1, 2, 3].map((step) => ({ step, loss: 1 / (step + 3), images: step, content: 7 }));

const withTrace = (body: (file: string, trace: StepTrace) => void) =>
  inFolder((folder) => {
    const trace = new StepTrace(folder);
    for (const record of records) trace.append(record);
    body(`${folder}/trace.jsonl`, trace);
  });

Deno.test("a trace gives back the steps from one on, bit for bit, and forgets them", () =>
  withTrace((_, trace) => {
    assertEquals(trace.readFrom(2), new Map([[2, records[2]], [3, records[3]]]));
    assertEquals(trace.takeFrom(2), new Map([[2, records[2]], [3, records[3]]]));
    assertEquals(trace.takeFrom(0), new Map([[0, records[0]], [1, records[1]]]));
  }));

Deno.test("a torn last line is passed over, and of a step that was made twice the later record counts", () =>
  withTrace((file, trace) => {
    runFiles.appendText(file, JSON.stringify({ ...records[3], loss: 9 }) + "\n" + '{"step":4,"lo');
    assertEquals(trace.readFrom(3), new Map([[3, { ...records[3], loss: 9 }]]));
  }));

Deno.test("a trace that contradicts the losses in the bundle is of another run: nothing is compared with it", () =>
  withTrace((_, trace) => {
    const known = [0, 1].map((step) => ({ step, loss: records[step].loss }));
    assertEquals(trace.readFrom(2, known).size, 2);
    const other = [known[0], { step: 1, loss: known[1].loss + 2 ** -54 }];
    assertEquals([trace.readFrom(2, other).size, trace.takeFrom(2, other).size], [0, 0]);
    assertEquals(trace.readFrom(0).size, 0);
  }));

Deno.test("the record of a step tells other images, other pixels and other boxes apart", () => {
  const target = (imageId: number, box: number): Target => ({
    imageId,
    boxes: Float32Array.of(box, 0.5, 0.25, 0.25),
    labels: Int32Array.of(3),
    area: Float32Array.of(1),
    iscrowd: new Uint8Array(1),
    originalSize: [2, 2],
    size: [2, 2],
  });
  const batch = (pixel: number, imageId = 1, box = 0.5) => ({
    images: Float32Array.of(pixel, 0, 0),
    targets: [target(imageId, box)],
  });
  const of = (content: ReturnType<typeof batch>) => stepRecord({ step: 0, loss: 1 }, content);
  const base = of(batch(1));
  assertEquals(of(batch(1)), base);
  assertNotEquals(of(batch(1, 2)).images, base.images);
  for (const other of [batch(2), batch(1, 1, 0.75)]) {
    assertEquals(of(other).images, base.images);
    assert(of(other).content !== base.content);
  }
});
