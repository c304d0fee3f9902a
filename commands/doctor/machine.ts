/** Will the machine do? Whether the device can be had, and the output folder be made, locked and written. */
import { dirname, join } from "@std/path";
import { describeLock } from "../../checkpoint/mod.ts";
import type { ComputeOptions } from "../../detector/config/mod.ts";
import { openDevice } from "../../engine/device/open.ts";
import type { StateReader } from "../../detector/train/records/bundle_state.ts";
import { compareArithmetic } from "../../detector/train/proof/circumstances.ts";
import { asFinding, type Finding, fine, odd, wrong } from "./findings.ts";
import { freeBytes } from "../../platform/disk_room.ts";
import { exists, isFolder } from "../../platform/whole_files.ts";
import { formatBytes } from "../../detector/logs/format_bytes.ts";

/** What a start writes before its first step: a lock, the configuration, the records. A bundle has a line of its own. */
const FIRST_BYTES = 8192;
const FIRST_FILES = ["config.json", "log.txt", "trace.jsonl"];

/** Can the device be had, and is it that of the recorded run? */
export async function checkDevice(
  choice: ComputeOptions,
  { recorded, strict }: {
    /** The bundle's state, where its run continues unchanged. */
    readonly recorded: StateReader | undefined;
    /** Whether another device or version ends the run. */
    readonly strict: boolean;
  },
): Promise<Finding[]> {
  try {
    const device = await openDevice(choice);
    const findings = [fine("device", `${choice.device}: ${device.description}`)];
    for (const text of recorded ? compareArithmetic(recorded.get("runtime"), device).differences : []) {
      const remedy = "use the device and version of the original training; otherwise the bits may differ";
      findings.push(strict ? wrong("device", text, { kind: "verification", remedy }) : odd("device", text, remedy));
    }
    await device.destroy();
    return findings;
  } catch (error) {
    const remedy = choice.device === "cpu"
      ? "give fewer --threads, or leave them out"
      : "use --device cpu, which needs nothing";
    return [asFinding(error, "device", remedy)];
  }
}

/** Can the folder be made, locked and written, and is there room for bundles of that size? */
export async function checkFolder(
  folder: string,
  { bundleBytes }: { readonly bundleBytes: number },
): Promise<Finding[]> {
  const bad = (text: string, remedy: string) => wrong("folder", text, { kind: "checkpoint", remedy });
  const existing = await nearest(folder);
  if (!await isFolder(existing)) return [bad(`${existing} is a file, not a folder`, "choose another --output_dir")];
  const findings: Finding[] = [];
  if (existing === folder) {
    findings.push(...await checkLock(folder));
    for (const file of FIRST_FILES.map((name) => join(folder, name))) {
      const kind = await kindNotFollowed(file);
      if (kind !== null) findings.push(bad(`${file} is ${kind} where a file is written`, "move it away"));
    }
  }
  const problem = await writingProblem(existing);
  findings.push(
    problem === undefined
      ? fine("folder", existing === folder ? `${folder} can be written` : `${folder} can be made`)
      : bad(
        `${existing} cannot be written: ${problem}`,
        /space|quota/i.test(problem) ? "make room" : "let this user write there, or choose another --output_dir",
      ),
  );
  const free = await freeBytes(existing);
  // The newest bundle, the one before and the one being written.
  if (free !== null && free < 3 * bundleBytes) {
    const text = `${formatBytes(free)} are free, and a bundle takes ${formatBytes(bundleBytes)}`;
    findings.push(odd("folder", text, "make room: dinograd prune, --keep_checkpoints"));
  }
  return findings;
}

async function checkLock(folder: string): Promise<Finding[]> {
  try {
    const lock = await describeLock(folder);
    if (lock === null) return [];
    if (!lock.isHeld) {
      return [odd("folder", `${folder} has the lock of ${lock.text}, which is gone`, "nothing: it is taken over")];
    }
    const remedy = "wait for that run or stop it";
    return [wrong("folder", `${folder} is held by ${lock.text}`, { kind: "checkpoint", remedy })];
  } catch (error) {
    return [asFinding(error, "folder", "remove it if no run is writing there")];
  }
}

/** The path itself, or the nearest one above it that exists. */
async function nearest(path: string): Promise<string> {
  for (let at = path;; at = dirname(at)) {
    if (await exists(at) || dirname(at) === at) return at;
  }
}

/** What stands where a run keeps a file of its own, which it writes only if it is one; null if nothing is in the way. */
async function kindNotFollowed(file: string): Promise<string | null> {
  const info = await Deno.lstat(file).catch(() => null);
  if (info === null || info.isFile) return null;
  if (info.isDirectory) return "a folder";
  if (file.endsWith("config.json")) return null; // replaced as a whole, whatever it is
  return info.isSymlink ? "a link" : "no file";
}

async function writingProblem(folder: string): Promise<string | undefined> {
  const probe = join(folder, `.dinograd-doctor-${crypto.randomUUID()}`);
  try {
    await Deno.writeFile(probe, new Uint8Array(FIRST_BYTES));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.split("\n")[0] : String(error);
  } finally {
    await Deno.remove(probe).catch(() => {}); // it may not have come to be
  }
}
