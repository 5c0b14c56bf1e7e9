"""Pictures in archives: equal to the folder they were made from, and hostile archives refused."""

from __future__ import annotations

import gzip
import os
import re
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from regraft.data import open_data
from regraft.data.archives import list_archive
from regraft.errors import BadData, UnreadableFile, UnsafeFile, UnsupportedFormat


def pack(folder: Path, ending: str) -> Path:
    target = folder.parent / f"data{ending}"
    if ending == ".zip":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder.parent))
    else:
        with tarfile.open(target, "w" if ending == ".tar" else "w:gz") as archive:
            archive.add(folder, "./flowers")
    return target


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tgz", ".tar.gz"])
def test_an_archive_is_the_folder_it_was_made_from(flowers: Path, ending: str) -> None:
    folder, archive = open_data(flowers), open_data(pack(flowers, ending))
    assert archive.fingerprint == folder.fingerprint
    assert archive.classes == folder.classes
    assert archive.labels.tolist() == folder.labels.tolist()
    assert archive.items[7].read() == folder.items[7].read()
    assert sorted(os.listdir(flowers.parent)) == sorted([f"data{ending}", "flowers"])


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tgz"])
def test_an_empty_class_folder_of_an_archive_is_seen(flowers: Path, ending: str) -> None:
    (flowers / "tulip").mkdir()
    with pytest.raises(BadData, match=r"^1 class folder holds no picture: flowers/tulip\n"):
        open_data(pack(flowers, ending))


def test_real_characters_in_a_zip(shared: Path) -> None:
    examples = open_data(shared / "data/omniglot/images_background_small1.zip")
    assert len(examples) == 2720
    assert len(examples.classes) == 136


@pytest.mark.parametrize("name", ["../x.png", "a/../../x.png", "/etc/x.png", "..\\x.png", "C:\\x.png", "C:x.png"])
def test_a_member_outside_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    for path in (tmp_path / "a.zip", tmp_path / "a.tar"):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(name, b"")
        else:
            with tarfile.open(path, "w") as archive:
                archive.addfile(tarfile.TarInfo(name))
        with pytest.raises(UnsafeFile) as caught:
            open_data(path)
        assert str(caught.value) == (
            "a member of the archive would leave its folder\n"
            f"  where: {path}\n  got: {name}\n  to do: do not use this archive"
        )


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_a_link_in_a_tar_is_refused(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("rose/1.png")
    info.type, info.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(info)
    with pytest.raises(UnsafeFile) as caught:
        open_data(tmp_path / "a.tar")
    assert str(caught.value) == (
        "a member of the archive is a link or a device\n"
        f"  where: {tmp_path}/a.tar, rose/1.png\n  to do: do not use this archive"
    )


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("rose/1.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UnsafeFile, match=r"^a member of the archive is a link or a device\n"):
        open_data(tmp_path / "a.zip")


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("rose/1.png"))
        archive.addfile(tarfile.TarInfo("./rose/1.png"))
    with pytest.raises(UnsafeFile) as caught:
        open_data(tmp_path / "a.tar")
    assert str(caught.value) == (
        f"two members of the archive have one name\n  where: {tmp_path}/a.tar\n  got: rose/1.png"
    )


def test_a_zip_that_lies_about_a_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rose/1.png", b"x" * 1000)
    data = bytearray(path.read_bytes())
    directory = data.rindex(b"PK\1\2")
    packed = struct.unpack_from("<I", data, directory + 20)[0]
    struct.pack_into("<I", data, directory + 24, 2**31)
    path.write_bytes(data)
    with pytest.raises(UnsafeFile) as caught:
        open_data(path)
    assert str(caught.value) == (
        f"a member of the archive lies about its size\n  where: {path}, rose/1.png\n"
        f"  expected: at most {packed * 1032 + 64} bytes\n  got: {2**31} bytes\n  to do: do not use this archive"
    )


def test_members_that_overlap_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1.png", b"x" * 1000)
        kernel = archive.infolist()[0]
        for number in range(2, 9):
            copy = zipfile.ZipInfo(f"{number}.png")
            copy.header_offset, copy.CRC = kernel.header_offset, kernel.CRC
            copy.file_size = copy.compress_size = 1000
            archive.filelist.append(copy)
    with pytest.raises(UnsafeFile) as caught:
        open_data(path)
    size = path.stat().st_size
    assert str(caught.value) == (
        f"the members of the archive overlap\n  where: {path}\n  expected: at most {size} bytes, the size of the file\n"
        "  got: 8000 bytes in all\n  to do: do not use this archive"
    )


def test_a_huge_picture_in_a_small_zip_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("rose/1.png", "w") as member:
        for _ in range(300):
            member.write(bytes(2**20))
    with pytest.raises(BadData, match="has 314572800 bytes, more than 268435456 in one picture"):
        open_data(path)


def test_a_gzip_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tgz"
    with gzip.open(path, "wb") as file:
        for _ in range(100):
            file.write(bytes(2**20))
    with pytest.raises(UnsafeFile) as caught:
        open_data(path)
    assert str(caught.value) == (
        f"the archive grows too much when it is unpacked\n  where: {path}\n"
        f"  expected: at most {path.stat().st_size * 200 + 2**26} bytes\n"
        "  to do: do not use this archive, or unpack it and give the folder"
    )


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rose/1.png", b"x")
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(UnsupportedFormat) as caught:
        open_data(path)
    assert str(caught.value) == (
        f"the archive is encrypted\n  where: {path}, rose/1.png\n  to do: unpack it and give the folder"
    )


def test_an_unusual_compression_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("rose/1.png", b"x")
    with pytest.raises(UnsupportedFormat) as caught:
        open_data(path)
    assert str(caught.value) == (
        f"the archive is compressed in a way regraft does not read\n  where: {path}, rose/1.png\n"
        "  expected: stored or deflated members\n  got: method 14\n  to do: unpack it and give the folder"
    )


def test_a_tar_that_is_cut_short(flowers: Path) -> None:
    path = pack(flowers, ".tar")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"IDAT") + 20])
    with pytest.raises(UnreadableFile, match=r"^the archive is cut short\n"):
        open_data(path)


