/**
 * What a checkpoint costs: saving and loading the state of DINO R50 with AdamW (564 MB in float32) as a bundle, against
 * `torch.save` and `torch.load` of tensors of the same shapes, on the same disk and at the same time; and how long a
 * training step waits for a save.
 *
 * Run: `deno run -A bench/checkpoint.ts [--folder DIR] [--repeats N]`. Without a python3 that has PyTorch that side is left
 * out. With `--load PATH` it prints the seconds that the first load of a process takes, with `--sparse` how fast chunks are
 * encoded that are mostly zero, and how small they become, against zlib.
 */
import { deflateRawSync } from "node:zlib";
import {
  type Bundle,
  CodecPool,
  type FileLayer,
  nodeFiles,
  openBundle,
  readBundle,
  type StoredTensor,
  writeBundle,
} from "../checkpoint/mod.ts";
import { encodeChunk } from "../checkpoint/codec/planes.ts";
import { preset } from "../detector/config/mod.ts";
import { syntheticBatch } from "../commands/measure/model.ts";
import { buildDino } from "../detector/model/mod.ts";
import { withoutAliases } from "../detector/train/records/bundle_state.ts";
import { TrainingSession } from "../detector/train/session.ts";
import { createCpuDevice } from "../engine/device/wasm/device.ts";
import { DryDevice } from "../engine/device/dry.ts";
import { RandomStream, ZeroStream } from "../engine/random.ts";
import { flagValue } from "./options.ts";
import { runPython } from "./python.ts";
import { say, show } from "./report.ts";

const MEGABYTE = 1e6;
/** As large as those that a bundle is cut into. */
const CHUNK_BYTES = 1 << 21;
const ROUNDS = 30;

/** Names and shapes of the state of DINO R50: weights, and both moments of what is trained. */
function stateShapes(): [string, number[]][] {
  const random = new ZeroStream();
  const model = buildDino({ device: new DryDevice(), random }, preset("DINO_4scale")!); // the name is one of the presets'
  const weights = withoutAliases(model.stateDict()).tensors;
  const trained = new Set([...model.parameters()].filter(([, { requiresGrad }]) => requiresGrad).map(([name]) => name));
  return ["model", "optimizer/exp_avg", "optimizer/exp_avg_sq"].flatMap((group) =>
    [...weights].filter(([name]) => group === "model" || trained.has(name)).map(
      ([name, { shape }]): [string, number[]] => [`${group}/${name}`, [...shape]],
    )
  );
}

/** Normal values with the deviation that weights and moments have; drawn once and used again, to be quick. */
function makeTensors(shapes: readonly [string, number[]][]): Map<string, StoredTensor> {
  const random = RandomStream.named(1, "bench");
  const pool = random.normals(new Float32Array(3_000_000));
  const tensors = new Map<string, StoredTensor>();
  for (const [name, shape] of shapes) {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
    const start = random.int(1000);
    const [scale, square] = name.startsWith("model") ? [0.02, false] : [1e-4, name.includes("sq")];
    for (let index = 0; index < values.length; index++) {
      const value = pool[(start + index) % pool.length] * scale;
      values[index] = square ? value * value : value;
    }
    tensors.set(name, { dtype: "f32", shape, data: new Uint8Array(values.buffer) });
  }
  return tensors;
}

/** The most memory this process has had since it was last asked, in bytes (Linux), or NaN. */
function peakMemory(): number {
  try {
    const kilobytes = /VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
    Deno.writeTextFileSync("/proc/self/clear_refs", "5");
    return Number(kilobytes) * 1024;
  } catch {
    return NaN;
  }
}

interface Measured {
  /** Quickest of the repeats. */
  readonly seconds: number;
  /** Longest time within which the main thread did not get round to a timer. */
  readonly held: number;
  /** Most memory beyond what was there before and what was returned, in bytes. */
  readonly extra: number;
}

/** Measures an operation that returns the bytes it keeps; `prepare` is not measured. */
async function measure(
  repeats: number,
  operation: () => Promise<number>,
  prepare: () => Promise<void> = () => Promise.resolve(),
): Promise<Measured> {
  let seconds = Infinity;
  let extra = 0;
  let held = 0;
  for (let repeat = 0; repeat < repeats; repeat++) {
    await prepare();
    peakMemory();
    const before = Deno.memoryUsage().rss;
    let tick = performance.now();
    const timer = setInterval(() => {
      held = Math.max(held, performance.now() - tick);
      tick = performance.now();
    }, 1);
    const start = performance.now();
    const returned = await operation();
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
    clearInterval(timer);
    extra = Math.max(extra, peakMemory() - before - returned);
  }
  return { seconds, held, extra };
}

