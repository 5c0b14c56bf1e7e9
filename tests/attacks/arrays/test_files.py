"""Files of arrays that are broken, grow without measure, or point elsewhere."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
import torch

import regraft
from regraft.errors import MissingFile, RegraftError, UnreadableFile, UnsafeFile, UnsupportedFormat
from regraft.files import hdf5

COPY = "\n  to do: copy the file again from where it came; no part of it has been used"


def message(folder: Path, kind: type[RegraftError], data: bytes | None = None) -> str:
    if data is not None:
        (folder / "x").write_bytes(data)
    with pytest.raises(kind) as error:
        regraft.open(folder / "x")
    return str(error.value).replace(f"{folder}/", "")


def damaged(where: str, expected: str, got: str) -> str:
    return f"the file is damaged\n  where: {where}\n  expected: {expected}\n  got: {got}{COPY}"


def npy(header: str, data: bytes = bytes(16)) -> bytes:
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + data


@pytest.mark.parametrize(
    ("header", "expected", "got"),
    [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }\n",
         "4000000000000 bytes for <f4 (1000000000000,)", "16 bytes"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\n", "the header of a numpy array",
         "\"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\\n\""),
        ("{'descr': 'x9', 'fortran_order': False, 'shape': (2,), }\n", "a type of numbers", "x9"),
        ("{'descr': '2)<f4', 'fortran_order': False, 'shape': (2,), }\n", "a type of numbers", "2)<f4"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "(" * 500 + ", }\n", "the header of a numpy array",
         "\"{'descr': '<f4', 'fortran_order': False, 'shape': ((((((((((\""),
    ],
)  # fmt: skip
def test_headers_of_npy_files_that_lie(tmp_path: Path, header: str, expected: str, got: str) -> None:
    assert message(tmp_path, UnreadableFile, npy(header)) == damaged("x", expected, got)


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


ONES = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }\n", np.ones(4, "f4").tobytes())


def test_zip_files_that_lie(tmp_path: Path) -> None:
    for name in ("../../a.npy", "/a.npy", "..\\a.npy", "c:/a.npy"):
        assert message(tmp_path, UnsafeFile, zipped({name: ONES})) == (
            f"a member of the archive would leave its folder\n  where: x\n  got: {name}\n  to do: do not use this file"
        )
    whole = zipped({"a.npy": ONES})
    assert message(tmp_path, UnreadableFile, whole[:-30]) == damaged(
        "x", "the end of a zip file", "none: it is cut short"
    )
    flipped = bytearray(whole)
    flipped[whole.index(ONES) + len(ONES) - 1] ^= 1
    crc = zlib.crc32(ONES)
    other = zlib.crc32(bytes(flipped)[whole.index(ONES) :][: len(ONES)])
    assert message(tmp_path, UnreadableFile, bytes(flipped)) == damaged(
        "x, a.npy", f"crc {crc:08x}", f"crc {other:08x}"
    )
    many = whole.replace(b"\1\0\1\0", b"\xfe\xff\xfe\xff")
    assert message(tmp_path, UnreadableFile, many) == damaged("x", "a directory of members", "b'PK\\x05\\x06'")


def test_two_members_over_each_other_or_of_one_name(tmp_path: Path) -> None:
    twice = zipped({"a.npy": ONES, "b.npy": ONES}).replace(b"b.npy", b"a.npy")
    assert message(tmp_path, UnsafeFile, twice) == (
        "two members of the archive have one name\n  where: x\n  got: a.npy"
    )
    data = bytearray(zipped({f"{n}.npy": ONES + bytes(400) for n in range(2)}))
    for place in [i for i in range(len(data)) if data[i : i + 4] == b"PK\1\2"]:
        data[place + 20 : place + 24] = struct.pack("<I", 1000)  # packed sizes that cannot both be true
    assert message(tmp_path, UnsafeFile, bytes(data)) == (
        "the members of the archive overlap\n  where: x\n  to do: do not use this file"
    )


def test_an_unusual_compression(tmp_path: Path) -> None:
    assert message(tmp_path, UnsupportedFormat, zipped({"a.npy": ONES}, zipfile.ZIP_BZIP2)) == (
        "the archive is encrypted, or compressed in an unusual way\n"
        "  where: x, a.npy\n  expected: members that are stored or deflated\n  got: method 12"
    )


BOMB = bytes(90 << 20)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zlib.compress])
def test_what_grows_beyond_measure(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    data = pack(b"\x80\x02" + BOMB)
    text, peak = _traced(lambda: message(tmp_path, UnsafeFile, data))
    assert text == (
        "the file grows too much when it is unpacked\n"
        f"  where: x\n  expected: at most {200 * len(data) + (64 << 20)} bytes\n"
        "  to do: do not use this file, or unpack it yourself and give what comes out"
    )
    assert peak < 2 * len(data) + (16 << 20)  # xz keeps 8 MB of what it unpacked


def test_members_that_grow_beyond_measure(tmp_path: Path) -> None:
    data = zipped({"a.npy": ONES + BOMB}, zipfile.ZIP_DEFLATED)
    text, peak = _traced(lambda: message(tmp_path, UnsafeFile, data))
    assert text.startswith("the file grows too much when it is unpacked\n  where: x, a.npy\n")
    assert peak < 2 * len(data) + (8 << 20)
    packed = zlib.compress(BOMB)
    scipy.io.savemat(tmp_path / "mat", {"a": np.ones(3)}, appendmat=False)
    head = (tmp_path / "mat").read_bytes()[:128]
    text, peak = _traced(lambda: message(tmp_path, UnsafeFile, head + struct.pack("<II", 15, len(packed)) + packed))
    assert text.startswith("the file grows too much when it is unpacked\n  where: x\n")
    assert peak < 2 * len(packed) + (8 << 20)


def _traced(call: Callable[[], str]) -> tuple[str, int]:
    tracemalloc.start()
    try:
        return call(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_large_file_is_not_in_memory_twice(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=4 << 20).astype("f4")  # 16 MB
    np.savez(tmp_path / "x.npz", a=array)
    torch.save({"a": torch.from_numpy(array)}, tmp_path / "pt")
    with (tmp_path / "npy").open("wb") as file:
        np.save(file, np.array({"a": array}, dtype=object), allow_pickle=True)
    (tmp_path / "gz").write_bytes(gzip.compress((tmp_path / "npy").read_bytes(), 1))
    for name in ("x.npz", "pt", "npy", "gz"):
        found, peak = _traced(lambda name=name: str(regraft.open(tmp_path / name).values["a"][-1]))
        assert found == str(array[-1])
        assert peak < 3 << 20, name


def safe(header: dict[str, Any], data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_safetensors_that_lie(tmp_path: Path) -> None:
    one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    data = safe({"a": one, "b": one}, bytes(8))
    assert message(tmp_path, UnreadableFile, data) == damaged("x, b", f"8 bytes from {len(data)}", "0 to 8")
    data = safe({"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}, bytes(8))
    assert message(tmp_path, UnreadableFile, data) == damaged(
        "x, a", f"{1 << 42} bytes from {len(data) - 8}", f"0 to {1 << 42}"
    )
    data = safe({"a": one}, bytes(9))
    assert message(tmp_path, UnreadableFile, data) == damaged("x", f"{len(data) - 1} bytes", f"{len(data)} bytes")
    eight = {"a": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}}
    assert message(tmp_path, UnsupportedFormat, safe(eight, bytes(2))) == (
        "a type of numbers that numpy does not have\n  where: x, a\n"
        "  expected: F64, F32, F16, BF16, C64, BOOL, I64, I32, I16, I8, U64, U32, U16, U8\n  got: F8_E4M3"
    )


def test_msgpack_that_lies(tmp_path: Path) -> None:
    assert message(tmp_path, UnreadableFile, b"\x81\xa1a\xdd\xff\xff\xff\xff") == damaged("x", "1 bytes from 8", "0")
    assert message(tmp_path, UnsafeFile, b"\x81\xa1a" + b"\x91" * 1000) == (
        "the file holds more small things, or deeper ones, than weights need\n  where: x"
    )
    shape = b"\x93\x91\xce\x7f\xff\xff\xff\xa7float32\xc4\x04\0\0\0\0"
    assert message(tmp_path, UnreadableFile, b"\x81\xa1a\xc7" + bytes([len(shape)]) + b"\1" + shape) == damaged(
        "x", "flax's msgpack", "an array (2147483647,) of float32 from 4 bytes at byte 27"
    )


def test_matlab_files_that_lie(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "x", {"a": np.ones((3, 4))}, appendmat=False)
    whole = (tmp_path / "x").read_bytes()
    assert message(tmp_path, UnreadableFile, whole[:-8]) == damaged("x", "144 bytes from 136", "136")
    lying = whole.replace(struct.pack("<ii", 3, 4), struct.pack("<ii", 3, 1 << 30))
    assert message(tmp_path, UnreadableFile, lying) == damaged(
        "x", "a MATLAB file", "ValueError: numbers of shape (3, 1073741824) in 96 bytes"
    )
    scipy.io.savemat(tmp_path / "x", {"a": scipy.sparse.eye_array(3)}, appendmat=False)
    assert message(tmp_path, UnsupportedFormat) == (
        "a variable of the file is sparse\n  where: x\n  expected: numbers, structs and cells\n"
        "  to do: in MATLAB: save full(x), or the object's numbers"
    )


HDF5: list[tuple[Callable[[Any], Any], str]] = [
    (lambda f: f.__setitem__("a", h5py.ExternalLink("/etc/passwd", "/x")),
     "the file points to something outside of itself\n  where: x, /\n  got: a link a\n  to do: do not use this file"),
    (lambda f: f.__setitem__("a", h5py.SoftLink("/a")),
     "the file points to something outside of itself\n  where: x, /\n  got: a link a\n  to do: do not use this file"),
    (lambda f: f.create_group("a").__setitem__("b", f["a"]),
     "the file's groups contain themselves, or lie too deep\n  where: x"),
    (lambda f: f.create_dataset("a", shape=(1 << 20, 1 << 20), chunks=(1 << 10, 1 << 10), dtype="f4"),
     "the file claims more numbers than it can hold\n  where: x, /a\n  expected: at most 65536 bytes from 0\n"
     "  got: shape (1048576, 1048576)"),
    (lambda f: f.create_dataset("a", shape=(100,), dtype="u1", external=[("/etc/passwd", 0, 100)]),
     "a variable lies in another file\n  where: x, /a"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "text"), HDF5)
def test_matlab_7_3_that_points_elsewhere(tmp_path: Path, make: Callable[[Any], Any], text: str) -> None:
    with h5py.File(tmp_path / "x", "w", userblock_size=512) as file:
        make(file)
    with (tmp_path / "x").open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")
    assert message(tmp_path, UnsafeFile) == text


@pytest.mark.parametrize("zipped", [True, False])
def test_cut_short_anywhere(tmp_path: Path, zipped: bool) -> None:
    out = io.BytesIO()
    torch.save({"a": torch.ones(3), "b": torch.zeros(2, 2)}, out, _use_new_zipfile_serialization=zipped)
    for data in (out.getvalue(), ONES, gzip.compress(ONES)):
        for end in range(8, len(data) - 1, 7):
            message(tmp_path, RegraftError, data[:end])


def test_an_index_that_points_elsewhere(tmp_path: Path) -> None:
    index = tmp_path / "folder" / "x"
    index.parent.mkdir()
    np.save(tmp_path / "secret", np.ones(3))
    head = "the index names a file that is not beside it\n  where: x\n  expected: the name of a file in the same folder"
    for file in ("../secret.npy", str(tmp_path / "secret.npy"), "..", "a\\secret.npy", ""):
        data = json.dumps({"weight_map": {"a": file}}).encode()
        assert message(index.parent, UnsafeFile, data) == f"{head}" + (f"\n  got: {file}" if file else "")
    data = json.dumps({"weight_map": {"a": "x"}}).encode()  # itself
    assert message(index.parent, UnreadableFile, data) == damaged(
        "x", "safetensors or a state dict of PyTorch", "index"
    )
    assert message(index.parent, MissingFile, data.replace(b'"x"', b'"y"')) == (
        "a file with a part of the weights is missing\n  where: x\n  expected: y"
    )
    for broken in (b'{"weight_map": 3}', b'{"weight_map": {"a": ', b'{"weight_map": ' + b"[" * 99999):
        assert message(index.parent, UnreadableFile, broken).startswith("the file is damaged\n  where: x\n")


def test_old_matlab_files_that_lie(tmp_path: Path) -> None:
    whole = struct.pack("<5i2s2d", 0, 2, 1, 0, 2, b"b\0", 1.5, -2)
    for lie in (struct.pack("<5i2s", 0, 1 << 30, 1 << 30, 0, 2, b"c\0"), whole, whole[:-1].replace(b"b", b"c"), b"\0"):
        text = message(tmp_path, UnreadableFile, whole + lie)
        assert text.startswith("the file is damaged\n  where: x\n  expected: a matrix of a new name at byte 38\n")


def test_flax_in_flax_in_flax(tmp_path: Path) -> None:
    nest = b"\xc0"
    for _ in range(1000):
        nest = b"\xc9" + struct.pack(">I", len(nest)) + b"\1" + nest
    assert message(tmp_path, UnsafeFile, b"\x81\xa1a" + nest) == (
        "the file holds more small things, or deeper ones, than weights need\n  where: x"
    )


def test_sizes_that_no_array_has(tmp_path: Path) -> None:
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1180591620717411303424), }\n"
    assert message(tmp_path, UnreadableFile, npy(header, b"")) == (
        "an array of the file has sizes that no array has\n  got: (0, 1180591620717411303424)"
    )


def test_members_that_grow_without_measure_together(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x", **{name: np.zeros(10 << 20, np.float32) for name in "abc"})
    (tmp_path / "x.npz").rename(tmp_path / "x")
    assert message(tmp_path, UnsafeFile).startswith("the file grows too much when it is unpacked\n  where: x, c.npy")


def test_a_chunk_larger_than_its_numbers(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x", "w") as file:
        file.create_dataset("w", (1,), "f4", maxshape=(None,), chunks=(1 << 24,), compression="gzip")[:] = 1
    with h5py.File(tmp_path / "x") as file, pytest.raises(UnsafeFile, match="claims more numbers than it can hold"):
        hdf5.numbers(file["w"], "x")
