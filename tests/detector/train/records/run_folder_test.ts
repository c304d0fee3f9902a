/** What befalls the output folder while a run writes it: its lock removed or replaced, the folder deleted, links planted. */
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { LOCK_NAME } from "../../../../checkpoint/files/lock_chain.ts";
import { LockError } from "../../../../checkpoint/mod.ts";
import type { TrainOptions } from "../../../../detector/config/mod.ts";
import type { TrainingSession } from "../../../../detector/train/session.ts";
import { train } from "../../../../detector/train/trainer.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { CliProcess, withTinyCliRun } from "../../../helpers/cli_training.ts";
import { inFolder } from "../../../helpers/in_folder.ts";
import {
  digestIn,
  TestUi,
  tinyTrainingConfig,
  tinyTrainOptions,
  writeTinyCoco,
} from "../../../helpers/tiny_training.ts";

/** Trains into `folder/out`, where something is done once when the run has come to a step. */
async function trainWith(
  folder: string,
  { step, act, changes = {} }: {
    readonly step: number;
    readonly act: (out: string) => void;
    readonly changes?: Partial<TrainOptions>;
  },
): Promise<TestUi> {
  const ui = new TestUi();
  const outputDir = `${folder}/out`;
  let isDone = false;
  const reached = ({ progress }: TrainingSession) => {
    if (progress.step === step && !isDone) {
      isDone = true;
      act(outputDir);
    }
    return false;
  };
  const cocoPath = await writeTinyCoco(`${folder}/coco`);
  const options = tinyTrainOptions({ outputDir, cocoPath, config: tinyTrainingConfig() }, changes);
  await train(options, ui, { reached });
  return ui;
}

const namesIn = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("a lock removed by hand ends the run at its next save, with the bundles as they were", () =>
  inFolder(async (folder) => {
    let before: Uint8Array | undefined;
    const failure = await assertRejects(() =>
      trainWith(folder, {
        step: 5,
        act: (out) => {
          before = Deno.readFileSync(`${out}/checkpoint.dino`);
          Deno.removeSync(`${out}/${LOCK_NAME}`);
        },
      }), LockError);
    assertMatch(
      failure.message,
      /\.dinograd\.lock: expected the lock of this run but found none: it was removed; this run writes nothing more/,
    );
    assertEquals(await Deno.readFile(`${folder}/out/checkpoint.dino`), before);
  }));

Deno.test("a run whose lock another one has taken saves nothing, removes nothing and leaves that lock", () =>
  inFolder(async (folder) => {
    const lock = JSON.stringify({ pid: 7, host: "elsewhere", identity: "", token: "of-the-other" });
    let before: string[] = [];
    const failure = await assertRejects(() =>
      trainWith(folder, {
        step: 4,
        changes: { saveEverySteps: 1, keepCheckpoints: 1 },
        act: (out) => {
          Deno.removeSync(`${out}/${LOCK_NAME}`);
          Deno.writeTextFileSync(`${out}/${LOCK_NAME}`, lock);
          Deno.writeTextFileSync(`${out}/checkpoint.dino`, "the other's");
          before = namesIn(out);
        },
      }), LockError);
    assertStringIncludes(failure.message, "found that of process 7 on elsewhere");
    assertEquals(namesIn(`${folder}/out`), before);
    assertEquals(await Deno.readTextFile(`${folder}/out/checkpoint.dino`), "the other's");
    assertEquals(await Deno.readTextFile(`${folder}/out/${LOCK_NAME}`), lock);
  }));

Deno.test("an output folder deleted in mid-run is made again and said so, and the run ends as if nothing had been", () =>
  inFolder(async (folder) => {
    await trainWith(`${folder}/straight`, { step: -1, act: () => {} });
    for (const empty of [false, true]) {
      const name = `${folder}/${empty}`;
      const ui = await trainWith(name, {
        step: 4,
        changes: { saveEverySteps: 1 },
        act: (out) => {
          Deno.removeSync(out, { recursive: true });
          if (empty) Deno.mkdirSync(out);
        },
      });
      const told = ui.warnings.filter((line) => line.includes("the folder was removed while this run was writing it"));
      assertEquals(told.length, 1, ui.warnings.join("\n"));
      assertEquals(await digestIn(`${name}/out`), await digestIn(`${folder}/straight/out`));
      const names = namesIn(`${name}/out`);
      for (const kept of ["config.json", "log.txt", "trace.jsonl"]) assert(names.includes(kept), names.join());
      assert(!names.includes(LOCK_NAME), names.join());
    }
  }));

