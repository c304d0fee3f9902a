/**
 * TensorBoard's event file, read by a reader that is written apart from the writer: records with their checksums, fields by
 * their numbers. A run that is stopped and resumed has each step and each evaluation once.
 */
import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { EVENT_FILE, EventFile } from "../../../../detector/logs/event_file.ts";
import { runFiles } from "../../../../detector/logs/run_files.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { train } from "../../../../detector/train/trainer.ts";
import { inFolder } from "../../../helpers/in_folder.ts";
import {
  runTraining,
  TestUi,
  tinyTrainingConfig,
  tinyTrainOptions,
  writeTinyCoco,
} from "../../../helpers/tiny_training.ts";

/** CRC-32C bit by bit, masked as TFRecords are. */
function expectedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  crc ^= 0xffffffffn;
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn);
}

/** A message as its fields, in order: number, and number or bytes. */
function parse(bytes: Uint8Array): [number, bigint | Uint8Array][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields: [number, bigint | Uint8Array][] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n;; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint()), kind = key & 7;
    if (kind === 0) fields.push([key >> 3, varint()]);
    else {
      const length = kind === 1 ? 8 : kind === 5 ? 4 : Number(varint());
      assert([1, 2, 5].includes(kind) && at + length <= bytes.length, "a field that ends within its message");
      fields.push([key >> 3, bytes.slice(at, at += length)]);
    }
  }
  return fields;
}

const textOf = (value: bigint | Uint8Array | undefined) => new TextDecoder().decode(value as Uint8Array);
const field = (fields: [number, bigint | Uint8Array][], number: number) => fields.find(([own]) => own === number)?.[1];

interface ReadEvent {
  readonly step: number;
  readonly wallTime: number;
  readonly version?: string;
  readonly scalars: Record<string, number>;
  readonly texts: Record<string, string>;
}

function readEvents(folder: string): ReadEvent[] {
  const bytes = Deno.readFileSync(`${folder}/${EVENT_FILE}`);
  const view = new DataView(bytes.buffer);
  const events: ReadEvent[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(view.getBigUint64(at, true));
    assertEquals(view.getUint32(at + 8, true), expectedCrc(bytes.subarray(at, at + 8)));
    const data = bytes.slice(at + 12, at + 12 + length);
    assertEquals(view.getUint32(at + 12 + length, true), expectedCrc(data));
    at += 16 + length;
    const event = parse(data);
    const scalars: Record<string, number> = {}, texts: Record<string, string> = {};
    const summary = field(event, 5);
    for (const [, value] of summary === undefined ? [] : parse(summary as Uint8Array)) {
      const parts = parse(value as Uint8Array);
      const [tag, simple, tensor, metadata] = [1, 2, 8, 9].map((number) => field(parts, number));
      if (simple !== undefined) {
        scalars[textOf(tag)] = new DataView((simple as Uint8Array).buffer).getFloat32(0, true);
      } else {
        const content = parse(tensor as Uint8Array);
        assertEquals(field(content, 1), 7n); // DT_STRING
        const plugin = field(parse(metadata as Uint8Array), 1) as Uint8Array;
        assertEquals(textOf(field(parse(plugin), 1)), "text");
        texts[textOf(tag)] = textOf(field(content, 8));
      }
    }
    const version = field(event, 3);
    events.push({
      step: Number(field(event, 2) ?? 0n),
      wallTime: new DataView((field(event, 1) as Uint8Array).buffer).getFloat64(0, true),
      ...(version === undefined ? {} : { version: textOf(version) }),
      scalars,
      texts,
    });
  }
  return events;
}

/** What must not depend on when a run was interrupted. */
const timeless = (events: readonly ReadEvent[]) =>
  events.map(({ wallTime: _, scalars, ...rest }) => ({
    ...rest,
    scalars: Object.fromEntries(Object.entries(scalars).filter(([tag]) => !tag.startsWith("time/"))),
  }));

Deno.test("the reader's checksum is CRC-32C, masked", () => {
  const crc = 0xe3069283; // the check value of CRC-32C, of the nine digits
  const masked = ((crc >>> 15 | crc << 17) + 0xa282ead8) >>> 0;
  assertEquals(expectedCrc(new TextEncoder().encode("123456789")), masked);
});