interface Reference {
  readonly version: string;
  readonly save: number[];
  readonly synced: number[];
  /** Into memory that the allocator has kept. */
  readonly load: number[];
  /** The first of a process. */
  readonly first: number[];
}

/** The quickest python3 that has PyTorch and what it measured, or null. */
async function reference(
  shapes: readonly [string, number[]][],
  options: { folder: string; repeats: number },
): Promise<Reference | null> {
  const script = new URL("./checkpoint_reference.py", import.meta.url).pathname;
  const args = [script, JSON.stringify(shapes), `${options.folder}/reference.pth`, String(options.repeats)];
  // The script beside this file prints exactly this.
  return await runPython(args) as Reference | null;
}

/** Seconds of the first load of a process, as a resume or an evaluation pays them. */
async function firstLoad(path: string): Promise<number> {
  const args = ["run", "-A", new URL(import.meta.url).pathname, "--load", path];
  const { success, stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).output();
  if (!success) throw new Error(`expected a load of ${path} to succeed`);
  return Number(new TextDecoder().decode(stdout));
}

/**
 * Uses memory once and gives it back. On a virtual machine the first use of a page since its start, or since the host
 * took it back, costs several times what the system itself charges: that is to be measured on neither side.
 */
function touchMemory(): void {
  for (let gigabytes = 0; gigabytes < 3; gigabytes++) new Uint8Array(2 ** 30).fill(1);
}

/** How long a training step of DINO R50 is held up by a save: what the saver waits for before training continues. */
async function heldUp(repeats: number): Promise<number> {
  const device = await createCpuDevice();
  const config = preset("DINO_4scale")!; // the name is one of the presets'
  const session = new TrainingSession({ device, config, seed: 1, stepsPerEpoch: 1, classes: [], freeze: [] });
  await session.step(syntheticBatch(config, { batch: 1, height: 256, width: 320 })); // there are moments from now on
  let seconds = Infinity;
  for (let repeat = 0; repeat < repeats; repeat++) {
    touchMemory();
    const start = performance.now();
    await session.capture(null);
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
  }
  session.dispose();
  await device.destroy();
  return seconds;
}

/** The real disk without any sync: what `torch.save` does, to compare like with like. */
const unsynced: FileLayer = {
  ...nodeFiles,
  async open(path, mode) {
    const handle = await nodeFiles.open(path, mode);
    return {
      size: () => handle.size(),
      read: (buffer, position) => handle.read(buffer, position),
      write: (buffer, position) => handle.write(buffer, position),
      sync: () => Promise.resolve(),
      close: () => handle.close(),
    };
  },
  syncFolder: () => Promise.resolve(),
};

/** The part of a group's raw size that it takes in the file. */
function storedRatio(bundle: Bundle, group: string): string {
  const chosen = [...bundle.tensors].filter(([name]) => name.startsWith(group)).map(([, tensor]) => tensor);
  const [stored, raw] = chosen.reduce(([a, b], tensor) => [a + tensor.storedBytes, b + tensor.bytes], [0, 0]);
  return (stored / raw).toFixed(3);
}

