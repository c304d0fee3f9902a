/** Saving in the background: names, what stays after a failure, and how a failure is made up for. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { stub } from "@std/testing/mock";
import { type FileLayer, nodeFiles, openBundle, stateNumber, writeBundle } from "../../../../checkpoint/mod.ts";
import { type Best, NO_BEST } from "../../../../detector/train/best.ts";
import type { Progress } from "../../../../detector/train/progress.ts";
import { patientFiles, runFiles } from "../../../../detector/logs/run_files.ts";
import { RunLog } from "../../../../detector/logs/run_log.ts";
import { type SavedSession, Saver } from "../../../../detector/train/records/saver.ts";
import type { KeepCheckpoints, TrainOptions } from "../../../../detector/config/mod.ts";
import { train } from "../../../../detector/train/trainer.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { systemError } from "../../../helpers/memory_files.ts";
import { inFolder } from "../../../helpers/in_folder.ts";
import { TestUi, tinyTrainingConfig, tinyTrainOptions, writeTinyCoco } from "../../../helpers/tiny_training.ts";

/** A real disk that is full on request. */
class Disk implements FileLayer {
  isFull = false;
  open: FileLayer["open"] = async (path, mode) => {
    const handle = await nodeFiles.open(path, mode);
    return {
      size: () => handle.size(),
      read: (buffer, position) => handle.read(buffer, position),
      write: (buffer, position) => this.isFull ? Promise.reject(systemError("ENOSPC")) : handle.write(buffer, position),
      sync: () => handle.sync(),
      close: () => handle.close(),
    };
  };
  rename = nodeFiles.rename;
  remove = nodeFiles.remove;
  syncFolder = nodeFiles.syncFolder;
  list = nodeFiles.list;
}

/** A session that stands after an epoch (`samples` 0) or in the middle of one, three steps to an epoch. */
function session(epoch: number, { samples = 0, best = NO_BEST }: { samples?: number; best?: Best } = {}): SavedSession {
  const step = 3 * epoch + samples;
  const progress: Progress = { epoch, step, samples, phase: "train" };
  const data = new Uint8Array(64).fill(step);
  return {
    progress,
    best: { regular: best, ema: NO_BEST },
    capture: () =>
      Promise.resolve({ tensors: new Map([["w", { dtype: "u8", shape: [64], data }]]), state: { epoch, step } }),
  };
}

interface Setup {
  readonly folder: string;
  readonly disk: Disk;
  readonly saver: Saver;
  readonly warnings: string[];
  /** Steps of the bundles, by name. */
  bundles(): Promise<Record<string, number | undefined>>;
}

const withSaver = (
  options: { interval?: number; keep?: KeepCheckpoints },
  body: (setup: Setup) => Promise<void>,
) =>
  inFolder(async (folder) => {
    const disk = new Disk();
    const warnings: string[] = [];
    const { interval = 100, keep = "all" } = options;
    const saver = new Saver({
      ...{ folder, interval, keep, compress: false, retryAfter: 0, layer: disk },
      runtime: () => null,
      warn: (line) => warnings.push(line),
    });
    const bundles = async () => {
      const found: Record<string, number | undefined> = {};
      for (const { name } of await Array.fromAsync(Deno.readDir(folder))) {
        await using bundle = await openBundle(`${folder}/${name}`); // a left-over temporary file would be noticed
        assertEquals((await bundle.verify()).problems, []);
        found[name] = stateNumber(bundle.state, "step");
      }
      return found;
    };
    try {
      await body({ folder, disk, saver, warnings, bundles });
    } finally {
      await saver.close();
    }
  });

