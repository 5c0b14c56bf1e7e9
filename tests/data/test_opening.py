"""Image folders: what is found, and each message a user can get."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from regraft.data import open_data, open_parts, open_unlabelled
from regraft.errors import BadArgument, BadData, MissingFile, UnsupportedFormat
from regraft.run import Progress

FORMS = (
    "a folder with a folder of pictures for each class, the same as .zip, .tar or .tgz, .npz, .npy, "
    "a table: .csv, .tsv, .jsonl, .ndjson, .parquet, "
    "or tagged sentences: .conllu, .conll, .bio, .bioes, .bilou, .iob, .iob1, .iob2"
)


def test_a_class_per_folder(flowers: Path) -> None:
    examples = open_data(flowers)
    assert len(examples) == 40
    assert examples.classes == ("daisy", "rose")
    assert examples.labels.tolist() == [0] * 20 + [1] * 20
    assert examples.kind == "picture"
    assert examples.name(0) == "daisy/00.png"
    assert len(set(examples.hashes)) == 40


def test_the_fingerprint_follows_the_contents_only(flowers: Path, picture: Callable[..., bytes]) -> None:
    before = open_data(flowers).fingerprint
    (flowers / "daisy/00.png").rename(flowers / "daisy/000.png")
    assert open_data(flowers).fingerprint == before
    (flowers / "daisy/000.png").write_bytes(picture(99))
    assert open_data(flowers).fingerprint != before


def test_hidden_and_other_files_do_not_count(flowers: Path) -> None:
    (flowers / "daisy/.DS_Store").touch()
    (flowers / "rose/._1.jpg").touch()
    (flowers / ".cache").mkdir()
    (flowers / "LICENSE.txt").touch()
    assert len(open_data(flowers)) == 40


def test_links_are_followed_but_not_in_circles(flowers: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/daisy").symlink_to(flowers / "daisy")
    (tmp_path / "linked/rose").symlink_to(flowers / "rose")
    (flowers / "daisy/back").symlink_to(tmp_path / "linked")
    assert len(open_data(tmp_path / "linked")) == 40


def test_a_folder_around_everything_does_not_count(flowers: Path) -> None:
    assert open_data(flowers.parent).classes == ("daisy", "rose")


def test_classes_may_lie_deeper(tmp_path: Path, picture: Callable[..., bytes]) -> None:
    for name in ("greek/alpha", "greek/beta", "latin/a"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "1.png").write_bytes(picture(len(name)))
    assert open_data(tmp_path).classes == ("greek/alpha", "greek/beta", "latin/a")


def test_parts(flowers: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    flowers.rename(whole / "train")
    for part in ("val", "test"):
        (whole / part / "rose").mkdir(parents=True)
        (whole / part / "rose/1.png").write_bytes((whole / "train/rose/01.png").read_bytes())
    parts = open_parts(whole)
    assert {name: len(examples) for name, examples in parts.items()} == {"test": 1, "train": 40, "validation": 1}
    assert parts["train"].classes == ("daisy", "rose")
    assert len(open_data(whole, part="test")) == 1
    with pytest.raises(BadArgument) as caught:
        open_data(whole)
    assert str(caught.value) == (
        f"the data come in parts\n  where: {whole}\n  expected: one of test, train, validation\n  got: no choice"
    )


def test_no_such_path(tmp_path: Path) -> None:
    with pytest.raises(MissingFile) as caught:
        open_data(tmp_path / "none")
    assert str(caught.value) == f"there is no such file or folder\n  where: {tmp_path}/none"


def test_no_data_format(tmp_path: Path) -> None:
    (tmp_path / "thesis.pdf").touch()
    with pytest.raises(UnsupportedFormat) as caught:
        open_data(tmp_path / "thesis.pdf")
    assert str(caught.value) == (
        f"these are no data that regraft reads\n  where: {tmp_path}/thesis.pdf\n  expected: {FORMS}"
    )


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(BadData) as caught:
        open_data(tmp_path)
    assert str(caught.value) == (
        f"there is no picture here\n  where: {tmp_path}\n"
        "  expected: a folder of pictures for each class, as in flowers/rose/1.jpg\n  got: notes.txt"
    )


def test_an_empty_class_folder(flowers: Path) -> None:
    (flowers / "tulip").mkdir()
    with pytest.raises(BadData) as caught:
        open_data(flowers)
    assert str(caught.value) == (
        f"1 class folder holds no picture: tulip\n  where: {flowers}\n  to do: put pictures there, or remove the folder"
    )
    (flowers / "lily").mkdir()
    (flowers / "lily/1.txt").touch()
    with pytest.raises(BadData, match=r"^2 class folders hold no picture: lily, tulip\n"):
        open_data(flowers)


def test_pictures_without_a_class(flowers: Path, picture: Callable[..., bytes]) -> None:
    (flowers / "lost.png").write_bytes(picture(99))
    with pytest.raises(BadData) as caught:
        open_data(flowers)
    assert str(caught.value) == (
        f"1 of 41 pictures lie in no class folder\n  where: {flowers}\n"
        "  expected: a folder of pictures for each class, as in flowers/rose/1.jpg\n  got: lost.png"
    )


def test_a_class_inside_another(flowers: Path, picture: Callable[..., bytes]) -> None:
    (flowers / "rose/red").mkdir()
    (flowers / "rose/red/1.png").write_bytes(picture(99))
    with pytest.raises(BadData) as caught:
        open_data(flowers)
    assert str(caught.value) == (
        f"the folder rose holds pictures and rose/red, which holds some as well\n  where: {flowers}\n"
        "  expected: classes side by side\n"
        "  to do: move the pictures of rose/red up, or those of rose into a folder of their own"
    )


def test_a_corrupt_picture_is_named_and_skipped_only_on_demand(flowers: Path, picture: Callable[..., bytes]) -> None:
    whole = picture(1, (60, 50), "JPEG")
    (flowers / "rose/cut.jpg").write_bytes(whole[: len(whole) // 2])
    (flowers / "rose/text.png").write_text("hello")
    with pytest.raises(BadData) as caught:
        open_data(flowers)
    assert _numberless(caught.value) == (
        f"2 pictures cannot be read\n  where: {flowers}\n"
        f"  got: rose/cut.jpg: {CUT}; rose/text.png: {NO_PICTURE}\n"
        "  to do: mend or remove them, or leave such ones out: --skip-bad"
    )
    examples = open_data(flowers, skip_bad=True)
    assert len(examples) == len(examples.labels) == len(examples.hashes) == 40
    assert tuple(map(_numberless, examples.skipped)) == (f"rose/cut.jpg: {CUT}", f"rose/text.png: {NO_PICTURE}")


def _numberless(text: object) -> str:
    return re.sub(r"\d+ bytes", "N bytes", str(text))


CUT = "image file is truncated (N bytes not processed)"
NO_PICTURE = "no picture of a format regraft reads (JPEG, PNG, GIF, BMP, WEBP, TIFF, PPM, AVIF)"


def test_a_class_of_corrupt_pictures_only(flowers: Path) -> None:
    (flowers / "tulip").mkdir()
    (flowers / "tulip/1.png").touch()
    with pytest.raises(BadData) as caught:
        open_data(flowers, skip_bad=True)
    assert str(caught.value) == (
        f"no picture of tulip can be read\n  where: {flowers}\n  got: tulip/1.png: {NO_PICTURE}"
    )


def test_labels_belong_to_arrays(flowers: Path) -> None:
    with pytest.raises(BadArgument) as caught:
        open_data(flowers, labels=np.zeros(40))
    assert str(caught.value) == (
        f"labels= goes with arrays only\n  where: {flowers}\n  to do: put pictures and labels into a .csv table instead"
    )


def test_pictures_to_be_judged_need_no_class(flowers: Path, picture: Callable[..., bytes]) -> None:
    (flowers / "lost.png").write_bytes(picture(99))
    examples = open_unlabelled([flowers, flowers / "lost.png"])
    assert len(examples) == 42
    assert examples.name(41) == f"{flowers}/lost.png"
    assert examples.classes == ()
    assert set(examples.labels.tolist()) == {-1}


def test_corrupt_pictures_to_be_judged_are_skipped_only_on_demand(flowers: Path, tmp_path: Path) -> None:
    (flowers / "rose/text.png").write_text("hello")
    with pytest.raises(BadData, match=r"^1 picture cannot be read\n"):
        open_unlabelled([flowers])
    examples = open_unlabelled([flowers], skip_bad=True)
    assert len(examples) == len(examples.labels) == 40
    (tmp_path / "only.png").write_text("hello")
    with pytest.raises(BadData, match=r"^no picture can be read\n"):
        open_unlabelled([tmp_path / "only.png"], skip_bad=True)


def test_a_folder_is_a_folder_whatever_its_name(flowers: Path) -> None:
    assert len(open_data(flowers.rename(flowers.parent / "flowers.npz"))) == 40


def test_reading_shows_progress(flowers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Told(Progress):
        @contextmanager
        def task(self, title: str, total: int, done: int = 0) -> Generator[Callable[[int], None]]:
            self.say(f"{title}: {total}")
            yield lambda steps: None

    open_data(flowers, progress=Told())
    assert capsys.readouterr().err == "reading pictures: 40\n"


def test_a_text_cannot_be_judged(tmp_path: Path) -> None:
    (tmp_path / "notes.md").touch()
    with pytest.raises(UnsupportedFormat) as caught:
        open_unlabelled([tmp_path / "notes.md"])
    assert str(caught.value) == (
        f"this is no picture and no text\n  where: {tmp_path}/notes.md\n"
        f"  expected: a picture, a folder of them, .txt, or {FORMS}"
    )


def test_an_array_is_judged_alone(flowers: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 4)))
    assert len(open_unlabelled([tmp_path / "x.npy"])) == 3
    with pytest.raises(BadArgument, match=r"^a .npy file cannot be joined with other inputs\n"):
        open_unlabelled([flowers, tmp_path / "x.npy"])


def test_torch_is_not_loaded() -> None:
    script = "import sys, regraft.data, regraft.run, regraft.features; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
