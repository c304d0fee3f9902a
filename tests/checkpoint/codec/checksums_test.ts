import { assertEquals } from "@std/assert";
import { crc32, crc32InJavaScript, Sha256, sha256 } from "../../../checkpoint/codec/checksums.ts";
import { RandomStream } from "../../../engine/random.ts";

Deno.test("the checksums are the ones that their standards give for known texts", () => {
  const text = (value: string) => new TextEncoder().encode(value);
  assertEquals(crc32(text("123456789")), 0xcbf43926);
  assertEquals(sha256(text("abc")).toHex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

Deno.test("without the platform's checksums those in JavaScript give the same, in any number of parts", () => {
  const random = RandomStream.named(1, "checksums");
  for (const length of [0, 1, 55, 56, 63, 64, 65, 1000, 100_000]) {
    const bytes = Uint8Array.from({ length }, () => random.int(256));
    const cut = random.int(length + 1);
    const [first, second] = [bytes.subarray(0, cut), bytes.subarray(cut)];
    assertEquals(crc32InJavaScript(bytes), crc32(bytes));
    assertEquals(crc32InJavaScript(second, crc32InJavaScript(first)), crc32(bytes));
    assertEquals(crc32(second, crc32(first)), crc32(bytes));
    for (const inJavaScript of [false, true]) {
      const hash = () => new Sha256({ inJavaScript }).update(first).update(second);
      assertEquals(hash().bytes(), sha256(bytes));
      assertEquals(hash().hex(), sha256(bytes).toHex());
    }
  }
});

Deno.test("where the platform has no modules of Node's, checksums are computed all the same", async () => {
  const script = `
    globalThis.process.getBuiltinModule = undefined;
    const { crc32, sha256 } = await import("${new URL("../../../checkpoint/codec/checksums.ts", import.meta.url)}");
    console.log(crc32(new Uint8Array(3)), sha256(new Uint8Array(3)).toHex());
  `;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--no-check", `--config=${new URL("../../../deno.json", import.meta.url).pathname}`]
      .concat(`data:text/typescript,${encodeURIComponent(script)}`),
    env: { NO_COLOR: "1" },
  }).output();
  const zeros = new Uint8Array(3);
  assertEquals(new TextDecoder().decode(stdout), `${crc32(zeros)} ${sha256(zeros).toHex()}\n`);
});
