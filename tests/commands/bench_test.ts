/** The verb `bench`: its figures make sense, and sizes are checked before anything is measured. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { errorLine, runProcess } from "../helpers/run_cli.ts";

Deno.test("bench --json says what the machine and a model on it can do", async () => {
  const { code, stdout } = await runProcess(["bench", "--json", "--device", "cpu", "--threads", "1"]);
  assertEquals(code, 0);
  const report = JSON.parse(stdout);
  assertStringIncludes(report.device, "cpu, 1 thread");
  assert(report.peak_gflops > 0 && report.peak_bytes > 0);
  const results: { name: string; milliseconds: number; gflops: number; share: number }[] = report.results;
  assertEquals(results.length, 4);
  for (const { milliseconds, gflops, share } of results) {
    assert(milliseconds > 0 && gflops > 0);
    // Two measurements on a machine that does other things too: a share above 1 would still be a wrong count.
    assert(share > 0 && share < 2);
  }
  assertStringIncludes(results[3].name, "160x160");
});

Deno.test("a size that is none is a usage error", async () => {
  const result = await runProcess(["bench", "--image_size", "large"]);
  assertEquals(result.code, 2);
  assertStringIncludes(errorLine(result), "expected --image_size like 640x480 but found large");
});

Deno.test("deno task bench says what it can measure, refuses what it cannot, and tells machines in JSON", async () => {
  const bench = async (...args: string[]) => {
    const script = new URL("../../bench/bench.ts", import.meta.url).pathname;
    const command = new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--no-check", script, ...args] });
    const { code, stdout, stderr } = await command.output();
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  };
  const [listed, unknown, measured] = await Promise.all([
    bench("--list"),
    bench("gem"),
    bench("deflate", "--quick", "--json"),
  ]);
  assertStringIncludes(listed.stdout, "gemm");
  assertEquals(unknown.code, 2);
  assertStringIncludes(unknown.stderr, "expected gemm, ");
  assertEquals(measured.code, 0, measured.stderr);
  const { machine, results } = JSON.parse(measured.stdout);
  assertStringIncludes(machine, "Deno");
  assertEquals(results.map(({ subject }: { subject: string }) => subject), ["deflate"]);
  assertEquals(results[0].tables[0].headings.length, 4);
});
