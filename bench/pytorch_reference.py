"""The other side of bench/pytorch.ts: the same operations in PyTorch. Takes threads and seconds per operation; prints the
fastest time of each in milliseconds as JSON. Deformable attention is the grid_sample formulation that the official code
falls back to without its CUDA kernel."""
import json
import sys
import time

import torch
import torch.nn.functional as F

threads, budget = int(sys.argv[1]), float(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(0)
results = {}


def measure(name, run):
    run()
    best, end, count = float("inf"), time.perf_counter() + budget, 0
    while count < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        best, count = min(best, time.perf_counter() - start), count + 1
    results[name] = best * 1000


def sample(value, shapes, locations, weights):
    batch, _, heads, channels = value.shape
    _, queries, _, levels, points, _ = locations.shape
    parts = value.split([h * w for h, w in shapes], dim=1)
    grids = 2 * locations - 1
    sampled = []
    for level, (h, w) in enumerate(shapes):
        image = parts[level].flatten(2).transpose(1, 2).reshape(batch * heads, channels, h, w)
        grid = grids[:, :, :, level].transpose(1, 2).flatten(0, 1)
        sampled.append(F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False))
    flat = weights.transpose(1, 2).reshape(batch * heads, 1, queries, levels * points)
    total = (torch.stack(sampled, dim=-2).flatten(-2) * flat).sum(-1)
    return total.view(batch, heads * channels, queries).transpose(1, 2).contiguous()


def gradients(run, leaves):
    for leaf in leaves:
        leaf.grad = None
    run().sum().backward()


with torch.no_grad():
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    measure("matrix product 1024", lambda: a @ b)
    x, w = torch.randn(1, 256, 60, 80), torch.randn(256, 256, 3, 3)
    measure("convolution 3x3 on 60x80", lambda: F.conv2d(x, w, padding=1))
    rows = torch.randn(10000, 256)
    measure("softmax of 10000 x 256", lambda: rows.softmax(-1))
    scale, shift = torch.ones(256), torch.zeros(256)
    measure("layer norm of 10000 x 256", lambda: F.layer_norm(rows, (256,), scale, shift))
for name, batch, channels, shapes in [
    ("cards", 8, 16, [(20, 20), (10, 10), (5, 5)]),
    ("R50", 1, 32, [(60, 80), (30, 40), (15, 20), (8, 10)]),
]:
    tokens = sum(h * w for h, w in shapes)
    value = torch.rand(batch, tokens, 8, channels, requires_grad=True)
    locations = torch.rand(batch, tokens, 8, len(shapes), 4, 2, requires_grad=True)
    weights = torch.rand(batch, tokens, 8, len(shapes), 4, requires_grad=True)
    run = lambda: sample(value, shapes, locations, weights)
    with torch.no_grad():
        measure(f"deformable attention, {name} encoder", run)
    leaves = [value, locations, weights]
    measure(f"deformable attention and gradients, {name} encoder", lambda: gradients(run, leaves))
print(json.dumps({"version": torch.__version__, "results": results}))
