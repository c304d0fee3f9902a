/**
 * The instructions of WebAssembly that kernels use, by their names in the text format
 * (https://webassembly.github.io/spec/core/, "Instructions"). Two-byte instructions hold their prefix in the high half:
 * 0xfc00 saturating conversions and bulk memory, 0xfd000 SIMD and relaxed SIMD.
 */

/** Instructions without immediates: they take their operands from the stack and leave their result there. */
export const PLAIN = {
  "select": 0x1b,

  "i32.eqz": 0x45,
  "i32.eq": 0x46,
  "i32.ne": 0x47,
  "i32.lt_s": 0x48,
  "i32.gt_s": 0x4a,
  "i32.gt_u": 0x4b,
  "i32.le_s": 0x4c,
  "i32.ge_s": 0x4e,
  "i32.ge_u": 0x4f,
  "f32.eq": 0x5b,
  "f32.ne": 0x5c,
  "f32.lt": 0x5d,
  "f32.le": 0x5f,

  "i32.add": 0x6a,
  "i32.sub": 0x6b,
  "i32.mul": 0x6c,
  "i32.div_s": 0x6d,
  "i32.rem_s": 0x6f,
  "i32.and": 0x71,
  "i32.or": 0x72,
  "i32.xor": 0x73,
  "i32.shl": 0x74,
  "i32.shr_u": 0x76,

  "i64.or": 0x84,
  "i64.shl": 0x86,
  "i64.shr_u": 0x88,

  "f32.abs": 0x8b,
  "f32.neg": 0x8c,
  "f32.floor": 0x8e,
  "f32.sqrt": 0x91,
  "f32.add": 0x92,
  "f32.sub": 0x93,
  "f32.mul": 0x94,
  "f32.div": 0x95,
  "f32.min": 0x96,
  "f32.max": 0x97,

  "i32.wrap_i64": 0xa7,
  "i64.extend_i32_u": 0xad,
  "f32.convert_i32_s": 0xb2,
  "i32.reinterpret_f32": 0xbc,
  "f32.reinterpret_i32": 0xbe,
  "i32.trunc_sat_f32_s": 0xfc00,

  "i32x4.splat": 0xfd011,
  "f32x4.splat": 0xfd013,

  "i32x4.eq": 0xfd037,
  "i32x4.ne": 0xfd038,
  "i32x4.lt_u": 0xfd03a,
  "f32x4.eq": 0xfd041,
  "f32x4.ne": 0xfd042,
  "f32x4.lt": 0xfd043,
  "f32x4.le": 0xfd045,
  "f32x4.ge": 0xfd046,

  "v128.not": 0xfd04d,
  "v128.and": 0xfd04e,
  "v128.or": 0xfd050,
  "v128.xor": 0xfd051,
  "v128.bitselect": 0xfd052,
  "i32x4.all_true": 0xfd0a3,

  "f32x4.floor": 0xfd068,
  "f32x4.demote_f64x2_zero": 0xfd05e,
  "f64x2.promote_low_f32x4": 0xfd05f,

  "i32x4.shl": 0xfd0ab,
  "i32x4.shr_s": 0xfd0ac,
  "i32x4.shr_u": 0xfd0ad,
  "i32x4.add": 0xfd0ae,
  "i32x4.sub": 0xfd0b1,
  "i32x4.mul": 0xfd0b5,
  "i32x4.min_s": 0xfd0b6,
  "i32x4.max_s": 0xfd0b8,

  "f32x4.abs": 0xfd0e0,
  "f32x4.neg": 0xfd0e1,
  "f32x4.sqrt": 0xfd0e3,
  "f32x4.add": 0xfd0e4,
  "f32x4.sub": 0xfd0e5,
  "f32x4.mul": 0xfd0e6,
  "f32x4.div": 0xfd0e7,
  "f32x4.min": 0xfd0e8,
  "f32x4.max": 0xfd0e9,
  "f32x4.pmin": 0xfd0ea,
  "f32x4.pmax": 0xfd0eb,
  "f64x2.nearest": 0xfd094,
  "f64x2.sub": 0xfd0f1,
  "f64x2.mul": 0xfd0f2,

  "i32x4.trunc_sat_f32x4_s": 0xfd0f8,
  "i32x4.trunc_sat_f64x2_s_zero": 0xfd0fc,
  "f32x4.convert_i32x4_s": 0xfd0fa,

  // Relaxed SIMD: a * b + c in one rounding where the processor can. Probe before use (`runtime.fusedMultiplyAdd`).
  "f32x4.relaxed_madd": 0xfd105,
} as const;

/** Instructions with an address on the stack and a constant byte offset. */
export const MEMORY = {
  "i32.load": 0x28,
  "i64.load": 0x29,
  "f32.load": 0x2a,
  "i32.load8_u": 0x2d,
  "i32.load16_u": 0x2f,
  "i32.store": 0x36,
  "i64.store": 0x37,
  "f32.store": 0x38,
  "i32.store8": 0x3a,
  "v128.load": 0xfd000,
  "v128.load32_splat": 0xfd009,
  "v128.store": 0xfd00b,
  "v128.load32_zero": 0xfd05c,
  "v128.load64_zero": 0xfd05d,
} as const;

/** Memory instructions that also name a lane. */
export const MEMORY_LANE = {
  "v128.store32_lane": 0xfd05a,
  "v128.store64_lane": 0xfd05b,
} as const;

/** Instructions with a lane number. */
export const LANE = {
  "i32x4.extract_lane": 0xfd01b,
  "f32x4.extract_lane": 0xfd01f,
} as const;

export type PlainOp = keyof typeof PLAIN;
export type MemoryOp = keyof typeof MEMORY;
export type MemoryLaneOp = keyof typeof MEMORY_LANE;
export type LaneOp = keyof typeof LANE;
