"""The other side of bench/checkpoint.ts: torch.save and torch.load of tensors of the same shapes. Prints seconds as JSON.

With --load PATH: the seconds of the first torch.load of a process.
"""
import json
import os
import subprocess
import sys
import time

import torch


def seconds_of_load(path):
    start = time.perf_counter()
    tensors = torch.load(path)
    seconds = time.perf_counter() - start
    del tensors
    return seconds


if sys.argv[1] == "--load":
    print(seconds_of_load(sys.argv[2]))
    sys.exit()
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
result["load"] = [seconds_of_load(path) for _ in range(repeats)]
command = [sys.executable, __file__, "--load", path]
# As users run it: the allocator is tuned for this process alone.
plain = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
result["first"] = [float(subprocess.check_output(command, env=plain)) for _ in range(repeats)]
os.remove(path)
print(json.dumps(result))
