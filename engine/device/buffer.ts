/** Device memory as tensors and launches hold it. */

/**
 * A piece of device memory. Only the device that made it knows what is behind it.
 *
 * @category Making a device
 */
export interface Buffer {
  /** Elements that fit; at least as many as were asked for. */
  readonly length: number;
}
