/** What a device counts of its memory. */

import type { DeviceMemory } from "./device.ts";

/** The bytes that buffers take, now and at most. */
export class ByteCounter {
  #used = 0;
  #peak = 0;

  get used(): number {
    return this.#used;
  }

  add(bytes: number): void {
    this.#used += bytes;
    this.#peak = Math.max(this.#peak, this.#used);
  }

  subtract(bytes: number): void {
    this.#used -= bytes;
  }

  /** The most is counted from here on. */
  resetPeak(): void {
    this.#peak = this.#used;
  }

  /** `reserved`: what the device has taken from its system, where that is more than what is in use. */
  memory(reserved: number = this.#used): DeviceMemory {
    return { used: this.#used, peak: this.#peak, reserved };
  }
}