Deno.test("the bundle before the newest stays, and states after an epoch bear their further names", () =>
  withSaver({ interval: 2 }, async ({ saver, bundles, warnings }) => {
    assert(await saver.save(session(1, { best: { ap: 0.1, epoch: 0 } }), { wait: true }));
    assertEquals(await bundles(), { "checkpoint.dino": 3, "checkpoint_best_regular.dino": 3 });
    assert(await saver.save(session(1, { samples: 2, best: { ap: 0.1, epoch: 0 } }), { wait: true }));
    assert(await saver.save(session(2, { best: { ap: 0.1, epoch: 0 } }), { wait: true }));
    assertEquals(await bundles(), {
      "checkpoint.dino": 6,
      "checkpoint_previous.dino": 5,
      "checkpoint_best_regular.dino": 3,
      "checkpoint0001.dino": 6,
    });
    assertEquals(warnings, []);
  }));

Deno.test("a full disk stops nothing: it is told, both bundles stay, and a later save makes up for it", () =>
  withSaver({}, async ({ saver, disk, bundles, warnings }) => {
    await saver.save(session(0, { samples: 1 }));
    await saver.save(session(0, { samples: 2 }), { wait: true });
    disk.isFull = true;
    assertEquals(await saver.save(session(1), { wait: true }), false);
    assertEquals(await bundles(), { "checkpoint.dino": 2, "checkpoint_previous.dino": 1 });
    assertEquals(warnings.length, 1);
    assertMatch(
      warnings[0],
      /checkpoint\.dino: expected to save it but no space is left; .* continues with the previous bundle intact, and tries again/,
    );
    assertEquals([saver.retryIsDue, await saver.finish()], [true, false]);
    disk.isFull = false;
    assert(await saver.save(session(1, { samples: 1 }), { wait: true }));
    assertEquals(await bundles(), { "checkpoint.dino": 4, "checkpoint_previous.dino": 2 });
    assertEquals([saver.retryIsDue, await saver.finish(), warnings.length], [false, true, 1]);
  }));

Deno.test("a state that deserves a name is kept while the disk is full, and gets its name before newer ones are saved", () =>
  withSaver({ interval: 1 }, async ({ saver, disk, bundles, warnings }) => {
    await saver.save(session(1), { wait: true });
    disk.isFull = true;
    const best = { ap: 0.5, epoch: 1 };
    await saver.save(session(2, { best }), { wait: true });
    await saver.save(session(2, { samples: 1, best }), { wait: true });
    disk.isFull = false;
    assert(await saver.save(session(2, { samples: 2, best }), { wait: true }));
    assertEquals(await bundles(), {
      "checkpoint.dino": 8,
      "checkpoint_previous.dino": 6,
      "checkpoint_best_regular.dino": 6,
      "checkpoint0000.dino": 3,
      "checkpoint0001.dino": 6,
    });
    assertEquals(warnings.some((line) => line.startsWith("given up")), false);
  }));

Deno.test("of two named states that could not be saved the newer one is kept, and the other one's loss is told", () =>
  withSaver({ interval: 1 }, async ({ saver, disk, bundles, warnings }) => {
    disk.isFull = true;
    await saver.save(session(1), { wait: true });
    await saver.save(session(2), { wait: true });
    assertEquals(warnings.at(-1), "given up: checkpoint0000.dino, since there is a newer state to save");
    disk.isFull = false;
    await saver.save(session(2, { samples: 1 }), { wait: true });
    assertEquals(await bundles(), {
      "checkpoint.dino": 7,
      "checkpoint_previous.dino": 6,
      "checkpoint0001.dino": 6,
    });
  }));

Deno.test("the last numbered bundles stay, and later ones of a run that was taken back are left alone", () =>
  withSaver({ interval: 1, keep: 2 }, async ({ folder, saver, bundles }) => {
    await writeBundle(`${folder}/checkpoint0008.dino`, await session(9).capture(null));
    for (const epoch of [1, 2, 3, 4]) await saver.save(session(epoch), { wait: true });
    assertEquals(Object.keys(await bundles()).sort(), [
      "checkpoint.dino",
      "checkpoint0002.dino",
      "checkpoint0003.dino",
      "checkpoint0008.dino",
      "checkpoint_previous.dino",
    ]);
  }));

