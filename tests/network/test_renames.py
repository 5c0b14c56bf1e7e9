"""Maps of names, given and read."""

from __future__ import annotations

from pathlib import Path

import pytest

from regraft.errors import BadArgument, MissingFile, UnreadableFile
from regraft.network.renames import Place, Renames, read_renames, renames_as_text

FORM = "old name: new name, or {to: new name, turn: o i -> i o}, or nothing where it is not used"


def test_an_exact_name_goes_before_a_pattern() -> None:
    renames = Renames({"(.*)/kernel": r"\1.weight", "fc/kernel": {"to": "head", "turn": "i o -> o i"}, "old.*": None})
    assert renames.place("conv/kernel") == Place("conv.weight")
    assert renames.place("fc/kernel") == Place("head", "i o -> o i")
    assert renames.place("old1") == Place(None)
    assert renames.place("other") == Place("other")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    rename = {"a.weight": {"to": "a/w", "turn": "o (c h) -> (h c) o, c=2"}, "b: [1]": "b/{x}", "ü": "y"}
    text = renames_as_text(rename, {"c": ("one", "two")}, ["said", "more"])
    assert text == (
        "# said\n# more\n"
        "a.weight: {to: a/w, turn: 'o (c h) -> (h c) o, c=2'}\n"
        "'b: [1]': b/{x}\n"
        "ü: y\n"
        "# undecided: 2 places fit; take away one '#'\n"
        "# c: one\n"
        "# c: two\n"
    )
    (tmp_path / "names.yaml").write_text(text, encoding="utf-8")
    assert read_renames(tmp_path / "names.yaml").places == Renames(rename).places


@pytest.mark.parametrize("entry", [3, ["a"], {"to": "a", "other": 1}, {"turn": "a -> a"}, {"to": "a", "turn": 3}])
def test_entries_that_are_not_clear(entry: object) -> None:
    with pytest.raises(BadArgument) as error:
        Renames({"x": entry}, "names.yaml")
    assert str(error.value) == (
        f"the map of names says nothing clear about 'x'\n  where: names.yaml\n  expected: {FORM}\n  got: {entry!r}"
    )


def test_files_that_are_no_map(tmp_path: Path) -> None:
    path = tmp_path / "names.yaml"
    with pytest.raises(MissingFile, match=r"there is no file names.yaml"):
        read_renames(path)
    path.write_text("[1, 2]")
    with pytest.raises(BadArgument) as error:
        read_renames(path)
    assert str(error.value) == f"this is no map of names\n  where: {path}\n  expected: {FORM}"
    path.write_text("a: [")
    with pytest.raises(UnreadableFile, match="the map of names is no YAML"):
        read_renames(path)
    path.write_text("a: !!python/object/apply:os.system ['touch ran']")
    with pytest.raises(UnreadableFile, match="could not determine a constructor"):
        read_renames(path)
