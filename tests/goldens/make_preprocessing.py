"""Makes preprocessing.json: OpenCV's bilinear resize of 8-bit images, and the sizes of detectron2 and MMCV.

    python3 make_preprocessing.py AUGMENTATION_IMPL GEOMETRIC FOLDER

The first two are files of checkouts: detectron2/data/transforms/augmentation_impl.py and mmcv/image/geometric.py, of which
the functions that decide sizes are taken and nothing else; the golden is written to FOLDER. Needs OpenCV. Images follow
FORMULA.md (`int` from 0 to 256), results are exact: all bytes of small ones, the SHA-256 of the others.
"""

import ast
import base64
import hashlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np

MASK32 = 0xFFFFFFFF
# Fewer bytes than this are written out.
MOST_BYTES = 120

# width, height, and those of the result: up, down, odd, halved, doubled, one axis alone, single rows and columns.
RESIZES = [
    (1, 1, 3, 2), (2, 1, 1, 1), (1, 2, 3, 1), (2, 2, 1, 1), (3, 1, 7, 5), (5, 7, 5, 7), (5, 7, 8, 7), (5, 7, 5, 4),
    (4, 6, 2, 3), (4, 6, 2, 4), (5, 6, 2, 3), (3, 4, 6, 8), (9, 5, 6, 4), (6, 4, 9, 5), (7, 3, 1, 3), (8, 8, 3, 3),
    (33, 17, 66, 34), (66, 34, 33, 17), (67, 34, 33, 17), (17, 33, 16, 31), (31, 16, 45, 23), (40, 30, 67, 50),
    (64, 48, 40, 30), (101, 53, 37, 91), (53, 101, 91, 37), (128, 96, 16, 12), (125, 97, 107, 80), (160, 120, 107, 80),
    (200, 150, 13, 150), (13, 200, 40, 200), (255, 3, 200, 2), (3, 255, 5, 200), (250, 187, 267, 200), (213, 320, 133, 200),
]

# Short sides with limits of the long one, as configurations have them.
LIMITS = [(800, 1333), (480, 1333), (1280, 2048), (640, 1000), (200, 333)]

# Images that become 800, 1333: the everyday ones, and some whose half pixel the two round differently.
OF_NOTE = [
    (640, 480), (480, 640), (500, 375), (39, 78), (88, 44), (182, 364), (231, 1302), (306, 153), (601, 1202), (744, 396),
    (1005, 2666), (1240, 60), (1464, 2928), (1634, 209), (1892, 726),
]


def fnv1a32(text):
    value = 0x811C9DC5
    for byte in text.encode("utf-8"):
        value = ((value ^ byte) * 0x01000193) & MASK32
    return value


def integers(name, count):
    """floor(256 u(NAME, i)) for i from 0 to count - 1."""
    x = (fnv1a32(name) + np.arange(count, dtype=np.uint64) * 0x9E3779B9) & MASK32
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x85EBCA6B)) & MASK32
    x ^= x >> np.uint64(13)
    x = (x * np.uint64(0xC2B2AE35)) & MASK32
    x ^= x >> np.uint64(16)
    return ((x >> np.uint64(8)) >> np.uint64(16)).astype(np.uint8)


def functions(path, names):
    """The functions of these names in a file, decorators and annotations left out."""
    found = {}
    for node in ast.walk(ast.parse(Path(path).read_text())):
        if not (isinstance(node, ast.FunctionDef) and node.name in names):
            continue
        node.decorator_list, node.returns = [], None
        for argument in node.args.args:
            argument.annotation = None
        exec(compile(ast.Module([node], []), path, "exec"), found)
    return [found[name] for name in names]


def resize_case(width, height, to_width, to_height):
    name = f"resize/{width}x{height}"
    image = integers(name, height * width * 3).reshape(height, width, 3)
    resized = cv2.resize(image, (to_width, to_height), interpolation=cv2.INTER_LINEAR).tobytes()
    case = {"image": {"name": name, "shape": [height, width, 3]}, "to": [to_height, to_width]}
    if len(resized) <= MOST_BYTES:
        return {**case, "data": base64.b64encode(resized).decode()}
    return {**case, "sha256": hashlib.sha256(resized).hexdigest()}


def main(augmentation, geometric, folder):
    (shortest_edge,) = functions(augmentation, ["get_output_shape"])
    _, rescale = functions(geometric, ["_scale_size", "rescale_size"])
    sides = [1, 7, 99, 199, 200, 333, 375, 427, 480, 499, 500, 612, 640, 799, 800, 801, 1333, 1334, 2000, 4032]
    rows = []
    for at, width in enumerate(sides):
        for step in (1, 3, 8, 13):
            height = sides[(at * 7 + step) % len(sides)]
            short, long = LIMITS[(at + step) % len(LIMITS)]
            d2_height, d2_width = shortest_edge(height, width, short, long)
            mm_width, mm_height = rescale((width, height), (long, short))
            rows.append([width, height, short, long, [d2_width, d2_height], [mm_width, mm_height]])
    for size in OF_NOTE:
        d2_height, d2_width = shortest_edge(size[1], size[0], 800, 1333)
        rows.append([*size, 800, 1333, [d2_width, d2_height], list(rescale(size, (1333, 800)))])
    golden = {
        "note": f"cv2.resize INTER_LINEAR of OpenCV {cv2.__version__}; "
        "sizes: [width, height, short, long, [width, height] of detectron2, of MMCV]",
        "resizes": [resize_case(*case) for case in RESIZES],
        "sizes": rows,
    }
    text = json.dumps(golden).replace('{"image"', '\n{"image"').replace("], [", "],[").replace("]],[", "]],\n[")
    Path(folder, "preprocessing.json").write_text(text + "\n")


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main(*sys.argv[1:4])
