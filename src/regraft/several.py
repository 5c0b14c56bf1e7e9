"""`languages`, `multitask`: several languages, or several tasks, on one trunk; from addresses and paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from regraft.data import Splits, open_languages, open_splits
from regraft.errors import BadArgument
from regraft.joint import Balance, Choices, Learned, learn
from regraft.multilingual import Transfer, transfer
from regraft.network import GraphNetwork
from regraft.network.plan import Plan
from regraft.opening import fed
from regraft.run import Progress
from regraft.train.settings import seed_of


def languages(  # noqa: PLR0913 - each but two has a default
    source: str | PathLike[str] | GraphNetwork,
    data: Mapping[str, str | PathLike[str] | Splits] | str | PathLike[str],
    *,
    language: str | None = None,
    plan: Plan | None = None,
    settings: Mapping[str, Any] | None = None,
    few: Sequence[int] = (),
    out: str | PathLike[str] | None = None,
    input: str | None = None,
    resume: bool = False,
    weights: str | PathLike[str] | None = None,
) -> Transfer:
    """Train on each language and on all together, and test each on every language: the transfer matrix.

    Args:
        source: a network, or the address of one.
        data: labelled texts or tagged sentences of each language, by its name; or the path of one table of texts.
        language: of such a table, the column that tells the language.
        few: how many sentences of a language are known where few are: learned alone, and beside each other language.
        plan, settings, out, input, resume, weights: as for `fit`.

    Raises:
        RegraftError: the plan or the data do not fit the network.
    """
    splits = _by_language(data, language, settings)
    network, input = fed(source, input, weights=weights)
    return transfer(
        network,
        splits,
        plan=plan,
        settings=settings,
        few=few,
        out=None if out is None else Path(out),
        input=input,
        resume=resume,
    )


def multitask(  # noqa: PLR0913 - each but two has a default
    source: str | PathLike[str] | GraphNetwork,
    tasks: Mapping[str, str | PathLike[str] | Splits],
    *,
    plan: Plan | None = None,
    plans: Mapping[str, Plan] | None = None,
    detached: Sequence[str] = (),
    loss_weights: Mapping[str, float] | Literal["uncertainty"] | None = None,
    temperature: float = 1.0,
    settings: Mapping[str, Any] | None = None,
    out: str | PathLike[str] | None = None,
    input: str | None = None,
    resume: bool = False,
    weights: str | PathLike[str] | None = None,
) -> Learned:
    """Learn several tasks on one trunk, and each alone to compare with.

    A source that has learned several tasks before keeps them as they are, and learns the new ones beside.

    Args:
        source: a network, or the address of one.
        tasks: labelled data of each task, by its name.
        plan: what is reused, frozen and new; None: the trunk is frozen, and each task gets a linear layer.
        plans: of tasks that end the trunk elsewhere or have other new layers.
        detached: tasks whose losses leave the trunk alone.
        loss_weights: what the losses of tasks are multiplied with, 1 where nothing is said; "uncertainty": learned, by
            how uncertain each task is.
        temperature: 1: every example is seen once an epoch; more: those of small tasks more often.
        settings, out, input, resume, weights: as for `fit`.

    Raises:
        RegraftError: the plans or the data do not fit the network or each other.
    """
    balance = Balance(weights=loss_weights or {}, temperature=temperature)
    network, input = fed(source, input, weights=weights)
    return learn(
        network,
        _opened(tasks, settings),
        Choices(plan=plan or Plan(), plans=plans or {}, detached=detached, balance=balance),
        settings=settings,
        out=None if out is None else Path(out),
        input=input,
        resume=resume,
    )


def _by_language(
    data: Mapping[str, str | PathLike[str] | Splits] | str | PathLike[str],
    language: str | None,
    settings: Mapping[str, Any] | None,
) -> Mapping[str, Splits]:
    """The splits of each language."""
    if isinstance(data, str | PathLike):
        if language is None:
            raise BadArgument(
                "nobody says which language a row is of", where=str(data), fix="name a column: language=NAME"
            )
        return open_languages(Path(data), language, seed=seed_of(settings), progress=Progress())
    if language is not None:
        raise BadArgument("the languages have names already", got=", ".join(data), fix="leave out language=")
    return _opened(data, settings)


def _opened(data: Mapping[str, str | PathLike[str] | Splits], settings: Mapping[str, Any] | None) -> dict[str, Splits]:
    """Data by name, those of a path opened."""
    seed, progress = seed_of(settings), Progress()
    return {
        name: open_splits(Path(one), seed=seed, progress=progress) if isinstance(one, str | PathLike) else one
        for name, one in data.items()
    }