def test_a_tar_that_ends_between_two_members(flowers: Path) -> None:
    path = pack(flowers, ".tar")
    with tarfile.open(path) as archive:
        offset = archive.getmembers()[20].offset
    path.write_bytes(path.read_bytes()[:offset])
    with pytest.raises(UnreadableFile) as caught:
        open_data(path)
    assert str(caught.value) == (
        f"the archive is damaged\n  where: {path}\n  got: no end mark, and no sound header at byte {offset}"
    )


def test_a_tar_with_a_damaged_header_in_its_middle(flowers: Path) -> None:
    path = pack(flowers, ".tar")
    with tarfile.open(path) as archive:
        offset = archive.getmembers()[20].offset
    data = bytearray(path.read_bytes())
    data[offset + 150] ^= 255
    path.write_bytes(data)
    with pytest.raises(UnreadableFile, match=f"no end mark, and no sound header at byte {offset}"):
        open_data(path)


def test_a_negative_size_in_a_tar_does_not_hang(tmp_path: Path) -> None:
    info = tarfile.TarInfo("rose/1.png")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 8 + struct.pack(">i", -1024)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "a.tar").write_bytes(bytes(header) + bytes(1024))
    with pytest.raises(UnreadableFile) as caught:
        open_data(tmp_path / "a.tar")
    assert str(caught.value) == f"the archive is damaged\n  where: {tmp_path}/a.tar\n  got: a negative size"


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tgz"])
def test_no_archive_at_all(tmp_path: Path, ending: str) -> None:
    for data in (b"", b"hello", b"\x1f\x8b\x08" + bytes(20)):
        path = tmp_path / f"a{ending}"
        path.write_bytes(data)
        with pytest.raises(UnreadableFile, match=re.escape(f"the archive is damaged\n  where: {path}\n  got: ")):
            open_data(path)


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tgz"])
def test_damaged_archives_never_crash(flowers: Path, ending: str, picture: Callable[..., bytes]) -> None:
    import random

    path = pack(flowers, ending)
    whole = path.read_bytes()
    for seed in range(60):
        dice = random.Random(seed)
        data = bytearray(whole[: dice.randrange(len(whole))] if seed % 3 == 0 else whole)
        for _ in range(dice.randrange(1, 20)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        path.write_bytes(data)
        try:
            listing = list_archive(path)
            total = sum(len(_read(read)) for read in listing.files.values())
        except (UnreadableFile, UnsafeFile, UnsupportedFormat):
            continue
        assert total < 100 * len(whole)


def _read(read: Callable[[], bytes]) -> bytes:
    try:
        return read()
    except UnreadableFile:
        return b""
