/** What a run says of itself: `results.csv`, curves and pictures in its folder, the same however often it was resumed. */
import { assert, assertAlmostEquals, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { asStateMap, readBundle, stateField, writeBundle } from "../../../../checkpoint/mod.ts";
import type { TrainOptions } from "../../../../detector/config/mod.ts";
import { readImage } from "../../../../detector/data/images/image_codec.ts";
import { runFiles } from "../../../../detector/logs/run_files.ts";
import { RUN_PICTURES } from "../../../../detector/train/report/run_report.ts";
import { train } from "../../../../detector/train/trainer.ts";
import { withTinyCliRun } from "../../../helpers/cli_training.ts";
import { inFolder } from "../../../helpers/in_folder.ts";
import {
  digestIn,
  runTraining,
  TestUi,
  tinyTrainingConfig,
  tinyTrainOptions,
  writeTinyCoco,
} from "../../../helpers/tiny_training.ts";

type Row = Readonly<Record<string, string>>;

const PICTURES = Object.values(RUN_PICTURES);

function linesOf(folder: string): string[] {
  return Deno.readTextFileSync(`${folder}/results.csv`).trimEnd().split("\n");
}

function rowsOf(folder: string): Row[] {
  const [header, ...lines] = linesOf(folder).map((line) => line.split(","));
  return lines.map((fields) => Object.fromEntries(header.map((name, i) => [name, fields[i]])));
}

/** What must not depend on when a run was interrupted. */
const timeless = (rows: readonly Row[]) =>
  rows.map(({ seconds: _, evaluation_seconds: _of, ended: _at, ...rest }) => rest);

interface Setup {
  readonly folder: string;
  options(name: string, changes?: Partial<TrainOptions>): TrainOptions;
}

const withData = (body: (setup: Setup) => Promise<void>) =>
  inFolder(async (folder) => {
    const cocoPath = await writeTinyCoco(`${folder}/coco`);
    const config = tinyTrainingConfig();
    await body({
      folder,
      options: (name, changes) => tinyTrainOptions({ outputDir: `${folder}/${name}`, cocoPath, config }, changes),
    });
  });

Deno.test("the rows of a run that is stopped again and again, or killed before its first save, are those of the straight run", () =>
  withData(async ({ folder, options }) => {
    await runTraining(options("straight"));
    let isFinished = false;
    for (let part = 0; !isFinished; part++) {
      const again = options("stopped", { resume: part === 0 ? null : "auto", plots: part === 1 });
      isFinished = (await runTraining(again, { stopAfter: 2 })).result.finished;
    }
    // One that vanishes, as if killed, at every state that a bundle can hold, and is continued from what it saved.
    for (let left = 1, finished = false; !finished; left += 2) {
      let reached = 0;
      const resume = left === 1 ? null : "auto";
      const hooks = { reached: () => ++reached === left };
      finished = (await train(options("killed", { resume, saveEverySteps: 2 }), new TestUi(), hooks)).finished;
    }
    const straight = timeless(rowsOf(`${folder}/straight`));
    assertEquals(straight.map(({ epoch, step, images }) => [epoch, step, images]), [["0", "3", "6"], ["1", "6", "6"]]);
    for (const name of ["stopped", "killed"]) {
      assertEquals(timeless(rowsOf(`${folder}/${name}`)), straight, name);
      assertEquals(linesOf(`${folder}/${name}`)[0], linesOf(`${folder}/straight`)[0]);
    }
    for (const { ended, seconds } of rowsOf(`${folder}/stopped`)) {
      assertMatch(ended, /^\d{4}-\d\d-\d\dT/);
      assert(Number(seconds) > 0);
    }
  }));

Deno.test("a row says what log.txt and the steps say: means of losses that add up, rates by group, and both precisions", () =>
  withData(async ({ folder, options }) => {
    await runTraining(options("run"));
    const run = `${folder}/run`;
    const log = Deno.readTextFileSync(`${run}/log.txt`).trimEnd().split("\n").map((line) => JSON.parse(line));
    const steps = Deno.readTextFileSync(`${run}/trace.jsonl`).trimEnd().split("\n").map((line) =>
      JSON.parse(line).loss
    );
    rowsOf(run).forEach((row, epoch) => {
      const number = (column: string) => Number(row[column]);
      const own = steps.slice(3 * epoch, 3 * epoch + 3);
      assertEquals(number("train_loss"), own.reduce((sum, loss) => sum + loss, 0) / 3);
      for (
        const [split, sources] of [["train", ["decoder", "denoising", "encoder"]], ["val", ["decoder", "encoder"]]]
      ) {
        for (const parts of [["ce", "bbox", "giou"], sources]) {
          const values = Array.from(parts, (part) => number(`${split}_loss_${part}`));
          assert(values.every((value) => value > 0), `${split} ${parts}`);
          const sum = values.reduce((total, value) => total + value, 0);
          assertAlmostEquals(sum, number(`${split}_loss`), 1e-4 * sum); // the sum is of float32
        }
      }
      assertEquals(number("val_loss"), log[epoch].test_loss);
      assertEquals([number("AP"), number("AP50")], log[epoch].test_coco_eval_bbox.slice(0, 2));
      assertEquals([number("average_AP"), number("average_AP50")], log[epoch].ema_test_coco_eval_bbox.slice(0, 2));
      assertEquals(row.ended, log[epoch].now_time);
    });
    // At the last step of each epoch: the warm-up is over, and after the first epoch the rate drops.
    const { lr } = tinyTrainingConfig();
    for (const [epoch, row] of rowsOf(run).entries()) {
      for (const column of ["lr_main", "lr_backbone"]) {
        assertAlmostEquals(Number(row[column]), lr * 0.1 ** epoch, 1e-12);
      }
    }
  }));

Deno.test("pictures change no bit of a run, are left out where asked to, and mark where it was resumed", () =>
  withData(async ({ folder, options }) => {
    await runTraining(options("plain"));
    const stopped = await runTraining(options("drawn", { plots: true }), { stopAfter: 2 });
    assertEquals(PICTURES.filter((name) => runFiles.exists(`${folder}/drawn/${name}`)).sort(), [
      RUN_PICTURES.labels,
      RUN_PICTURES.batch,
    ]);
    const batch = Deno.readFileSync(`${folder}/drawn/${RUN_PICTURES.batch}`);
    const { ui } = await runTraining(options("drawn", { plots: true, resume: "auto" }));
    assertEquals([...stopped.ui.warnings, ...ui.warnings], []);
    assertEquals(await digestIn(`${folder}/drawn`), await digestIn(`${folder}/plain`));
    assertEquals(Deno.readFileSync(`${folder}/drawn/${RUN_PICTURES.batch}`), batch, "the first batch stays");
    for (const name of PICTURES) assert(!runFiles.exists(`${folder}/plain/${name}`), name);
    for (const name of PICTURES.filter((name) => !name.endsWith(".svg"))) {
      const { width, height } = await readImage(`${folder}/drawn/${name}`);
      assert(width > 300 && height > 300, `${name}: ${width}x${height}`);
    }
    const truth = await readImage(`${folder}/drawn/${RUN_PICTURES.truth}`);
    const found = await readImage(`${folder}/drawn/${RUN_PICTURES.found}`);
    assertEquals([found.width, found.height], [truth.width, truth.height]);
    const svg = Deno.readTextFileSync(`${folder}/drawn/${RUN_PICTURES.curves}`);
    for (const name of ["resumed", "evaluated", "AP50", "AP of the average", "main", "backbone", "class (ce)"]) {
      assertStringIncludes(svg, `>${name}<`);
    }
  }));

Deno.test("a table and pictures that cannot be written are one warning, and the run continues to the same end", () =>
  withData(async ({ folder, options }) => {
    await runTraining(options("free"));
    await runTraining(options("hindered"), { stopAfter: 1 });
    for (const name of ["results.csv", ...PICTURES]) {
      await Deno.remove(`${folder}/hindered/${name}`).catch(() => {});
      await Deno.mkdir(`${folder}/hindered/${name}/in_the_way`, { recursive: true });
    }
    const { ui, result } = await runTraining(options("hindered", { resume: "auto", plots: true }));
    assert(result.finished);
    assertEquals(ui.warnings.length, 1);
    assertMatch(ui.warnings[0], /results\.csv: expected to write it but .*training continues/);
    assertEquals(await digestIn(`${folder}/hindered`), await digestIn(`${folder}/free`));
    assertEquals([...Deno.readDirSync(`${folder}/hindered`)].filter(({ name }) => name.includes(".tmp-")), []);
  }));

Deno.test("a link in the place of a table or a picture is replaced, and what it leads to stays", () =>
  withData(async ({ folder, options }) => {
    await runTraining(options("run"), { stopAfter: 1 });
    await Deno.writeTextFile(`${folder}/precious`, "keep me");
    for (const name of ["results.csv", RUN_PICTURES.curves, RUN_PICTURES.found]) {
      await Deno.remove(`${folder}/run/${name}`).catch(() => {});
      await Deno.symlink(`${folder}/precious`, `${folder}/run/${name}`);
    }
    await runTraining(options("run", { resume: "auto", plots: true }));
    assertEquals(await Deno.readTextFile(`${folder}/precious`), "keep me");
    assert((await Deno.lstat(`${folder}/run/${RUN_PICTURES.found}`)).isFile);
  }));

Deno.test("from a bundle that says nothing of results, or nonsense, the rows have what its history says", () =>
  withData(async ({ folder, options }) => {
    await runTraining(options("straight"));
    const straight = timeless(rowsOf(`${folder}/straight`));
    await runTraining(options("first"), { stopAfter: 4 }); // the first step of the second epoch
    const { tensors, state } = await readBundle(`${folder}/first/checkpoint.dino`);
    const runtime = asStateMap(stateField(state, "runtime"));
    for (const [name, results] of Object.entries({ missing: null, nonsense: { rows: [{ epoch: "x" }] }, list: [1] })) {
      const path = `${folder}/${name}.dino`;
      await writeBundle(path, { tensors, state: { ...asStateMap(state), runtime: { ...runtime, results } } }, {
        compress: false,
      });
      const { ui } = await runTraining(options(name, { config: null, resume: path }));
      assertEquals(ui.warnings, []);
      const rows = timeless(rowsOf(`${folder}/${name}`));
      for (const column of ["epoch", "step", "AP", "AP50", "average_AP", "val_loss", "val_loss_giou"]) {
        assertEquals(rows.map((row) => row[column]), straight.map((row) => row[column]), column);
      }
      // Of the epoch that it came into the middle of nobody knows the beginning.
      assertEquals(rows.map(({ images, train_loss_ce }) => [images, train_loss_ce]), [["", ""], ["", ""]]);
    }
  }));

Deno.test("--no-plots leaves out the pictures on the command line, and only them", () =>
  withTinyCliRun(async ({ folder, run }) => {
    const { code } = await run("mine"); // the helper gives the flag
    assertEquals(code, 0);
    assertEquals(rowsOf(`${folder}/mine`).length, 1);
    for (const name of PICTURES) assert(!runFiles.exists(`${folder}/mine/${name}`), name);
  }, { epochs: 1 }));

Deno.test("a finished run that is started again is not marked as resumed at its end", () =>
  withData(async ({ folder, options }) => {
    const all = options("run", { config: tinyTrainingConfig({ epochs: 1 }) });
    await runTraining(all, { stopAfter: 1 });
    await runTraining({ ...all, resume: "auto" });
    await runTraining({ ...all, resume: "auto", plots: true });
    const marks = async () => {
      const svg = await Deno.readTextFile(`${folder}/run/${RUN_PICTURES.curves}`);
      return /<path d="([^"]*)" stroke="#999" stroke-dasharray/.exec(svg)?.[1].match(/M/g)?.length;
    };
    assertEquals(await marks(), 1);
    await runTraining({ ...all, resume: "auto", override: { epochs: 2 }, plots: true });
    assertEquals(await marks(), 2);
  }));