Deno.test("another folder with bundles in the place of the deleted one is left alone", () =>
  inFolder(async (folder) => {
    const failure = await assertRejects(() =>
      trainWith(folder, {
        step: 4,
        act: (out) => {
          Deno.renameSync(out, `${out}.aside`);
          Deno.mkdirSync(out);
          Deno.copyFileSync(`${out}.aside/checkpoint.dino`, `${out}/checkpoint0009.dino`);
        },
      }), LockError);
    assertStringIncludes(failure.message, "found another in its place, with checkpoint0009.dino in it");
    assertEquals(
      namesIn(`${folder}/out`).filter((name) => name.endsWith(".dino") || name === LOCK_NAME),
      ["checkpoint0009.dino"],
    );
  }));

Deno.test("logs planted as links before a run are not followed: it says which to remove", () =>
  inFolder(async (folder) => {
    for (const name of ["log.txt", "trace.jsonl"]) {
      await Deno.mkdir(`${folder}/${name}/out`, { recursive: true });
      await Deno.writeTextFile(`${folder}/${name}/precious`, "precious\n");
      await Deno.symlink(`${folder}/${name}/precious`, `${folder}/${name}/out/${name}`);
      const failure = await assertRejects(
        () => trainWith(`${folder}/${name}`, { step: -1, act: () => {} }),
        DinogradError,
      );
      assertMatch(failure.message, new RegExp(`${name}: expected to read it but it is a link`));
      assertEquals(await Deno.readTextFile(`${folder}/${name}/precious`), "precious\n");
    }
  }));

Deno.test("logs planted as links in mid-run are not followed, and the run continues", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/precious`, "precious\n");
    const ui = await trainWith(folder, {
      step: 2,
      act: (out) => {
        for (const name of ["trace.jsonl", "log.txt"]) {
          if (namesIn(out).includes(name)) Deno.removeSync(`${out}/${name}`);
          Deno.symlinkSync(`${folder}/precious`, `${out}/${name}`);
        }
      },
    });
    assertEquals(await Deno.readTextFile(`${folder}/precious`), "precious\n");
    assertEquals(ui.warnings.filter((line) => line.includes("it is a link")).length, 2, ui.warnings.join("\n"));
  }));

/** A disk of its own, which can become read-only; null where mounting is not permitted. */
async function withDisk(body: (disk: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const mount = (...args: string[]) => new Deno.Command("mount", { args }).output();
    const { success, stderr } = await mount("-t", "tmpfs", "tmpfs", folder).catch((error) => ({
      success: false,
      stderr: new TextEncoder().encode(String(error)),
    }));
    if (!success) return console.log(`skipped: ${new TextDecoder().decode(stderr).trim()}`);
    try {
      await body(folder);
    } finally {
      await new Deno.Command("umount", { args: ["-l", folder] }).output();
    }
  });
}

Deno.test("a disk that becomes read-only in mid-run changes no exit code: 4 at the end, 130 after Ctrl-C", () =>
  withDisk((disk) =>
    withTinyCliRun(async ({ train }) => {
      for (const stops of [false, true]) {
        const out = `${disk}/${stops}`;
        const process = new CliProcess([...train("unused"), "--output_dir", out]);
        await process.said(/epoch 0 1\/3/);
        await new Deno.Command("mount", { args: ["-o", "remount,ro", disk] }).output();
        if (stops) process.signal("SIGINT");
        const { code, stderr } = await process.finish();
        await new Deno.Command("mount", { args: ["-o", "remount,rw", disk] }).output();
        assertEquals(code, stops ? 130 : 4, stderr);
        assert(!stderr.includes("defect"), stderr);
        assertStringIncludes(
          stderr,
          "expected to remove the lock but the disk is read-only; the next run takes it over",
        );
        const last = stderr.trimEnd().split("\n").filter((line) => line.startsWith("dinograd:"));
        assertEquals(last.length, stops ? 0 : 1, stderr);
      }
    })
  ));
