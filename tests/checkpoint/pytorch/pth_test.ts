import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  openPth,
  pickleGet,
  PthTensor,
  stateDictOf,
  stripPrefix,
  toNumbers,
  toStateValue,
} from "../../../checkpoint/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { MemoryFiles } from "../../helpers/memory_files.ts";
import {
  int,
  legacy,
  pickle,
  pickled,
  tensor,
  type TensorParts,
  text,
  zip,
  type ZipOptions,
} from "../../helpers/python_files.ts";

const PATH = "file.pth";
const DATA = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);

function archive(
  object: Uint8Array,
  options: ZipOptions & { data?: Uint8Array; more?: [string, Uint8Array][] } = {},
): Uint8Array {
  return zip([["x/data.pkl", object], ...(options.more ?? []), ["x/data/0", options.data ?? DATA]], options);
}

async function readValues(bytes: Uint8Array): Promise<number[]> {
  const files = new MemoryFiles();
  files.put(PATH, bytes);
  await using file = await openPth(PATH, { files });
  const { root } = file;
  if (!(root instanceof PthTensor)) throw new Error("expected a tensor at the root");
  const values = [...toNumbers(await file.read(root))];
  assert(files.largestRead <= Math.max(bytes.length, 14), `a buffer of ${files.largestRead} bytes was asked for`);
  return values;
}

async function refusal(bytes: Uint8Array, message: string): Promise<void> {
  await assertRejects(() => readValues(bytes), DinogradError, message);
}

Deno.test("tensors of both formats, of 64-bit archives, and of any strides are read", async () => {
  const cases: [TensorParts, number[]][] = [
    [{}, [1, 2, 3, 4]],
    [{ shape: [2, 2], stride: [1, 2] }, [1, 3, 2, 4]],
    [{ shape: [2], stride: [2], offset: 1 }, [2, 4]],
    [{ shape: [2, 3], stride: [1, 0] }, [1, 1, 1, 2, 2, 2]],
    [{ shape: [], stride: [], offset: 3 }, [4]],
    [{ shape: [0, 4], stride: [4, 1] }, []],
    [{ shape: [3, 2], stride: [1, 1] }, [1, 2, 2, 3, 3, 4]],
    [{ shape: [1, 4, 1], stride: [99, 1, 77] }, [1, 2, 3, 4]],
  ];
  for (const [parts, values] of cases) {
    const object = pickled(tensor(parts));
    assertEquals(await readValues(archive(object)), values);
    assertEquals(await readValues(archive(object, { zip64: true })), values);
    assertEquals(await readValues(legacy(object, [["0", 4, DATA]])), values);
  }
});

Deno.test("a tensor that leaves its storage is refused", async () => {
  for (
    const parts of [{ offset: 1 }, { shape: [5] }, { shape: [2, 2], stride: [3, 1] }, {
      shape: [2 ** 31 - 1, 2],
      stride: [2 ** 31 - 1, 1],
    }]
  ) {
    await refusal(archive(pickled(tensor({ stride: [1], ...parts }))), "a tensor within its storage of 4 elements");
  }
  await refusal(archive(pickled(tensor({ offset: -1 }))), "non-negative integers");
  await refusal(archive(pickled(tensor({ shape: [-4] }))), "non-negative integers");
  await refusal(archive(pickled(tensor({ shape: [4], stride: [1, 1] }))), "non-negative integers");
});

Deno.test("a view that expands a few bytes to gigabytes is refused before it is allocated", async () => {
  await refusal(
    archive(pickled(tensor({ shape: [2 ** 30, 4], stride: [0, 1] }))),
    "at most 268435520 bytes together, 4 times what it holds and 256 MiB, but found 17179869184 bytes besides 0",
  );
  await refusal(archive(pickled(tensor({ shape: Array(60).fill(2 ** 31 - 1), stride: Array(60).fill(0) }))), "2^53");
  await refusal(archive(pickled(tensor({ shape: [2 ** 31 - 1, 2 ** 31 - 1, 0], stride: [0, 0, 0] }))), "2^53");
});

Deno.test("many views that each expand a little are refused together, and one that is read again is counted once", async () => {
  const megabytes = (size: number) => tensor({ shape: [size, 2 ** 18], stride: [0, 0] });
  const files = new MemoryFiles();
  files.put(PATH, archive(pickled("(", ...[60, 200, 2].map(megabytes), "l")));
  await using file = await openPth(PATH, { files });
  if (!Array.isArray(file.root)) throw new Error("expected a list");
  const [first, large, small] = file.root.filter((item) => item instanceof PthTensor);
  for (let time = 0; time < 2; time++) assertEquals((await file.read(first)).data.length, 60 << 20);
  await assertRejects(() => file.read(large), DinogradError, "found 209715200 bytes besides 62914560");
  await file.read(small);
});

Deno.test("entries of an archive that overlap, one another or the directory, are refused", async () => {
  const bytes = archive(pickled(tensor()), { more: [["x/data/1", DATA]] });
  const view = new DataView(bytes.buffer);
  const directory = view.getUint32(bytes.length - 6, true);
  const second = directory + 46 + view.getUint16(directory + 28, true);
  for (const at of [0, 1, directory - 40, view.getUint32(second + 42, true) + 1]) {
    const forged = bytes.slice();
    new DataView(forged.buffer).setUint32(second + 42, at, true);
    await refusal(forged, "overlap what follows");
  }
  const third = second + 46 + view.getUint16(second + 28, true);
  const local = bytes.slice();
  new DataView(local.buffer).setUint16(view.getUint32(third + 42, true) + 28, 1000, true);
  await refusal(local, "but found what follows at");
});

Deno.test("a bool that is neither 0 nor 1 is refused", () =>
  refusal(
    archive(pickled(tensor({ type: "BoolStorage", elements: 16, shape: [16] }))),
    "bools of 0 or 1 but found 128",
  ));

