/** What a folder lock must know of this process, of others, and of the machine that they run on. */
import { fileSystem, operatingSystem, thisProcess } from "./builtin_modules.ts";
import { DinogradError } from "./errors.ts";

/** What a lock records of its process and asks about another's. */
export interface Processes {
  /** The number of this process. */
  readonly pid: number;
  /** The name of this machine: only its processes can be asked whether they are alive. */
  readonly host: string;
  /** The PID namespace in which processes are counted, such as a container's; "" where there is no such thing. */
  readonly namespace: string;
  /**
   * Tells two processes of one number apart (a restarted machine or container counts from 1 again): boot and start
   * time where the system tells them, else "".
   */
  identity(pid: number): string;
  /** Whether a process of this host is running. */
  isAlive(pid: number): boolean;
}

function namespaceOfThis(): string {
  try {
    return fileSystem().readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
}

/**
 * The machine's name, from a file where Deno may not ask the system.
 * @throws {DinogradError} of kind "usage" where neither is permitted: a lock without it could be taken from a run
 * elsewhere
 */
function nameOfHost(): string {
  try {
    return operatingSystem().hostname();
  } catch {
    try {
      return fileSystem().readFileSync("/etc/hostname", "utf8").trim();
    } catch (cause) {
      const expected = "expected permission to ask for the name of this machine, which a lock records";
      throw new DinogradError("usage", `${expected}, but found none: add --allow-sys=hostname`, { cause });
    }
  }
}

/** The real processes of this host. */
export function nodeProcesses(): Processes {
  return {
    pid: thisProcess().pid,
    host: nameOfHost(),
    namespace: namespaceOfThis(),
    identity(pid) {
      try {
        const boot = fileSystem().readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
        // Fields are counted after the command, which may itself hold spaces and brackets; the start time is field 22.
        const stat = fileSystem().readFileSync(`/proc/${pid}/stat`, "utf8");
        return `${boot}/${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
      } catch {
        return "";
      }
    },
    isAlive(pid) {
      try {
        thisProcess().kill(pid, 0);
        return true;
      } catch (error) {
        // Not permitted to signal it, by the system or by Deno: it exists, or may.
        return !(error instanceof Error && "code" in error && error.code === "ESRCH");
      }
    },
  };
}
