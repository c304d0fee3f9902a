"""The other side of bench/checkpoint.ts: torch.save and torch.load of tensors of the same shapes. Prints seconds as JSON."""
import json
import os
import sys
import time

import torch

shapes, path, repeats = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])
torch.set_num_threads(1)
tensors = {name: torch.randn(shape) * 0.02 for name, shape in shapes}
result = {"version": torch.__version__, "save": [], "synced": [], "load": []}
for _ in range(repeats):
    if os.path.exists(path):
        os.remove(path)
    start = time.perf_counter()
    torch.save(tensors, path)
    result["save"].append(time.perf_counter() - start)
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    result["synced"].append(time.perf_counter() - start)
del tensors
for _ in range(repeats):
    start = time.perf_counter()
    tensors = torch.load(path)
    result["load"].append(time.perf_counter() - start)
    del tensors
os.remove(path)
print(json.dumps(result))
