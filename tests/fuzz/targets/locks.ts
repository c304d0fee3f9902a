/**
 * Folders' locks: rounds of runs that are held up and killed anywhere (`lock_rounds.ts`), where the file says which round;
 * and lock files that somebody damaged or made up.
 */
import { LOCK_NAME } from "../../../checkpoint/files/lock_chain.ts";
import { describeLock, lockFolder } from "../../../checkpoint/mod.ts";
import { RandomStream } from "../../../engine/random.ts";
import { lockRound, PROTECTIONS } from "../../helpers/lock_rounds.ts";
import { MemoryFiles } from "../../helpers/memory_files.ts";
import { damageBytes, pick } from "../damage.ts";
import type { FuzzInput, FuzzTarget } from "../target.ts";

export const lockTarget: FuzzTarget = {
  name: "lock",
  kinds: ["checkpoint"],
  shares: { refused: 0.05, read: 0.5 },
  make: (random) => random.int(2) === 0 ? round(random) : lockFile(random),
  read: (input) => input.name.endsWith(".round") ? playRound(input) : readLock(input),
};

/** Which protection, and the seed. */
function round(random: RandomStream): FuzzInput {
  return { name: "a.round", bytes: Uint8Array.from({ length: 5 }, () => random.int(256)) };
}

async function playRound({ bytes }: FuzzInput): Promise<void> {
  const random = RandomStream.named(new DataView(bytes.buffer).getUint32(1), "lock round");
  const protection = PROTECTIONS[bytes[0] % PROTECTIONS.length];
  for (let number = 0; number < 4; number++) await lockRound(random, protection);
}

function lockFile(random: RandomStream): FuzzInput {
  const odd = [-1, 0, 1, 2 ** 31, 1e308, "", "x", "../..", "\n\u001b[2J", "a".repeat(2000), null, [], {}];
  const record: Record<string, unknown> = { pid: 4, host: "here", identity: "boot/4", token: "t" };
  if (random.int(2) === 0) Object.assign(record, { namespace: "pid:[1]", kernelDevice: 1 });
  if (random.int(4) > 0) record[pick(Object.keys(record), random)] = pick(odd, random);
  const bytes = new TextEncoder().encode(JSON.stringify(record));
  return { name: "a.lock", bytes: random.int(4) === 0 ? damageBytes(bytes, random) : bytes };
}

async function readLock({ bytes }: FuzzInput): Promise<void> {
  const files = new MemoryFiles();
  files.put(`out/${LOCK_NAME}`, bytes);
  const processes = {
    ...{ pid: 9, host: "here", namespace: "pid:[1]" },
    identity: (pid: number) => `boot/${pid}`,
    isAlive: (pid: number) => pid === 4,
  };
  const told = await describeLock("out", { files, processes });
  if (told === null || told.text.length > 500) throw new Error(`expected a few words but found ${told?.text}`);
  const lock = await lockFolder("out", { files, processes });
  await lock.requireHeld();
  await lock.release();
  if (files.names.length > 0) throw new Error(`left behind: ${files.names.join(", ")}`);
}
