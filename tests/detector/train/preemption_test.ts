/** Runs that are asked to stop, killed, locked out or without space, as processes of the real command line. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { listBundles, openBundle, stateNumber } from "../../../checkpoint/mod.ts";
import { CliProcess, withTinyCliRun } from "../../helpers/cli_training.ts";
import { runCli } from "../../helpers/run_cli.ts";

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

/** Four epochs of three steps. */
const CHANGES = { epochs: 4 };

let straight: Promise<string> | undefined;
/** The digest of the run that nothing befell. */
function straightDigest(): Promise<string> {
  return straight ??= (async () => {
    let result = "";
    await withTinyCliRun(async ({ run, digest }) => {
      assertEquals((await run("straight")).code, 0);
      result = await digest("straight");
    }, CHANGES);
    return result;
  })();
}

/** Steps of the bundles in a folder by name, after a check of every checksum. */
async function stepsIn(folder: string): Promise<Record<string, number | undefined>> {
  const { bundles, bad } = await listBundles(folder);
  assertEquals(bad, []);
  for (const { path } of bundles) {
    await using bundle = await openBundle(path);
    assertEquals((await bundle.verify()).problems, []);
  }
  return Object.fromEntries(bundles.map(({ name, state }) => [name, stateNumber(state, "step")]));
}

Deno.test("SIGTERM and Ctrl-C save at the next step and exit with 130, and the resumed run ends with the same digest", () =>
  withTinyCliRun(async ({ folder, train, run, digest }) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const process = new CliProcess(train(signal, "--resume", "auto"));
      await process.said(/epoch 0 1\/3/);
      process.signal(signal);
      const { code, stdout, stderr } = await process.finish();
      assertEquals(code, 130, stderr);
      assertStringIncludes(stderr, `${signal}: stopping at the next step`);
      assertMatch(stdout, /stopped at epoch \d+, step \d+, saved as .*checkpoint\.dino/);
      const step = (await stepsIn(`${folder}/${signal}`))["checkpoint.dino"] ?? 0;
      assert(step > 0 && step <= 12, `stopped at step ${step}`);
      const resumed = await run(signal, "--resume", "auto");
      assertEquals(resumed.code, 0);
      assertStringIncludes(resumed.stdout, `step ${step}`);
      assertEquals(await digest(signal), await straightDigest());
    }
  }, CHANGES));

Deno.test("Ctrl-C again and again stops without harm: bundles are whole, and the next run takes over the lock and finishes", () =>
  withTinyCliRun(async ({ folder, train, run, digest }) => {
    for (let round = 0; round < 3; round++) {
      const process = new CliProcess(train("stopped", "--resume", "auto", "--save_every_steps", "1"));
      await process.said(/epoch \d+ \d\/3/);
      for (let i = 0; i < 3; i++) {
        process.signal("SIGINT");
        await new Promise((resolve) => setTimeout(resolve, 15 * round + 5));
      }
      const { code } = await process.finish();
      assert([130, 137].includes(code), `exit code ${code}`);
      await stepsIn(`${folder}/stopped`);
    }
    assertEquals((await run("stopped", "--resume", "auto")).code, 0);
    assertEquals(await digest("stopped"), await straightDigest());
  }, CHANGES));

Deno.test("a second Ctrl-C ends a run in the middle of a step that takes long", () =>
  withTinyCliRun(async ({ folder, train }) => {
    let code = 130; // of a run that had not come to its step and so could end by itself
    for (let wait = 1; code === 130 && wait < 60; wait *= 4) {
      const process = new CliProcess(train("busy"));
      await process.said(/learning rate:/);
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
      process.signal("SIGINT");
      await process.said(/SIGINT: stopping at the next step/);
      process.signal("SIGINT");
      ({ code } = await process.finish());
    }
    assertEquals(code, 137);
    assertEquals(await exists(`${folder}/busy/trace.jsonl`), false, "the first step had come to its end");
  }, { data_aug_scales: [2400], data_aug_max_size: 4000, hidden_dim: 256, enc_layers: 6 }));

Deno.test("SIGKILL at any moment, again and again, leaves a folder from which the run ends with the same digest", () =>
  withTinyCliRun(async ({ folder, train, run, digest }) => {
    for (let round = 0; round < 4; round++) {
      const process = new CliProcess(train("killed", "--resume", "auto", "--save_every_steps", "1"));
      await process.said(/epoch \d+ \d\/3/);
      await new Promise((resolve) => setTimeout(resolve, 90 * round));
      process.signal("SIGKILL");
      await process.finish();
      if (await exists(`${folder}/killed/checkpoint.dino`)) await stepsIn(`${folder}/killed`);
    }
    const last = await run("killed", "--resume", "auto");
    assertEquals(last.code, 0);
    assert(!last.stderr.includes("resume check: only"), last.stderr);
    assertEquals(await digest("killed"), await straightDigest());
    const names = (await Array.fromAsync(Deno.readDir(`${folder}/killed`))).map(({ name }) => name);
    assertEquals(names.filter((name) => name.includes(".tmp-") || name.includes("lock")), []);
  }, CHANGES));

