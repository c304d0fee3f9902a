/**
 * The time of day may be set back or forward under a run, by a person or by the network: nothing that decides anything
 * may ask for it. libfaketime shows the process another time of day, and leaves the clock that only counts as it is.
 */
import { assert, assertEquals } from "@std/assert";
import { CliProcess, withTinyCliRun } from "../../helpers/cli_training.ts";

const LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
const hasLibrary = await Deno.stat(LIBRARY).then(() => true, () => false);
if (!hasLibrary) console.warn("clock tests left out: libfaketime is not installed");

/** Long enough for a training that saves every three seconds to have saved. */
const PATIENCE = 30_000;

Deno.test({
  name: "a clock that is set a day back or forward in mid-run delays no save",
  ignore: !hasLibrary,
  fn: () =>
    withTinyCliRun(async ({ folder, cocoPath, train }) => {
      await makeEpochLong(`${cocoPath}/annotations/instances_train2017.json`);
      const timeFile = `${folder}/time`;
      const setClock = (offset: string) => Deno.writeTextFile(timeFile, `${offset}\n`);
      await setClock("+0d");
      const fake =
        `LD_PRELOAD=${LIBRARY} FAKETIME_TIMESTAMP_FILE=${timeFile} FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1`;
      const run = new CliProcess(train("run", "--save_every_minutes", "0.05"), { prefix: `export ${fake};` });
      const bundle = `${folder}/run/checkpoint.dino`;
      const savedAgain = async (before: number | undefined): Promise<number> => {
        const until = performance.now() + PATIENCE;
        while (performance.now() < until) {
          const now = await Deno.stat(bundle).then(({ ino }) => ino ?? 0, () => undefined); // every save is a new file
          if (now !== undefined && now !== before) return now;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        throw new Error(`expected a save within ${PATIENCE} ms but found none`);
      };
      try {
        let saved = await savedAgain(undefined);
        for (const offset of ["-1d", "+1d"]) {
          await setClock(offset);
          // The first save may have been under way when the clock was set.
          for (let saves = 0; saves < 2; saves++) saved = await savedAgain(saved);
        }
        assert(saved > 0);
      } finally {
        run.signal("SIGTERM");
        assertEquals((await run.finish()).code, 130);
      }
    }),
});

/** Lists every image many times over, so that no epoch ends within the test: that is a reason to save, too. */
async function makeEpochLong(path: string): Promise<void> {
  const { images, annotations, categories } = JSON.parse(await Deno.readTextFile(path));
  const times = Array.from({ length: 2000 }, (_, i) => 1000 * i);
  const repeated = {
    images: times.flatMap((more) => images.map((image: { id: number }) => ({ ...image, id: image.id + more }))),
    annotations: times.flatMap((more) =>
      annotations.map((one: { id: number; image_id: number }) => (
        { ...one, id: one.id + more, image_id: one.image_id + more }
      ))
    ),
    categories,
  };
  await Deno.writeTextFile(path, JSON.stringify(repeated));
}