Deno.test("nothing is pruned for a bundle that could not be written", () =>
  withSaver({ interval: 1, keep: 1 }, async ({ saver, disk, bundles }) => {
    await saver.save(session(1), { wait: true });
    disk.isFull = true;
    await saver.save(session(2), { wait: true });
    assertEquals((await bundles())["checkpoint0000.dino"], 3);
    disk.isFull = false;
    await saver.save(session(2), { wait: true });
    const found = await bundles();
    assertEquals([found["checkpoint0000.dino"], found["checkpoint0001.dino"]], [undefined, 6]);
  }));

Deno.test("a resumed run gives the names that a kill prevented, and takes none from a later state", () =>
  withSaver({ interval: 1 }, async ({ folder, saver, bundles }) => {
    const best = { ap: 0.5, epoch: 1 };
    const resumed = session(2, { best });
    await writeBundle(`${folder}/checkpoint.dino`, await resumed.capture(null));
    await writeBundle(`${folder}/checkpoint_best_regular.dino`, await session(1).capture(null));
    await saver.restoreNames(resumed, `${folder}/checkpoint.dino`);
    const named = { "checkpoint.dino": 6, "checkpoint_best_regular.dino": 6, "checkpoint0001.dino": 6 };
    assertEquals(await bundles(), named);
    const earlier = session(1, { best: { ap: 0.2, epoch: 0 } });
    await writeBundle(`${folder}/checkpoint0000.dino`, await earlier.capture(null));
    await saver.restoreNames(earlier, `${folder}/checkpoint0000.dino`);
    assertEquals(await bundles(), { ...named, "checkpoint0000.dino": 3 });
  }));

Deno.test("a resumed run gives no name away that a bundle bears which cannot be read", () =>
  withSaver({ interval: 1 }, async ({ folder, saver }) => {
    const resumed = session(2, { best: { ap: 0.5, epoch: 1 } });
    await writeBundle(`${folder}/checkpoint.dino`, await resumed.capture(null));
    await Deno.writeTextFile(`${folder}/checkpoint_best_regular.dino`, "damaged");
    await saver.restoreNames(resumed, `${folder}/checkpoint.dino`);
    assertEquals(await Deno.readTextFile(`${folder}/checkpoint_best_regular.dino`), "damaged");
    assertEquals(await Deno.readFile(`${folder}/checkpoint0001.dino`), await Deno.readFile(saver.path));
  }));

Deno.test("a run that begins keeps the log of an earlier one under another name", () =>
  inFolder(async (folder) => {
    const log = new RunLog(folder);
    assertEquals(log.begin(), null);
    for (const suffix of [".earlier", ".earlier.2"]) {
      log.append({ epoch: 0, suffix });
      assertEquals(log.begin(), `${folder}/log.txt${suffix}`);
      assertEquals(JSON.parse(await Deno.readTextFile(`${folder}/log.txt${suffix}`)).suffix, suffix);
    }
    assertEquals(log.begin(), null);
  }));

Deno.test("what killed writers left is removed, and the previous bundle outlives a kill between its two renames", () =>
  withSaver({}, async ({ folder, saver, bundles }) => {
    await saver.save(session(0, { samples: 1 }), { wait: true });
    await saver.save(session(0, { samples: 2 }), { wait: true });
    await Deno.link(`${folder}/checkpoint.dino`, `${folder}/checkpoint_previous.dino.tmp-staged`);
    await Deno.writeTextFile(`${folder}/checkpoint.dino.tmp-01234567`, "half a bundle");
    await saver.clean();
    assertEquals(await bundles(), { "checkpoint.dino": 2, "checkpoint_previous.dino": 1 });
  }));

