#!/usr/bin/env python3
"""Writes the files in golden/ that array_files_test.cpp reads, with NumPy and Python's standard library. Element i (in C
order) of each array is i % 100 / 4 or, for integers, i % 100.

  idx_<type>_5x3.idx              IDX files of each type, and idx_uint8_4x6x5.idx.gz
  stored.npz, deflated.npz        numpy.savez and savez_compressed of x (float32, 6x4x3) and y (int64, 6)
  zip64.npz                       the same as stored.npz as a program writes it that knows no sizes before: zip64 fields
  sequences.npz                   60 waves in 3 features, x, of one of three lengths, y
  cifar10.bin, cifar100.bin       three records: labels 3, 0, 9 (coarse 3, 0, 19; fine 30, 0, 99), pixel j of image i is
                                  (7 * i + j) % 251
"""
import gzip
import io
import pathlib
import struct
import zipfile

import numpy as np

folder = pathlib.Path(__file__).parent / "golden"


def values(dtype, *shape):
    out = np.arange(int(np.prod(shape))) % 100
    return np.asarray((out / 4 if dtype.startswith("float") else out).reshape(shape), dtype=dtype)


def idx(array, code):
    header = struct.pack(">HBB", 0, code, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


for code, dtype in {8: "uint8", 9: "int8", 11: "int16", 12: "int32", 13: "float32", 14: "float64"}.items():
    (folder / f"idx_{dtype}_5x3.idx").write_bytes(idx(values(dtype, 5, 3), code))
(folder / "idx_uint8_4x6x5.idx.gz").write_bytes(gzip.compress(idx(values("uint8", 4, 6, 5), 8), mtime=0))

arrays = {"x": values("float32", 6, 4, 3), "y": values("int64", 6)}
np.savez(folder / "stored.npz", **arrays)
np.savez_compressed(folder / "deflated.npz", **arrays)

# Every size and offset in the zip64 fields, and a zip64 end of the directory: what files beyond 4 GiB have.
parts, entries = b"", b""
for name, array in arrays.items():
    content = io.BytesIO()
    np.save(content, array)
    content, member = content.getvalue(), f"{name}.npy".encode()
    crc, offset, size = zipfile.crc32(content), len(parts), len(content)
    local = struct.pack("<HHQQ", 1, 16, size, size)
    parts += b"PK\3\4" + struct.pack("<HHHHHIIIHH", 45, 0, 0, 0, 0, crc, 0xFFFFFFFF, 0xFFFFFFFF, len(member),
                                      len(local)) + member + local + content
    extra = struct.pack("<HHQQQ", 1, 24, size, size, offset)
    entries += b"PK\1\2" + struct.pack("<HHHHHHIIIHHHHHII", 45, 45, 0, 0, 0, 0, crc, 0xFFFFFFFF, 0xFFFFFFFF,
                                        len(member), len(extra), 0, 0, 0, 0, 0xFFFFFFFF) + member + extra
end = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, len(arrays), len(arrays), len(entries), len(parts))
locator = b"PK\6\7" + struct.pack("<IQI", 0, len(parts) + len(entries), 1)
tail = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
i, step, feature = np.indices((60, 6, 3))
np.savez_compressed(folder / "sequences.npz", x=np.sin(1.3 * i + step * (i % 3 + 0.5) + feature).astype("float32"),
                    y=np.arange(60) % 3)
(folder / "zip64.npz").write_bytes(parts + entries + end + locator + tail)
with np.load(folder / "zip64.npz") as read:
    assert all((read[name] == array).all() for name, array in arrays.items())

pixels = [bytes((7 * i + j) % 251 for j in range(3072)) for i in range(3)]
(folder / "cifar10.bin").write_bytes(b"".join(bytes([label]) + p for label, p in zip((3, 0, 9), pixels)))
(folder / "cifar100.bin").write_bytes(
    b"".join(bytes(labels) + p for labels, p in zip(((3, 30), (0, 0), (19, 99)), pixels)))