Deno.test("losses by part, rates, scores and settings are in the event file, each step once however often a run is stopped or killed", () =>
  inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    const config = tinyTrainingConfig({ batch_size: 3 });
    const options = (name: string) =>
      tinyTrainOptions({ outputDir: `${folder}/${name}`, cocoPath, config }, { tensorboard: true });
    await runTraining(options("straight"));
    const events = readEvents(`${folder}/straight`);
    assertEquals(events[0].version, "brain.Event:2");
    assertMatch(events[1].texts.config, /^ {4}modelname = 'dino'\n[^]*\n {4}batch_size = 3\n/);
    assertEquals(events.map(({ step }) => step), [0, 0, 1, 2, 2, 3, 4, 4]);
    assert(events.every(({ wallTime }) => Math.abs(wallTime - Date.now() / 1000) < 3600));
    const [, , first, , evaluation] = events;
    const trace = Deno.readTextFileSync(`${folder}/straight/trace.jsonl`).trimEnd().split("\n").map((l) =>
      JSON.parse(l)
    );
    assertAlmostEquals(first.scalars["train/loss"], trace[0].loss, 1e-4);
    const { scalars } = first;
    assertAlmostEquals(
      scalars["train/loss_ce"] + scalars["train/loss_bbox"] + scalars["train/loss_giou"],
      scalars["train/loss"],
      1e-3,
    );
    for (const tag of ["train/lr_main", "train/lr_backbone", "train/gradient_norm"]) assert(scalars[tag] > 0, tag);
    for (const tag of ["val/AP", "val/AP50", "val/average_AP", "val/loss", "time/seconds", "time/evaluation_seconds"]) {
      assert(tag in evaluation.scalars, tag);
    }

    let isFinished = false;
    for (let part = 0; !isFinished; part++) {
      const again = { ...options("stopped"), resume: part === 0 ? null : "auto" };
      isFinished = (await runTraining(again, { stopAfter: 1 })).result.finished;
    }
    assertEquals(timeless(readEvents(`${folder}/stopped`)), timeless(events));

    // Killed after its last evaluation, of which no bundle knows, in the middle of writing a record.
    let reached = 0;
    await train(options("killed"), new TestUi(), {
      reached: ({ progress }) => progress.step === 4 && ++reached === 2,
    });
    const torn = Uint8Array.of(40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3);
    await Deno.writeFile(`${folder}/killed/${EVENT_FILE}`, torn, { append: true });
    await runTraining({ ...options("killed"), resume: "auto" });
    assertEquals(timeless(readEvents(`${folder}/killed`)), timeless(events));
    const { ui } = await runTraining(tinyTrainOptions({ outputDir: `${folder}/without`, cocoPath, config }));
    assertEquals(ui.warnings.filter((line) => line.includes("tfevents")), []);
    assert(!await Deno.stat(`${folder}/without/${EVENT_FILE}`).then(() => true, () => false));
  }));

Deno.test("what was in the file's place is kept under another name", () =>
  inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    const outputDir = `${folder}/run`;
    await Deno.mkdir(outputDir);
    await Deno.writeTextFile(`${outputDir}/${EVENT_FILE}`, "of an earlier run");
    const config = tinyTrainingConfig({ batch_size: 6, epochs: 1, use_ema: false });
    await runTraining(tinyTrainOptions({ outputDir, cocoPath, config }, { tensorboard: true }));
    assertEquals(await Deno.readTextFile(`${outputDir}/events.earlier`), "of an earlier run");
    assertEquals(readEvents(outputDir).map(({ step }) => step), [0, 0, 1, 1]);
  }));

Deno.test("events that cannot be written are one warning, and are added when they can", () =>
  inFolder((folder) => {
    let isFull = false;
    const warnings: string[] = [];
    const files = {
      ...runFiles,
      appendBytes(file: string, bytes: Uint8Array) {
        if (isFull) throw new DinogradError("checkpoint", "no space");
        runFiles.appendBytes(file, bytes);
      },
    };
    const events = new EventFile(folder, (line) => warnings.push(line), files);
    events.begin({ step: 0, isEvaluated: true });
    for (let step = 1; step <= 4; step++) {
      isFull = step === 2 || step === 3;
      events.add({ step, scalars: { "train/loss": step } });
    }
    assertEquals(warnings, ["no space; training continues, its events are kept and added later"]);
    assertEquals(readEvents(folder).map(({ step }) => step), [0, 1, 2, 3, 4]);
    return Promise.resolve();
  }));
