/**
 * The names a checkpoint may use, and what each becomes. Everything in PyTorch checkpoints of detectors is covered:
 * tensors, dicts, the arguments of `argparse`, and the schedulers and optimizers that `OneCycleLR` drags along because
 * it keeps a bound method.
 */
import { COST, type PickleBudget } from "./pickle_budget.ts";
import { PickleName, PickleObject, PickleTuple, type PickleValue, PthStorage, PthTensor } from "./pickle_values.ts";
import { isStoredDType, MAX_RANK, storedByteLength, type StoredDType } from "../stored_tensor.ts";

/** Element types by the name of PyTorch's typed storage. */
const STORAGES: Readonly<Record<string, StoredDType>> = {
  "torch.DoubleStorage": "f64",
  "torch.FloatStorage": "f32",
  "torch.HalfStorage": "f16",
  "torch.BFloat16Storage": "bf16",
  "torch.LongStorage": "i64",
  "torch.IntStorage": "i32",
  "torch.ShortStorage": "i16",
  "torch.CharStorage": "i8",
  "torch.ByteStorage": "u8",
  "torch.BoolStorage": "bool",
};

/** Names that stand for themselves. */
const SYMBOLS = new Set([
  ...["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"].map((name) =>
    `torch.${name}`
  ),
  ...["strided", "contiguous_format", "channels_last", "preserve_format"].map((name) => `torch.${name}`),
  "__builtin__.dict",
  "builtins.dict",
]);

/** Classes whose objects are their attributes and no more. */
const DATA_CLASSES = new Set([
  "argparse.Namespace",
  ...["OneCycleLR", "StepLR", "MultiStepLR", "LambdaLR", "CosineAnnealingLR"].map((name) =>
    `torch.optim.lr_scheduler.${name}`
  ),
  "torch.optim.adamw.AdamW",
  "torch.optim.adam.Adam",
  "torch.optim.sgd.SGD",
]);

const DICTS = new Set(["collections.OrderedDict", "collections.defaultdict", "collections.Counter"]);
const GETATTR = new Set(["__builtin__.getattr", "builtins.getattr"]);
const REBUILDERS = new Set([
  "torch._utils._rebuild_tensor",
  "torch._utils._rebuild_tensor_v2",
  "torch._utils._rebuild_parameter",
  "torch.Size",
  "torch.device",
]);

/** Whether a pickle may mention this name at all. */
export function isKnownName(name: string): boolean {
  return Object.hasOwn(STORAGES, name) || SYMBOLS.has(name) || DATA_CLASSES.has(name) || DICTS.has(name) ||
    GETATTR.has(name) || REBUILDERS.has(name);
}

/** The dtype of a typed storage's name, or undefined. */
export function storageDType(name: string): StoredDType | undefined {
  return Object.hasOwn(STORAGES, name) ? STORAGES[name] : undefined;
}

/** What "calling" a known name with these arguments builds; a string says what was expected instead. */
export function reduceKnown(
  name: string,
  args: readonly PickleValue[],
  budget: PickleBudget,
): { value: PickleValue } | string {
  if (DICTS.has(name)) return dict(args, budget);
  if (DATA_CLASSES.has(name)) {
    return args.length === 0 ? { value: new PickleObject(name) } : `${name} without arguments`;
  }
  if (GETATTR.has(name)) return boundMethod(args);
  switch (name) {
    case "torch._utils._rebuild_tensor":
    case "torch._utils._rebuild_tensor_v2":
      return tensor(args);
    case "torch._utils._rebuild_parameter": {
      const [data, requiresGrad] = args;
      if (!(data instanceof PthTensor) || typeof requiresGrad !== "boolean") {
        return "a parameter as tensor, flag and hooks";
      }
      return { value: new PthTensor(data.storage, { ...data.view, requiresGrad }) };
    }
    case "torch.Size": {
      const [sizes] = args;
      return sizes instanceof PickleTuple && args.length === 1 ? { value: sizes } : "a size as one tuple";
    }
    case "torch.device": {
      const [type, index] = args;
      const isDevice = typeof type === "string" && type.length < 100 && args.length <= 2 &&
        (index === undefined || typeof index === "number");
      return isDevice ? { value: new PickleName(args.join(":")) } : "a device as name and number";
    }
  }
  return `only calls that build plain data and tensors, not of ${name}`;
}

