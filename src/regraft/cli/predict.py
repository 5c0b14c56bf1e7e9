"""`regraft predict`: what a network takes examples for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from regraft.cli import output
from regraft.cli.examples import unlabelled
from regraft.cli.options import Device, Input, Json, Names, Output, SkipBad, TextColumn, Weights

if TYPE_CHECKING:
    from regraft.tasks.predict import Piece, Predictions, TaggedSentences


def predict(
    model: Annotated[str, Argument(metavar="MODEL", help="A run, a model folder, or any source with its labels.")],
    inputs: Annotated[
        list[Path], Argument(metavar="FILES...", help="Pictures, folders of them, one array, .txt or a table.")
    ],
    labels: Names = None,
    text: TextColumn = None,
    top: Annotated[int, Option(min=1, help="How many classes to tell of each, the likeliest first.")] = 1,
    to: Output = None,
    input: Input = None,
    skip_bad: SkipBad = False,
    device: Device = "auto",
    weights: Weights = None,
    conll: Annotated[bool, Option("--conll", help="Tagged words in columns, one word a line.")] = False,
    json: Json = False,
) -> None:
    """Tell the class of each example and how probable it is; or its labels, its numbers, the tags of its words."""
    import regraft

    pieces = regraft.predict_in_pieces(
        model,
        unlabelled(inputs, text, skip_bad=skip_bad),
        to=to,
        labels=labels,
        input=input,
        device=device,
        weights=weights,
    )
    if json:
        output.emit_each("predictions", (record for piece in pieces for record in _records(piece, top)))
    else:
        _print(pieces, top, conll=conll)


def _print(pieces: Iterator[Piece], top: int, *, conll: bool) -> None:
    """A table of classes, labels or numbers; of tagged words a sentence a line, or columns."""
    from regraft.tasks.predict import TaggedSentences

    first = next(pieces)
    whole = chain([first], pieces)
    if isinstance(first, TaggedSentences):
        for piece in whole:
            assert isinstance(piece, TaggedSentences)
            _print_tagged(piece, conll=conll)
    else:
        output.table("Predictions", _headings(first), (row for piece in whole for row in _rows(piece, top)))


def _headings(piece: Piece) -> tuple[str, ...]:
    from regraft.tasks.predict import LabelledExamples, ToldNumbers

    if isinstance(piece, ToldNumbers):
        return ("input", *piece.classes)
    return ("input", "labels") if isinstance(piece, LabelledExamples) else ("input", "class", "probability")


def _rows(piece: Piece, top: int) -> Iterator[tuple[Any, ...]]:
    from regraft.tasks.predict import LabelledExamples, Predictions, ToldNumbers

    if isinstance(piece, ToldNumbers):
        yield from ((name, *row) for name, row in zip(piece.inputs, piece.numbers.tolist(), strict=True))
    elif isinstance(piece, LabelledExamples):
        yield from ((name, ", ".join(own)) for name, own in zip(piece.inputs, piece.labels, strict=True))
    elif isinstance(piece, Predictions):
        yield from ((name, *guess) for name, guesses in _guesses(piece, top) for guess in guesses)


def _print_tagged(found: TaggedSentences, *, conll: bool) -> None:
    """A sentence a line, as word/tag; or in columns, with a blank line after each sentence."""
    between, end = ("\t", "\n") if conll else ("/", " ")
    for words, tags in zip(found.sentences, found.tags, strict=True):
        print(end.join(f"{word}{between}{tag}" for word, tag in zip(words, tags, strict=True)))
        if conll:
            print()


def _records(found: Piece, top: int) -> list[dict[str, Any]]:
    """What JSON holds: the likeliest class of each input; all that were asked for under "top"."""
    from regraft.tasks.predict import Predictions

    records = found.as_json()["predictions"]
    if top > 1 and isinstance(found, Predictions):
        for record, (_, guesses) in zip(records, _guesses(found, top), strict=True):
            record["top"] = [{"class": name, "probability": share} for name, share in guesses]
    return records


def _guesses(found: Predictions, top: int) -> list[tuple[str, list[tuple[str, float]]]]:
    """For each input its likeliest classes and their probabilities."""
    best = (-found.probability).argsort(axis=1, kind="stable")[:, :top]
    return [
        (name, [(found.classes[k], float(row[k])) for k in columns])
        for name, columns, row in zip(found.inputs, best, found.probability, strict=True)
    ]
