/** Videos that ffmpeg makes for the tests; without it they are left out, which is said. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { inFolder } from "../../../helpers/in_folder.ts";
import { CliProcess } from "../../../helpers/cli_training.ts";
import { MEMORY_IS_COUNTED } from "../../../helpers/measured_memory.ts";
import { errorLine, runCli, runProcess, runProcessMeasured } from "../../../helpers/run_cli.ts";
import { writeTinyModel } from "../../../helpers/tiny_model.ts";

const hasFfmpeg = await new Deno.Command("ffmpeg", { args: ["-version"] }).output().then(() => true, () => false);
if (!hasFfmpeg) console.warn("videos left out: there is no ffmpeg");

function videoTest(name: string, body: (folder: string) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !hasFfmpeg,
    fn: () =>
      inFolder(async (folder) => {
        await writeTinyModel(`${folder}/model.dino`);
        await body(folder);
      }),
  });
}

async function run(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: ["-v", "error", ...args] }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Two seconds of ten frames each, 64 x 48, with a tone. */
async function makeVideo(path: string, ...more: string[]): Promise<void> {
  const picture = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=2"];
  await run("ffmpeg", ...picture, "-f", "lavfi", "-i", "sine=duration=2", "-c:v", "mpeg4", ...more, path);
}

const detect = (folder: string, video: string, ...more: string[]) => [
  ...["detect", video, "--checkpoint", `${folder}/model.dino`, "--out", `${folder}/out`],
  ...["--threshold", "0", "--device", "cpu", "--threads", "1", ...more],
];

async function linesOf(path: string): Promise<{ frame: number; time: number; width: number; detections: unknown[] }[]> {
  return (await Deno.readTextFile(path)).trimEnd().split("\n").map((line) => JSON.parse(line));
}

async function streamsOf(path: string): Promise<string[]> {
  const text = await run(
    "ffprobe",
    "-show_entries",
    "stream=codec_type,width,height,nb_frames",
    "-of",
    "csv=p=0",
    path,
  );
  return text.trim().split("\n");
}

videoTest(
  "a video leaves one with its boxes and its sound, and a line for each frame; batches change none",
  async (folder) => {
    await makeVideo(`${folder}/a.mp4`);
    const { code, stderr } = await runCli(detect(folder, `${folder}/a.mp4`));
    assertEquals(code, 0, stderr);
    const lines = await linesOf(`${folder}/out/a.jsonl`);
    assertEquals(lines.map(({ frame, time }) => [frame, time]), Array.from({ length: 20 }, (_, at) => [at, at / 10]));
    assert(lines.every(({ width, detections }) => width === 64 && detections.length === 12));
    const [picture, sound] = await streamsOf(`${folder}/out/a.mp4`);
    assertEquals(picture, "video,640,480,20");
    assertMatch(sound, /^audio/);
    const text = await Deno.readTextFile(`${folder}/out/a.jsonl`);
    const batched = await runCli(detect(folder, `${folder}/a.mp4`, "--batch_size", "8", "--json"));
    assertEquals(await Deno.readTextFile(`${folder}/out/a.jsonl`), text);
    assertEquals(batched.stdout, text);
    assertEquals([...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).sort(), ["a.jsonl", "a.mp4"]);
  },
);

videoTest("--every takes one frame of so many and --fps so many a second, each where it belongs", async (folder) => {
  await makeVideo(`${folder}/a.mkv`);
  assertEquals((await runCli(detect(folder, `${folder}/a.mkv`, "--every", "7"))).code, 0);
  const every = await linesOf(`${folder}/out/a.jsonl`);
  assertEquals(every.map(({ frame, time }) => [frame, time]), [[0, 0], [7, 0.7], [14, 1.4]]);
  assertEquals((await streamsOf(`${folder}/out/a.mp4`))[0], "video,640,480,3");
  assertEquals((await runCli(detect(folder, `${folder}/a.mkv`, "--fps", "2"))).code, 0);
  assertEquals((await linesOf(`${folder}/out/a.jsonl`)).map(({ time }) => time), [0, 0.5, 1, 1.5]);
});

videoTest("frames are upright, with square pixels, and of odd sides too", async (folder) => {
  await makeVideo(`${folder}/wide.mp4`, "-an", "-vf", "setsar=2", "-t", "0.3");
  await makeVideo(`${folder}/flat.mp4`, "-an", "-t", "0.3");
  await run("ffmpeg", "-i", `${folder}/flat.mp4`, "-c", "copy", "-metadata:s:v:0", "rotate=90", `${folder}/turned.mp4`);
  await runCli(detect(folder, `${folder}/turned.mp4`));
  assertEquals((await linesOf(`${folder}/out/turned.jsonl`))[0].width, 48);
  await runCli(detect(folder, `${folder}/wide.mp4`));
  assertEquals((await linesOf(`${folder}/out/wide.jsonl`))[0].width, 128);
  await run(
    "ffmpeg",
    "-f",
    "lavfi",
    "-i",
    "testsrc=size=641x481:rate=5:duration=0.4",
    "-c:v",
    "ffv1",
    `${folder}/odd.mkv`,
  );
  assertEquals((await runCli(detect(folder, `${folder}/odd.mkv`))).code, 0);
  assertEquals(await streamsOf(`${folder}/out/odd.mp4`), ["video,642,482,2"]);
});

