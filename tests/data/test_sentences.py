"""Sentences whose words have tags: what is a word, where its tag stands, and how entities are marked."""

from __future__ import annotations

from pathlib import Path

import pytest

from regraft.data.sentences import Tagged, read_sentences, read_tagged
from regraft.errors import BadArgument, BadData

CONLL_2003 = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER
-DOCSTART- -X- O
# SYM B-NP O
"""
CONLLU = """# newdoc
# text = vámonos al mar
1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tvamos\tir\tVERB\tv\t_\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\tp\t_\t1\tobj\t_\t_
2.1\tya\tya\tADV\t_\t_\t_\t_\t_\t_
3\tal mar\tmar\tNOUN\tn\t_\t1\tobl\t_\tSpaceAfter=No

# text = _
1\t_\t_\tPUNCT\t_\t_\t0\troot\t_\t_
"""


def written(folder: Path, content: str | bytes, name: str = "a.conll") -> Path:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


def tagged(folder: Path, *sentences: str, skip_bad: bool = False) -> Tagged:
    """Sentences of tags alone, each with a word for it."""
    blocks = ("".join(f"w\t{tag}\n" for tag in sentence.split()) for sentence in sentences)
    return read_tagged(written(folder, "\n".join(blocks)), None, skip_bad=skip_bad)


def lacks(what: str, line: int, expected: str, got: str) -> str:
    return (
        f"an entity lacks its {what}\n  where: {{path}}, line {line}\n  expected: {expected}\n  got: {got}\n"
        "  to do: in BIOES and BILOU several words are B- I- E- or B- I- L-, and one alone is S- or U-; "
        "or leave such sentences out: --skip-bad"
    )


def test_conll_2003(tmp_path: Path) -> None:
    path = written(tmp_path, CONLL_2003)
    found = read_tagged(path, None)
    assert found.sentences == (("EU", "rejects", "German"), ("Peter", "Blackburn"), ("#",))
    assert found.tags == (("B-ORG", "O", "B-MISC"), ("B-PER", "I-PER"), ("O",))
    assert (found.scheme, found.notes) == ("IOB2", ())
    assert found == read_tagged(path, "ner") == read_tagged(path, "4")
    parts = read_tagged(path, "2")
    assert parts.tags == (("NNP", "VBZ", "JJ"), ("NNP", "NNP"), ("SYM",))
    assert parts.scheme == ""
    assert read_sentences(path) == Tagged(sentences=found.sentences)


def test_conllu(tmp_path: Path) -> None:
    path = written(tmp_path, CONLLU, "a.conllu")
    found = read_tagged(path, None)
    assert found.sentences == (("vamos", "nos", "al mar"), ("_",))
    assert found.tags == (("VERB", "PRON", "NOUN"), ("PUNCT",))
    assert (found.scheme, found.notes) == ("", ())
    assert found == read_tagged(path, "upos") == read_tagged(path, "UPOS")
    assert read_tagged(path, "deprel").tags == (("root", "obj", "obl"), ("root",))
    assert read_sentences(path) == Tagged(sentences=found.sentences)


def test_only_a_newline_ends_a_line_and_only_a_blank_one_a_sentence(tmp_path: Path) -> None:
    words = ["one\x0ctwo", "three\u2028four", "fünf\x85sechs", "#hashtag", "New York", "\u00a0"]
    content = "\ufeff\r\n" + "\r\n".join(f"{word}\tX" for word in words) + "\r\n\t\r\n \r\n\r\nlast \t Y"
    path = written(tmp_path, content)
    assert read_tagged(path, None).sentences == (tuple(words), ("last",))
    assert read_tagged(path, None).tags == (("X",) * 6, ("Y",))


def test_spaces_between_columns_may_be_many(tmp_path: Path) -> None:
    path = written(tmp_path, "  EU   B-ORG \t\nsays    O\t\n")
    assert read_tagged(path, None) == Tagged(sentences=(("EU", "says"),), tags=(("B-ORG", "O"),), scheme="IOB2")


def test_words_alone(tmp_path: Path) -> None:
    path = written(tmp_path, "one\ntwo\n\nthree")
    assert read_sentences(path) == Tagged(sentences=(("one", "two"), ("three",)))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_latin_1_is_told_and_said(mark: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, mark + "plain\tX\ncaf\xe9\tY\n\u201cquoted\u201d\tZ".encode("cp1252"))
    note = f"{path} is read as latin-1 (Windows-1252): its line 2 is no UTF-8"
    found = Tagged(sentences=(("plain", "café", "\u201cquoted\u201d"),), notes=(note,))
    assert read_sentences(path) == found
    assert read_tagged(path, None).notes == (note,)


@pytest.mark.parametrize(
    ("before", "after", "scheme", "was"),
    [
        ("O O", "O O", "IOB2", ""),
        ("B-A I-A O B-A B-A B-B", "B-A I-A O B-A B-A B-B", "IOB2", ""),
        ("O B-A,1 I-A,1", "O B-A,1 I-A,1", "IOB2", ""),
        ("I-A I-A B-A I-A I-B O I-A", "B-A I-A B-A I-A B-B O B-A", "IOB2", "IOB1"),
        ("B-A I-A E-A S-A O S-B B-B E-B", "B-A I-A E-A S-A O S-B B-B E-B", "BIOES", ""),
        ("B-A I-A L-A U-A O U-B B-B L-B", "B-A I-A E-A S-A O S-B B-B E-B", "BIOES", "BILOU"),
        ("B-A I-A", "B-A I-A", "", ""),
        ("O X-A B-A", "O X-A B-A", "", ""),
        ("O B- I-A", "O B- I-A", "", ""),
        ("O B I", "O B I", "", ""),
    ],
)
def test_schemes(before: str, after: str, scheme: str, was: str, tmp_path: Path) -> None:
    found = tagged(tmp_path, before)
    assert found.tags == (tuple(after.split()),)
    assert found.scheme == scheme
    turned = f"{tmp_path}/a.conll: the tags are {was} and were turned into {scheme}"
    assert found.notes == ((turned,) if was else ())


def test_an_entity_ends_with_its_sentence(tmp_path: Path) -> None:
    found = tagged(tmp_path, "O I-A", "I-A B-A")
    assert found.tags == (("O", "B-A"), ("B-A", "B-A"))


def test_both_notes_are_given(tmp_path: Path) -> None:
    path = written(tmp_path, b"caf\xe9\tI-LOC\nest\tO\n")
    assert read_tagged(path, None).notes == (
        f"{path} is read as latin-1 (Windows-1252): its line 1 is no UTF-8",
        f"{path}: the tags are IOB1 and were turned into IOB2",
    )


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("5", ""),
        ("1", ""),
        ("9" * 5000, ""),
        ("-1", ""),
        ("nerr", "\n  nearest: ner"),
    ],
)
def test_no_such_column(column: str, expected: str, tmp_path: Path) -> None:
    path = written(tmp_path, CONLL_2003)
    with pytest.raises(BadArgument) as caught:
        read_tagged(path, column)
    assert str(caught.value) == (
        f"the file has no column of tags {column!r}\n  where: {path}, line 3\n"
        f"  expected: a number from 2 to 4, or ner: the last\n  got: EU NNP B-NP B-ORG{expected}"
    )


def test_no_such_column_in_conllu(tmp_path: Path) -> None:
    path = written(tmp_path, CONLLU, "a.conllu")
    with pytest.raises(BadArgument) as caught:
        read_tagged(path, "Pos")
    assert str(caught.value) == (
        f"CoNLL-U has no column 'Pos'\n  where: {path}\n"
        "  expected: form, lemma, upos, xpos, feats, head, deprel, deps, misc\n  nearest: xpos, upos, deps"
    )


def test_a_word_without_a_tag_in_conllu(tmp_path: Path) -> None:
    path = written(tmp_path, CONLLU, "a.conllu")
    with pytest.raises(BadData) as caught:
        read_tagged(path, "xpos")
    assert str(caught.value) == (
        f"a tag is missing\n  where: {path}, line 10, column 5\n  got: 1 _ _ PUNCT _ _ 0 root _ _"
    )


def test_words_without_tags(tmp_path: Path) -> None:
    path = written(tmp_path, "one\ntwo\n")
    with pytest.raises(BadData) as caught:
        read_tagged(path, None)
    assert str(caught.value) == (
        f"the words have no tags\n  where: {path}, line 1\n  expected: two columns or more\n  got: one"
    )


@pytest.mark.parametrize(
    ("tags", "text"),
    [
        (
            ("O I-A", "O O B-B"),
            "the tags are neither IOB2 nor IOB1\n  where: {path}, line 2\n"
            "  expected: B- begins each entity (IOB2), or only those directly after one of the same type (IOB1)\n"
            "  got: I-A begins an entity, and so does B-B in line 6\n"
            "  to do: write all tags in one of these schemes, or leave such sentences out: --skip-bad",
        ),
        (
            ("O B-A I-B",),
            "the tags are neither IOB2 nor IOB1\n  where: {path}, line 3\n"
            "  expected: B- begins each entity (IOB2), or only those directly after one of the same type (IOB1)\n"
            "  got: I-B begins an entity, and so does B-A in line 2\n"
            "  to do: write all tags in one of these schemes, or leave such sentences out: --skip-bad",
        ),
        (("S-A O", "O B-A", "O"), lacks("end", 5, "I-A, E-A or L-A after B-A", "the end of the sentence")),
        (("S-A O B-A O",), lacks("end", 4, "I-A, E-A or L-A after B-A", "O")),
        (("S-A O B-A I-A E-B",), lacks("end", 5, "I-A, E-A or L-A after I-A", "E-B")),
        (("U-A O B-A U-A",), lacks("end", 4, "I-A, E-A or L-A after B-A", "U-A")),
        (("S-A O I-A E-A",), lacks("beginning", 3, "B-A before I-A", "O")),
        (("O", "E-A"), lacks("beginning", 3, "B-A before E-A", "the start of the sentence")),
        (("B-A L-A L-A O",), lacks("beginning", 3, "B-A before L-A", "L-A")),
        (
            ("O I-A", "B-A,B-B O"),
            "a word has several tags\n  where: {path}, line 4\n  expected: one\n  got: B-A,B-B\n"
            "  to do: write one of them, or leave such sentences out: --skip-bad",
        ),
    ],
)
def test_entities_of_no_scheme(tags: tuple[str, ...], text: str, tmp_path: Path) -> None:
    with pytest.raises(BadData) as caught:
        tagged(tmp_path, *tags)
    assert str(caught.value) == text.format(path=tmp_path / "a.conll")


@pytest.mark.parametrize(
    ("sentences", "kept", "scheme", "skipped"),
    [
        (("O B-A", "O I-A", "B-A I-A", "O B-B"), ("O B-A", "B-A I-A", "O B-B"), "IOB2", "line 5: I-A after O"),
        (("O I-A", "O B-A", "I-A B-A"), ("O B-A", "B-A B-A"), "IOB2", "line 5: B-A after O"),
        (("B-A E-A O", "O B-A"), ("B-A E-A O",), "BIOES", "line 6: the end after B-A"),
        (("U-A O", "L-A O"), ("S-A O",), "BIOES", "line 4: L-A after the start"),
        (("B-A O", "B-A,I-B I-A"), ("B-A O",), "IOB2", "line 4: B-A,I-B after the start"),
    ],
)
def test_sentences_that_break_the_scheme_of_most(
    sentences: tuple[str, ...], kept: tuple[str, ...], scheme: str, skipped: str, tmp_path: Path
) -> None:
    found = tagged(tmp_path, *sentences, skip_bad=True)
    assert [" ".join(tags) for tags in found.tags] == list(kept)
    assert len(found.sentences) == len(kept)
    assert found.scheme == scheme
    assert found.skipped == (f"{tmp_path}/a.conll, {skipped}",)


def test_no_sentence_keeps_to_a_scheme(tmp_path: Path) -> None:
    with pytest.raises(BadData) as caught:
        tagged(tmp_path, "O I-A B-B", "O B-A I-B", skip_bad=True)
    assert str(caught.value) == (
        f"no sentence keeps to a scheme\n  where: {tmp_path}/a.conll\n  got: line 2: I-A after O"
    )


@pytest.mark.parametrize(
    ("name", "sentences", "words", "classes", "scheme"),
    [
        ("ner_wnut17_english/wnut17train.conll", 3394, 62730, 13, "IOB2"),
        ("ner_wnut17_english/emerging.dev.conll", 1009, 15733, 13, "IOB2"),
        ("ud_partut_english/en_partut-ud-train.conllu", 1781, 43504, 17, ""),
        ("ud_partut_french/fr_partut-ud-train.conllu", 803, 24107, 17, ""),
    ],
)
def test_real_files(shared: Path, name: str, sentences: int, words: int, classes: int, scheme: str) -> None:
    found = read_tagged(shared / "data" / name, None)
    assert (len(found.sentences), len(found.tags)) == (sentences, sentences)
    assert list(map(len, found.sentences)) == list(map(len, found.tags))
    assert sum(map(len, found.sentences)) == words
    assert len({tag for tags in found.tags for tag in tags}) == classes
    assert (found.scheme, found.notes) == (scheme, ())
    assert read_sentences(shared / "data" / name).sentences == found.sentences


def test_a_real_file_whose_tags_are_doubled(shared: Path) -> None:
    path = shared / "data/ner_wnut17_english/emerging.test.conll"
    assert len(read_sentences(path).sentences) == 1287
    with pytest.raises(BadData) as caught:
        read_tagged(path, None)
    assert str(caught.value) == (
        f"a word has several tags\n  where: {path}, line 212\n  expected: one\n"
        "  got: B-corporation,B-person,B-location\n  to do: write one of them, or leave such sentences out: --skip-bad"
    )
    found = read_tagged(path, None, skip_bad=True)
    known = read_tagged(path.with_name("wnut17train.conll"), None).tags
    assert {tag for tags in found.tags for tag in tags} == {tag for tags in known for tag in tags}
    assert (len(found.sentences), len(found.tags), len(found.skipped)) == (1104, 1104, 183)
    assert found.skipped[0] == f"{path}, line 212: B-corporation,B-person,B-location after O"
    assert f"{path}, line 18829: I-creative-work after O" in found.skipped