/** Gives an object what the argument of BUILD holds; false where that is no dict with string keys. */
export function setAttributes({ attributes }: PickleObject, state: PickleValue): boolean {
  if (!(state instanceof Map)) return false;
  for (const [key, value] of state) {
    if (typeof key !== "string") return false;
    attributes.set(key, value);
  }
  return true;
}

/** Whether Python takes a value as a key of a dict. Tuples are not looked into: it may be a long way to their members. */
export function isHashable(key: PickleValue): boolean {
  return !Array.isArray(key) && !(key instanceof Map);
}

/** `OrderedDict()`, `OrderedDict([[key, value], …])`, `Counter({…})`, `defaultdict(dict)`. */
function dict(args: readonly PickleValue[], budget: PickleBudget): { value: PickleValue } | string {
  const result = new Map<PickleValue, PickleValue>();
  if (args.length > 2) return "a dict of at most two arguments";
  for (const argument of args) {
    if (argument instanceof Map) {
      budget.spend(COST.entry * argument.size);
      for (const [key, value] of argument) result.set(key, value);
    } else if (Array.isArray(argument)) {
      budget.spend(COST.entry * argument.length);
      for (const item of argument) {
        const pair = item instanceof PickleTuple ? item.items : item;
        if (!Array.isArray(pair) || pair.length !== 2 || !isHashable(pair[0])) return "the entries of a dict as pairs";
        result.set(pair[0], pair[1]);
      }
    } else if (!(argument instanceof PickleName) && argument !== null) return "the entries of a dict";
  }
  return { value: result };
}

/** `OneCycleLR` keeps one of its own annealing functions, which pickles as `getattr(scheduler, name)`. Nothing else may. */
function boundMethod(args: readonly PickleValue[]): { value: PickleValue } | string {
  const [owner, name] = args;
  const className = owner instanceof PickleObject ? owner.className : owner instanceof PickleName ? owner.name : "";
  const isAnnealing = name === "_annealing_cos" || name === "_annealing_linear";
  return args.length === 2 && className === "torch.optim.lr_scheduler.OneCycleLR" && isAnnealing
    ? { value: new PickleName(`${className}.${name}`) }
    : "no getattr but of OneCycleLR's annealing function (refused)";
}

/** `(storage, offset, size, stride, requires_grad, …)`; the extent of the view is checked against the storage. */
function tensor(args: readonly PickleValue[]): { value: PickleValue } | string {
  const [storage, offset, sizes, strides, requiresGrad = false] = args;
  if (!(storage instanceof PthStorage)) return "a tensor's storage";
  const shape = naturals(sizes);
  const stride = naturals(strides);
  if (!isNatural(offset) || !shape || !stride || shape.length !== stride.length) {
    return "a tensor's offset, sizes and strides as non-negative integers";
  }
  if (typeof requiresGrad !== "boolean" || !isStoredDType(storage.dtype)) return "a tensor's requires_grad as a flag";
  // An empty axis is no excuse for the others: the rule of every format.
  const bytes = storedByteLength(storage.dtype, shape.filter((size) => size > 0));
  if (!Number.isSafeInteger(bytes)) return "a tensor of less than 2^53 bytes";
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * stride[axis], offset);
  if (!shape.includes(0) && last >= storage.elements) {
    return `a tensor within its storage of ${storage.elements} elements, not up to element ${last}`;
  }
  return { value: new PthTensor(storage, { offset, shape, stride, requiresGrad }) };
}

function naturals(value: PickleValue | undefined): number[] | null {
  const isShape = value instanceof PickleTuple && value.items.length <= MAX_RANK && value.items.every(isNatural);
  return isShape ? [...value.items] : null;
}

function isNatural(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