videoTest("of a broken video what was done stays, and the exit code says that it is not all", async (folder) => {
  await makeVideo(`${folder}/a.mkv`, "-g", "1");
  const whole = await Deno.readFile(`${folder}/a.mkv`);
  await Deno.writeFile(`${folder}/cut.mkv`, whole.subarray(0, whole.length * 0.6));
  const { code, stderr } = await runCli(detect(folder, `${folder}/cut.mkv`));
  assertEquals(code, 3);
  assertMatch(stderr, /cut\.mkv: ffmpeg says: .*; \d+ frames were done before and between/);
  const lines = await linesOf(`${folder}/out/cut.jsonl`);
  assert(lines.length > 4 && lines.length < 20, `${lines.length}`);
  assertMatch((await streamsOf(`${folder}/out/cut.mp4`))[0], new RegExp(`^video,640,480,${lines.length}$`));

  // What is no video, or a list that leads to other files, is told in a line each.
  await Deno.writeTextFile(`${folder}/text.mp4`, "no video");
  await Deno.writeTextFile(`${folder}/list.mp4`, `#EXTM3U\n#EXTINF:1,\nfile:${folder}/a.mkv\n`);
  for (const name of ["text", "list"]) {
    const refused = await runCli(detect(folder, `${folder}/${name}.mp4`));
    assertEquals(refused.code, 3, name);
    assertMatch(refused.stderr, /^warning: .*: expected a video but ffprobe says: [^\n]+\n$/);
  }
  const large = await runCli(detect(folder, `${folder}/a.mkv`, "--max_image_pixels", "1000"));
  assertEquals(large.code, 3);
  assertStringIncludes(large.stderr, "expected at most 1000 pixels but its header claims 64 x 48");
});

videoTest("flags that do not fit images or videos are refused before any work", async (folder) => {
  await Deno.writeTextFile(`${folder}/a.mp4`, "never read");
  await Deno.writeTextFile(`${folder}/a.png`, "never read");
  const cases: readonly (readonly [string[], string])[] = [
    [detect(folder, `${folder}/a.png`, "--every", "2"), "--every: expected a video but found none"],
    [detect(folder, `${folder}/a.png`, "--fps", "2"), "--fps: expected a video but found none"],
    [detect(folder, `${folder}/a.mp4`, "--fps", "2", "--every", "2"), "--every: expected it or --fps but found both"],
    [detect(folder, `${folder}/a.mp4`, "--format", "coco"), "--format coco: expected images alone but found the video"],
    [["detect", `${folder}/a.mp4`, "--checkpoint", `${folder}/model.dino`], "(--out), or --json, but found neither"],
    [
      ["detect", `${folder}/a.mp4`, "--checkpoint", `${folder}/model.dino`, "--out", folder],
      "--out: expected a folder",
    ],
  ];
  for (const [args, words] of cases) {
    const result = await runCli(args);
    assertEquals(result.code, 2, result.stderr);
    assertStringIncludes(errorLine(result), words);
  }
});

videoTest("without ffmpeg one line says how to have it, and Ctrl-C leaves a video of what was done", async (folder) => {
  await makeVideo(`${folder}/a.mp4`);
  const missing = await runProcess(detect(folder, `${folder}/a.mp4`), { PATH: folder });
  assertEquals(missing.code, 2);
  assertStringIncludes(
    errorLine(missing),
    "expected to start ffprobe but there is none on the PATH; videos are read by ffmpeg",
  );
  await run("ffmpeg", "-stream_loop", "200", "-i", `${folder}/a.mp4`, "-c", "copy", `${folder}/long.mp4`);
  const going = new CliProcess(detect(folder, `${folder}/long.mp4`, "--json"));
  await going.said(/"frame":5,/);
  going.signal("SIGINT");
  const { code, stderr } = await going.finish();
  assertEquals(code, 130, stderr);
  const lines = await linesOf(`${folder}/out/long.jsonl`);
  assert(lines.length >= 6 && lines.length < 4000);
  assertMatch((await streamsOf(`${folder}/out/long.mp4`))[0], new RegExp(`^video,640,480,${lines.length}$`));
});

videoTest("memory does not grow with the length of a video, and no frame is ever a file", async (folder) => {
  const source = "color=size=1280x720:rate=25:duration=8";
  await run("ffmpeg", "-f", "lavfi", "-i", source, "-c:v", "mpeg4", `${folder}/a.mp4`);
  const args = ["detect", `${folder}/a.mp4`, "--checkpoint", `${folder}/model.dino`, "--json", "--threshold", "1"];
  const { code, stdout, stderr, memory } = await runProcessMeasured([...args, "--device", "cpu", "--threads", "1"]);
  assertEquals(code, 0, stderr);
  assertEquals(stdout.trimEnd().split("\n").length, 200);
  // 200 frames are 553 MB.
  if (MEMORY_IS_COUNTED) assert(memory > 1e8 && memory < 5e8, `${memory} bytes`);
});
