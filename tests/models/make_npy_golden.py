#!/usr/bin/env python3
"""Writes the arrays in golden/ that npy_test.cpp reads, with NumPy: element i (in C order) of each is i % 100 / 4 or,
for integers, i % 100 (i % 2 for bool). The file names say <dtype>_<order>_<shape>_v<version>.npy."""
import pathlib

import numpy as np

folder = pathlib.Path(__file__).parent / "golden"
folder.mkdir(exist_ok=True)


def save(dtype, order, shape, version):
    values = np.arange(int(np.prod(shape))) % (2 if dtype == "bool" else 100)
    values = values / 4 if dtype.startswith("float") else values
    array = np.asarray(values.reshape(shape), dtype=dtype, order=order)
    name = f"{dtype}_{order}_{'x'.join(map(str, shape))}_v{version[0]}.npy"
    with open(folder / name, "wb") as file:
        np.lib.format.write_array(file, array, version=version)


for dtype in "float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool".split():
    save(dtype, "C", (5, 3), (1, 0))
save("float32", "F", (5, 3), (2, 0))
save("int16", "F", (4, 3, 2), (3, 0))
save("float64", "C", (7,), (2, 0))
save("float16", "C", (5, 3), (1, 0))
save("float64", "C", (0, 3), (1, 0))