Deno.test("lines that cannot be added to a record are kept, told once and added later, none torn and none twice", () => {
  const warnings: string[] = [];
  let full = false;
  let text = "";
  const files = patientFiles({
    ...runFiles,
    appendText: (file, more) => {
      if (full) throw new DinogradError("checkpoint", `${file}: expected to add to it but no space is left`);
      text += more;
    },
  }, (line) => warnings.push(line));
  const log = new RunLog("out", files);
  for (let epoch = 0; epoch < 5; epoch++) {
    full = epoch === 1 || epoch === 2;
    log.append({ epoch });
  }
  assertEquals(text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line).epoch), [0, 1, 2, 3, 4]);
  assertEquals(warnings.length, 2);
  assertMatch(warnings[0], /log\.txt: expected to add to it but no space is left; training continues/);
});

Deno.test("a record that is added to may be written by no more people than any other file", () =>
  inFolder(async (folder) => {
    runFiles.appendText(`${folder}/log.txt`, "1\n");
    runFiles.appendText(`${folder}/log.txt`, "2\n");
    assertEquals(await Deno.readTextFile(`${folder}/log.txt`), "1\n2\n");
    const { mode } = await Deno.stat(`${folder}/log.txt`);
    if (mode !== null) assertEquals(mode & 0o777, 0o666 & ~Deno.umask()); // null: Windows
  }));

Deno.test("between two ends of epochs a run saves only when as many minutes or steps have passed as it was told", () =>
  inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    const savedBy = async (name: string, changes: Partial<TrainOptions>) => {
      const options = tinyTrainOptions(
        { outputDir: `${folder}/${name}`, cocoPath, config: tinyTrainingConfig() },
        changes,
      );
      await train(options, new TestUi(), { reached: ({ progress }) => progress.step === 3 });
      return runFiles.exists(`${folder}/${name}/checkpoint.dino`);
    };
    assertEquals(await savedBy("never", {}), false);
    assertEquals(await savedBy("hourly", { saveEveryMinutes: 60 }), false);
    assertEquals(await savedBy("always", { saveEveryMinutes: 0 }), true);
    assertEquals(await savedBy("second", { saveEverySteps: 2 }), true);
    assertEquals(await savedBy("later", { saveEverySteps: 4 }), false);
  }));

Deno.test("a time of day that is set back or forward a day in mid-run neither delays a save nor hastens one", () =>
  inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    const { now } = Date;
    let shift = 0;
    using _clock = stub(Date, "now", () => now() + shift);
    const savedAfter = async (name: string, { days, minutes }: { days: number; minutes: number }) => {
      const options = tinyTrainOptions(
        { outputDir: `${folder}/${name}`, cocoPath, config: tinyTrainingConfig() },
        { saveEveryMinutes: minutes },
      );
      shift = 0;
      const reached = ({ progress }: SavedSession) => {
        if (progress.step === 1) shift = days * 86_400_000;
        return progress.step === 2;
      };
      await train(options, new TestUi(), { reached });
      return runFiles.exists(`${folder}/${name}/checkpoint.dino`);
    };
    assertEquals(await savedAfter("back", { days: -1, minutes: 0 }), true);
    assertEquals(await savedAfter("forward", { days: 1, minutes: 60 }), false);
  }));

Deno.test("a failed save is tried again when its milliseconds have passed on the clock that runs evenly", () =>
  inFolder(async (folder) => {
    let milliseconds = 5000;
    const disk = new Disk();
    const saver = new Saver({
      ...{ folder, interval: 100, keep: "all" as const, compress: false, retryAfter: 30_000, layer: disk },
      runtime: () => null,
      warn: () => {},
      now: () => milliseconds,
    });
    disk.isFull = true;
    milliseconds += 1000;
    assertEquals(saver.sinceLastSave, 1000);
    await saver.save(session(1), { wait: true });
    assertEquals([saver.sinceLastSave, saver.retryIsDue], [0, false]);
    milliseconds += 29_999;
    assertEquals(saver.retryIsDue, false);
    milliseconds += 1;
    assertEquals([saver.sinceLastSave, saver.retryIsDue], [30_000, true]);
    disk.isFull = false;
    await saver.save(session(1), { wait: true });
    milliseconds += 86_400_000;
    assertEquals(saver.retryIsDue, false);
    await saver.close();
  }));
