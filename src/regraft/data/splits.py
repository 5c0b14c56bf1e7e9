"""Dividing examples into what to train on, what to choose by, and what to look at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from regraft.data.examples import Examples, Part, Splits, said_of_skipped, whole
from regraft.data.opening import Labels, open_data, open_parts
from regraft.data.tables import Columns
from regraft.errors import BadArgument, BadData
from regraft.run import Progress

FRACTIONS = (0.7, 0.15, 0.15)


def open_splits(
    data: Path | str,
    *,
    validation: Path | str | None = None,
    test: Path | str | None = None,
    seed: int = 0,
    labels: Labels | None = None,
    columns: Columns = Columns(),  # noqa: B008 - frozen
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> Splits:
    """Open labelled data for a training.

    Validation and test sets are, in this order: the ones named; the ones that come with the data
    (folders train/, validation/, test/, or arrays x_train, x_test, ...); divided off the training data.

    Raises:
        BadData: fewer than two classes, a set with a class that the training data lack, or too little to divide.
        BadArgument: a set is named twice.
        MissingFile, UnsupportedFormat, UnreadableFile, UnsafeFile: the data cannot be opened.
    """
    parts = open_parts(data, labels=labels, columns=columns, skip_bad=skip_bad, progress=progress)
    train = parts.pop("train", None) or parts.pop("", None)
    if train is None:
        raise BadData("the data come in parts, but none to train on", where=str(data), got=", ".join(parts))
    for name, path in (("validation", validation), ("test", test)):
        if path is not None and name in parts:
            raise BadArgument(
                f"the {name} set is given twice",
                got=f"{data} holds one, and --{name} {path}",
                fix=f"leave out --{name}",
            )
        if path is not None:
            parts[name] = open_data(path, columns=columns, skip_bad=skip_bad, part=name, progress=progress)
    return divide(train, parts, seed=seed)


def split(examples: Examples, *, seed: int, fractions: tuple[float, float, float] = FRACTIONS) -> Splits:
    """Divide examples into train, validation and test parts.

    Each class is divided in the same proportion as far as it can be, none is missing from the training part, and
    examples with the same content stay together. Where words are tagged, or examples have several labels or numbers,
    these are not looked at. The same examples and seed always give the same parts.

    Raises:
        BadData: fewer than two classes, or too few different examples.
    """
    _refuse_one_class(examples)
    groups = _groups(examples)
    generator = np.random.default_rng(seed)
    # copies with several labels stay in the training part: each class has to be there
    pure = [group for group in groups if (examples.labels[group] == examples.labels[group[0]]).all()]
    by_class = [pure]
    if examples.task == "classify":
        by_class = [[g for g in pure if examples.labels[g[0]] == k] for k in range(len(examples.classes))]
    for members in by_class:
        generator.shuffle(members)
    parts: list[list[int]] = [[], [], []]
    for which in (2, 1):
        for members, quota in zip(by_class, _quotas(by_class, fractions[which], len(examples)), strict=True):
            parts[which].extend(_take(members, quota))
        if fractions[which] and not parts[which]:
            raise BadData(
                f"too few different examples to divide off a {('', 'validation', 'test')[which]} set",
                where=examples.source,
                got=f"{len(groups)} different examples of {len(examples.classes)} classes",
                fix="add examples, or give the sets: --validation PATH --test PATH",
            )
    parts[0] = sorted(set(range(len(examples))).difference(parts[1], parts[2]))
    train, validation, test = (Part(examples=examples, indices=np.array(sorted(part), np.int64)) for part in parts)
    return Splits(
        train=train,
        validation=validation,
        test=test,
        classes=examples.classes,
        duplicates=len(examples) - len(groups),
    )


def divide(train: Examples, given: Mapping[str, Examples], *, seed: int) -> Splits:
    """The parts of a training: those given as they are, the others divided off the training data.

    Raises:
        BadData: fewer than two classes, or a given set has a class that the training data lack.
    """
    fixed: dict[str, Part] = {}
    for name, examples in given.items():
        fixed[name] = whole(examples.with_classes(train.classes))
    wanted = tuple(0.0 if name in fixed else f for name, f in zip(("", "validation", "test"), FRACTIONS, strict=True))
    own = split(train, seed=seed, fractions=(1 - wanted[1] - wanted[2], wanted[1], wanted[2]))
    validation, test = fixed.get("validation", own.validation), fixed.get("test", own.test)
    trained, chosen_by = set(_hashes(own.train)), set(_hashes(validation))
    return Splits(
        train=own.train,
        validation=validation,
        test=test,
        classes=train.classes,
        duplicates=own.duplicates,
        leaked=sum(key in trained for part in fixed.values() for key in _hashes(part)),
        seen=sum(key in chosen_by for key in _hashes(test)),
    )


def _hashes(part: Part) -> list[bytes]:
    return [part.examples.hashes[index] for index in part.indices]


def _refuse_one_class(examples: Examples) -> None:
    if len(examples.classes) < (1 if examples.labels.ndim == 2 else 2):
        raise BadData(
            "there is one class only" if examples.classes else "nothing is labelled",
            where=examples.source,
            expected="two classes or more to tell apart",
            got=", ".join(examples.classes) or "no class",
        )


def _groups(examples: Examples) -> list[list[int]]:
    """Examples with equal content, together; in the order of their first."""
    groups: dict[bytes, list[int]] = {}
    for index, key in enumerate(examples.hashes):
        groups.setdefault(key, []).append(index)
    return list(groups.values())


def _quotas(by_class: Sequence[Sequence[Sequence[int]]], fraction: float, total: int) -> list[int]:
    """How many examples each class gives to a part: its share, rounded so that the sum is right."""
    sizes = [sum(map(len, members)) for members in by_class]
    shares = np.array(sizes) / max(1, sum(sizes)) * fraction * total
    quotas = np.floor(shares).astype(int)
    missing = max(1, round(fraction * total)) - quotas.sum() if fraction else 0
    for index in np.argsort(quotas - shares, kind="stable")[: max(0, missing)]:
        quotas[index] += 1
    return quotas.tolist()


def _take(members: list[list[int]], quota: int) -> list[int]:
    """Remove groups of at most `quota` examples in all from a class, but not all its groups."""
    taken: list[int] = []
    left: list[list[int]] = []
    for group in members:
        if len(taken) + len(group) <= quota and group is not members[-1]:
            taken.extend(group)
        else:
            left.append(group)
    members[:] = left
    return taken


def said_of(splits: Splits) -> list[str]:
    """What is said before anything is learned from them: their sizes, what was left out, and copies between parts."""
    sizes = ", ".join(f"{len(part)} to {use}" for part, use in _uses(splits))
    what = {"multilabel": "labels", "regress": "numbers"}.get(splits.train.examples.task, "classes")
    notes = [f"data: {sizes}; {len(splits.classes)} {what}", *said_of_skipped(splits.skipped)]
    if splits.duplicates:
        notes.append(f"note: {splits.duplicates} examples are exact copies of others; copies share a part")
    if splits.leaked:
        notes.append(f"warning: {splits.leaked} examples of the validation or test set stand in the training part too")
    if splits.seen:
        notes.append(f"warning: {splits.seen} examples of the test set stand in the validation set, which is chosen by")
    return notes


def _uses(splits: Splits) -> tuple[tuple[Part, str], ...]:
    uses = ((splits.train, "train on"), (splits.validation, "choose by"), (splits.test, "test on"))
    return tuple((part, use) for part, use in uses if len(part))
