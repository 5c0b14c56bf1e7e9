"""`regraft languages`: what is learned in one language, told of another."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from regraft.cli import output
from regraft.cli.fit import same_again
from regraft.cli.naming import NAMED, named
from regraft.cli.options import Device, Input, Json, LabelColumn, SkipBad, TextColumn, Weights, numbers
from regraft.errors import BadArgument

if TYPE_CHECKING:
    from regraft.data import Columns, Splits
    from regraft.multilingual import Transfer


def languages(
    source: Annotated[str, Argument(metavar="SOURCE", help="A trained network: what `regraft show` opens.")],
    data: Annotated[
        list[str], Argument(metavar=f"{NAMED}...", help="Labelled texts or tagged sentences of each; or one table.")
    ],
    language: Annotated[str | None, Option(metavar="COLUMN", help="Of one table: what tells the language.")] = None,
    validation: Annotated[list[str] | None, Option(metavar=NAMED, help="Data of a language to choose by.")] = None,
    test: Annotated[list[str] | None, Option(metavar=NAMED, help="Data of a language to test on.")] = None,
    few: Annotated[str, Option(metavar="N,N", help="So many sentences of a language alone, and beside others.")] = "",
    plan: Annotated[Path | None, Option(metavar="FILE", help="What is reused, frozen and new, in YAML.")] = None,
    text: TextColumn = None,
    label: LabelColumn = None,
    skip_bad: SkipBad = False,
    epochs: Annotated[int | None, Option(help="Passes over the training data, at most.")] = None,
    lr: Annotated[float | None, Option(help="Learning rate.")] = None,
    seed: Annotated[int, Option(help="Of the splits, the few sentences, new layers and order.")] = 0,
    device: Device = "auto",
    input: Input = None,
    out: Annotated[Path | None, Option(metavar="DIR", help="The run folder; else a new one in runs.")] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with the run in --out.")] = False,
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Train on each language and on all together, and test each on every language.

    The run folder gets the matrix as a picture, and a model for each that was learned.
    """
    import regraft
    from regraft.data import Columns
    from regraft.network.plan import read_plan
    from regraft.run import place_of

    out = place_of(out, resume=resume, kind="languages")
    columns = Columns(text=text, label=label)
    settings = {"epochs": epochs, "lr": lr, "seed": seed, "device": device}
    try:
        found = regraft.languages(
            source,
            _splits((data, validation or [], test or []), language, columns, seed, skip_bad=skip_bad),
            plan=plan and read_plan(plan),
            settings={word: value for word, value in settings.items() if value is not None},
            few=numbers(few, "--few") if few else (),
            out=out,
            input=input,
            resume=resume,
            weights=weights,
        )
    except KeyboardInterrupt:
        output.say(f"stopped; {same_again(out, sys.argv[1:])}")
        raise
    output.emit(found.as_json()) if json else _print(found)


def _splits(
    given: tuple[Sequence[str], Sequence[str], Sequence[str]],
    language: str | None,
    columns: Columns,
    seed: int,
    *,
    skip_bad: bool,
) -> Mapping[str, Splits]:
    """The splits of each language, of what is given to train on, to choose by and to test on."""
    from regraft.data import open_languages, open_splits
    from regraft.run import Progress

    progress = Progress()
    if language is not None:
        data, validation, test = map(_table, given)
        assert data is not None  # the command line needs one
        return open_languages(
            data,
            language,
            validation=validation,
            test=test,
            seed=seed,
            columns=columns,
            skip_bad=skip_bad,
            progress=progress,
        )
    fix = "of one table with all of them, name the column that tells which: --language COLUMN"
    paths = named(given[0], "language", fix=fix)
    chosen_by, tested = (named(words, "language", paths) for words in given[1:])
    return {
        name: open_splits(
            Path(path),
            validation=chosen_by.get(name),
            test=tested.get(name),
            seed=seed,
            columns=columns,
            skip_bad=skip_bad,
            progress=progress,
        )
        for name, path in paths.items()
    }


def _table(words: Sequence[str]) -> Path | None:
    """The one table among paths; None: none is given."""
    if len(words) > 1:
        raise BadArgument("with --language all languages stand in one table", expected="one path", got=" ".join(words))
    return Path(words[0]) if words else None


def _print(found: Transfer) -> None:
    tested = list(next(iter(found.matrix.values())))
    rows: list[tuple[Any, ...]] = [(trained, *row.values()) for trained, row in found.matrix.items()]
    output.table(found.measure.capitalize(), ("trained on", *tested), rows)
    if found.few:
        few = [(one.language, one.sentences, one.beside or "alone", one.score) for one in found.few]
        output.table("From few sentences", ("tested on", "sentences of it", "trained beside", found.measure), few)
    print(f"Run:     {found.run}\nPicture: {found.run / 'matrix.svg'}")