Deno.test("a second run into the same folder is refused while the first holds it, and disturbs nothing", () =>
  withTinyCliRun(async ({ folder, train, run }) => {
    const first = new CliProcess(train("locked"));
    await first.said(/epoch 0 1\/3/);
    first.signal("SIGSTOP");
    const second = await run("locked", "--resume", "auto");
    assertEquals(second.code, 4);
    assertMatch(
      second.stderr.trimEnd().split("\n").at(-1) ?? "",
      /locked: expected no other run but found process \d+ on .* writing it/,
    );
    first.signal("SIGTERM");
    first.signal("SIGCONT");
    assertEquals((await first.finish()).code, 130);
    await stepsIn(`${folder}/locked`);
  }));

Deno.test("--save_every_minutes saves by time, in the middle of an epoch too", () =>
  withTinyCliRun(async ({ folder, train }) => {
    const path = `${folder}/timed/checkpoint.dino`;
    const process = new CliProcess(train("timed", "--save_every_minutes", "0"));
    while (!await exists(path)) await new Promise((resolve) => setTimeout(resolve, 5));
    const { ["checkpoint.dino"]: step } = await stepsIn(`${folder}/timed`);
    process.signal("SIGKILL");
    await process.finish();
    // Otherwise the first bundle would come after the epoch's six steps.
    assert(step !== undefined && step < 6, `saved at ${step}`);
  }, { batch_size: 1, data_aug_scales: [320], data_aug_max_size: 400 }));

Deno.test("without space for a bundle training continues to its end, says so, and leaves the bundle before it intact", () =>
  withTinyCliRun(async ({ folder, train, run, digest }) => {
    const first = new CliProcess(train("full"));
    await first.said(/epoch 0 1\/3/);
    first.signal("SIGTERM");
    assertEquals((await first.finish()).code, 130);
    const before = await stepsIn(`${folder}/full`);
    // No file may grow beyond 64 KiB: what a full disk is to bundles, and to nothing else of the run.
    const limit = "trap '' XFSZ; ulimit -f 64;";
    const { code, stderr } = await new CliProcess(train("full", "--resume", "auto"), { prefix: limit }).finish();
    assertEquals(code, 4, stderr);
    assertMatch(
      stderr,
      /expected to save it but no larger file is allowed; .* training continues with the previous bundle intact/,
    );
    assertMatch(stderr, /expected to save the end of the training but could not/);
    assertEquals(await stepsIn(`${folder}/full`), before);
    const again = await run("full", "--resume", "auto");
    assertEquals(again.code, 0);
    assertMatch(again.stdout, /resume check: \d+\/\d+ losses equal to the recorded ones/);
    assertEquals(await digest("full"), await straightDigest());
    const never = await new CliProcess(train("never"), { prefix: limit }).finish();
    assertEquals(never.code, 4);
    assertMatch(never.stderr, /could not; there is nothing to resume from/);
  }, CHANGES));

Deno.test("--resume auto walks back over damaged bundles, sets each aside, and the run ends with the same digest; where all are damaged it stops", () =>
  withTinyCliRun(async ({ folder, run, digest }) => {
    assertEquals((await run("run", "--keep_checkpoints", "all")).code, 0);
    const damaged = ["checkpoint.dino", "checkpoint0003.dino", "checkpoint_previous.dino"];
    for (const name of damaged) {
      const path = `${folder}/run/${name}`;
      const bytes = await Deno.readFile(path);
      bytes[bytes.length - 200] ^= 1; // in the last chunk, where opening does not look
      await Deno.remove(path); // the other names of the file keep the good bytes
      await Deno.writeFile(path, bytes);
    }
    const { code, stdout, stderr } = await run("run", "--resume", "auto");
    assertEquals(code, 0, stderr);
    for (const name of damaged) {
      assertMatch(
        stderr,
        new RegExp(`passed over a bundle that is not sound: [^ ]*/${name.replace(".", "\\.")}, .*chunk`),
      );
    }
    assertMatch(stdout, /resumed from .*checkpoint0002\.dino: epoch 3, step 9/);
    assertEquals(await digest("run"), await straightDigest());

    const bundles = (await Array.fromAsync(Deno.readDir(`${folder}/run`))).filter(({ name }) => name.endsWith(".dino"));
    for (const { name } of bundles) await Deno.writeTextFile(`${folder}/run/${name}`, "no bundle");
    const refused = await run("run", "--resume", "auto");
    assertEquals(refused.code, 4);
    assertMatch(
      refused.stderr,
      /expected a sound bundle but found only damaged ones: .*dinograd repair sets them aside/,
    );
    assertEquals((await runCli(["repair", `${folder}/run`])).code, 4);
    const afresh = await run("run", "--resume", "auto");
    assertEquals(afresh.code, 0);
    assertMatch(afresh.stdout, /no bundle in .*: starting afresh/);
    assertMatch(afresh.stdout, /the log of an earlier run is kept as .*log\.txt\.earlier/);
    assertEquals(await digest("run"), await straightDigest());
    const aside = (await Array.fromAsync(Deno.readDir(`${folder}/run`))).filter(({ name }) =>
      name.includes(".damaged")
    );
    assertEquals(aside.length, damaged.length + bundles.length);
  }, CHANGES));