/** Measures and tells. */
export async function run(): Promise<void> {
  const folder = flagValue("--folder") ?? await Deno.makeTempDir();
  const repeats = Number(flagValue("--repeats") ?? 5);
  const path = `${folder}/bench.dino`;
  const shapes = stateShapes();
  touchMemory();
  const python = await reference(shapes, { folder, repeats });
  const tensors = makeTensors(shapes);
  const bytes = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
  const content = { tensors, state: { epoch: 3 } };
  const size = `${tensors.size} tensors, ${(bytes / MEGABYTE).toFixed(0)} MB`;
  say(`${size}, ${navigator.hardwareConcurrency} cores, quickest of ${repeats}`);
  say(python ? `against PyTorch ${python.version}` : "no python3 with PyTorch: that side is left out");

  const best = (times: readonly number[] | undefined) => times ? Math.min(...times) : NaN;
  const rows: string[][] = [];
  const row = (name: string, measured: Partial<Measured> & { seconds: number }, other: readonly number[] | undefined) =>
    rows.push([
      name,
      measured.seconds.toFixed(2),
      other ? (measured.seconds / best(other)).toFixed(2) : "-",
      (bytes / MEGABYTE / measured.seconds).toFixed(0),
      measured.held?.toFixed(0) ?? "-",
      measured.extra === undefined ? "-" : (measured.extra / MEGABYTE).toFixed(0),
    ]);
  if (python) {
    row("torch.save", { seconds: best(python.save) }, python.save);
    row("torch.save, fsync", { seconds: best(python.synced) }, python.synced);
    row("torch.load, memory kept", { seconds: best(python.load) }, python.load);
    row("torch.load, first", { seconds: best(python.first) }, python.first);
  }
  // As on the other side, no old file's pages are given back within the time.
  const prepare = async () => {
    await Deno.remove(path).catch(() => {}); // there is none at first
    touchMemory();
  };
  const save = (compress: boolean, options: { files?: FileLayer; pool?: CodecPool } = {}) =>
    measure(repeats, async () => (await writeBundle(path, content, { compress, ...options }), 0), prepare);
  for (const compress of [false, true]) {
    const name = compress ? "compressed" : "raw";
    const pool = compress ? new CodecPool() : undefined;
    row(`save ${name}, not synced`, await save(compress, { files: unsynced, pool }), python?.save);
    row(`save ${name}`, await save(compress, { pool }), python?.synced);
    pool?.close();
    await using bundle = await openBundle(path);
    if (compress) {
      say(`stored: weights ${storedRatio(bundle, "model")}, everything ${storedRatio(bundle, "")} of raw`);
    }
    const memory = new Map([...bundle.tensors].map(([tensor, { bytes }]) => [tensor, new Uint8Array(bytes).fill(1)]));
    const into = async () => {
      await bundle.readAllInto(memory);
      return 0;
    };
    row(`load ${name}, into memory`, await measure(repeats, into), python?.load);
    memory.clear();
    const fresh = () => readBundle(path).then(() => bytes);
    row(
      `load ${name}, fresh memory`,
      await measure(repeats, fresh, () => Promise.resolve(touchMemory())),
      python?.first,
    );
    const times: number[] = [];
    for (let repeat = 0; repeat < repeats; repeat++) {
      touchMemory();
      times.push(await firstLoad(path));
    }
    row(`load ${name}, first`, { seconds: best(times) }, python?.first);
  }
  tensors.clear();
  row("a training step waits", { seconds: await heldUp(repeats) }, python?.save);
  show(["", "seconds", "x PyTorch", "MB/s", "held (ms)", "extra (MB)"], rows);
  showSparse();
  await Deno.remove(path);
}

/** Encoding a chunk of moments of which so many are not zero, against zlib's fastest level on the same byte planes. */
function sparsePlanes(share: number): string[] {
  const random = RandomStream.named(2, "bench");
  const values = random.normals(new Float32Array(CHUNK_BYTES / 4)).map((v) => random.uniform() < share ? 1e-4 * v : 0);
  const raw = new Uint8Array(values.buffer);
  const out = new Uint8Array(raw.length);
  const planes = [0, 1, 2, 3].map((plane) => Uint8Array.from(values, (_, at) => raw[4 * at + plane]));
  let [ours, theirs] = [0, 0];
  const quickest = (run: () => void) => {
    let best = Infinity;
    for (let round = 0; round < ROUNDS; round++) {
      const start = performance.now();
      run();
      best = Math.min(best, (performance.now() - start) / 1000);
    }
    return best;
  };
  const own = quickest(() => ours = encodeChunk(raw, out, { width: 4, compress: true }).storedBytes);
  const zlibs = quickest(() => {
    theirs = planes.reduce((sum, plane) => sum + deflateRawSync(plane, { level: 1 }).length, 0);
  });
  const speed = (seconds: number) => (raw.length / MEGABYTE / seconds).toFixed(0);
  const stored = (bytes: number) => (bytes / raw.length).toFixed(4);
  return [`${share}`, speed(own), speed(zlibs), (zlibs / own).toFixed(2), stored(ours), stored(theirs)];
}

function showSparse(): void {
  show(
    ["share not zero", "encode, MB/s", "zlib, MB/s", "times", "stored", "zlib"],
    [0.001, 0.02, 0.1, 0.3].map(sparsePlanes),
  );
}

if (import.meta.main) {
  if (Deno.args[0] === "--sparse") showSparse();
  else if (Deno.args[0] === "--load") {
    const start = performance.now();
    await readBundle(Deno.args[1]);
    console.log((performance.now() - start) / 1000);
  } else await run();
}