Deno.test("storages that are short, missing, of a strange type or of two sizes are refused", async () => {
  await refusal(
    archive(pickled(tensor()), { data: DATA.subarray(0, 12) }),
    "storage 0: expected 16 bytes but found 12",
  );
  await refusal(archive(pickled(tensor({ key: "1" }))), "expected storage 1 in the archive but found none");
  await refusal(
    archive(pickled(tensor({ type: "ComplexFloatStorage" }))),
    "torch.ComplexFloatStorage, which is refused",
  );
  await refusal(archive(pickled("(", tensor(), tensor({ elements: 3, shape: [3] }), "t")), "storage 0 of one size");
  await refusal(legacy(pickled(tensor()), [["0", 5, DATA]]), "storage 0: expected 4 elements but found 5");
  await refusal(legacy(pickled(tensor()), [["0", 4, DATA.subarray(0, 8)]]), "is truncated");
  await refusal(legacy(pickled(tensor()), []), "expected storage 0 in the file");
  await refusal(legacy(pickled(int(1)), [["9", 4, DATA]]), "expected storage 9 once but found no tensor");
});

Deno.test("big-endian files of either format are refused", async () => {
  const more: [string, Uint8Array][] = [["x/byteorder", new TextEncoder().encode("big")]];
  await refusal(archive(pickled(tensor()), { more }), "little-endian data but found big-endian");
  await refusal(legacy(pickled(tensor()), [["0", 4, DATA]], false), "a little-endian machine");
  more[0][1] = new TextEncoder().encode("little");
  assertEquals(await readValues(archive(pickled(tensor()), { more })), [1, 2, 3, 4]);
});

Deno.test("compressed, encrypted, programmatic and foreign archives are refused with the reason", async () => {
  await refusal(archive(pickled(tensor()), { method: 8 }), "stored without compression");
  await refusal(archive(pickled(tensor()), { flags: 1 }), "unencrypted");
  await refusal(archive(pickled(tensor()), { more: [["x/constants.pkl", new Uint8Array(1)]] }), "TorchScript");
  await refusal(zip([["photo.jpg", DATA]]), "one data.pkl in the archive but found 0");
  await refusal(zip([["a/data.pkl", DATA], ["b/data.pkl", DATA]]), "one data.pkl in the archive but found 2");
  await refusal(zip([["a/data.pkl", DATA], ["a/data.pkl", DATA]]), "a/data.pkl once but found it again");
  await refusal(new TextEncoder().encode("just some text, no checkpoint"), "a file of torch.save");
  await refusal(new Uint8Array(0), "a file of torch.save");
});

Deno.test("every flipped bit of an archive's data and pickle, and every truncation, is refused or harmless", async () => {
  for (
    const bytes of [archive(pickled(tensor())), archive(pickled(tensor({ shape: [2], offset: 1 })), { zip64: true })]
  ) {
    const values = await readValues(bytes);
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        bytes[at] ^= 1 << bit;
        try {
          assertEquals(await readValues(bytes), values, `byte ${at}`);
        } catch (error) {
          if (!(error instanceof DinogradError)) throw error;
        }
        bytes[at] ^= 1 << bit;
      }
    }
    for (let length = 0; length < bytes.length; length++) {
      await assertRejects(() => readValues(bytes.subarray(0, length)), DinogradError);
    }
  }
});

Deno.test("a file of the older format cut anywhere is refused as truncated", async () => {
  const bytes = legacy(pickled(tensor()), [["0", 4, DATA]]);
  for (let length = 0; length < bytes.length; length++) {
    await assertRejects(() => readValues(bytes.subarray(0, length)), DinogradError);
  }
  await refusal(bytes.subarray(0, 60), "the file is truncated");
});

Deno.test("a pickle longer than the first read-ahead of the older format is read", async () => {
  const filler = text("x".repeat(3 << 20));
  const files = new MemoryFiles();
  files.put(PATH, legacy(pickled(pickle("(", filler, tensor(), "l")), [["0", 4, DATA]]));
  await using file = await openPth(PATH, { files });
  const items = file.root;
  if (!Array.isArray(items) || !(items[1] instanceof PthTensor)) throw new Error("expected a list with a tensor");
  assertEquals([...toNumbers(await file.read(items[1]))], [1, 2, 3, 4]);
});

Deno.test("schedulers that PyTorch 1.13 saved, with OneCycleLR's bound method, are inert data", async () => {
  const folder = new URL("../fixtures/", import.meta.url).pathname;
  await using oneCycle = await openPth(`${folder}one_cycle_lr.pth`);
  const state = pickleGet(oneCycle.root, "s");
  assertEquals(pickleGet(state, "total_steps"), 10);
  assertEquals(
    toStateValue(pickleGet(state, "anneal_func") ?? null),
    "torch.optim.lr_scheduler.OneCycleLR._annealing_cos",
  );
  await using multiStep = await openPth(`${folder}multi_step_lr.pth`);
  assertEquals(pickleGet(pickleGet(multiStep.root, "s"), "milestones"), new Map([[3, 1], [5, 1]]));
});

Deno.test("a state dict's metadata is no tensor, and a prefix is stripped only if all keys have it", async () => {
  await using file = await openPth(new URL("../fixtures/state_dict.pth", import.meta.url).pathname);
  const tensors = stateDictOf(file.root, "state_dict.pth");
  assertEquals([...tensors.keys()], ["weight", "bias"]);
  assertEquals([...stripPrefix(new Map([["module.a", 1], ["module.b", 2]])).keys()], ["a", "b"]);
  assertEquals([...stripPrefix(new Map([["module.a", 1], ["b", 2]])).keys()], ["module.a", "b"]);
});
