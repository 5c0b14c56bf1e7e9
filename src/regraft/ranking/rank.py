"""`regraft.rank`: the models of a zoo as starts for some data, by successive halving over the amount of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from os import PathLike
from pathlib import Path
from typing import Any

from regraft.data import Splits, open_splits
from regraft.errors import BadArgument, BadData, UnknownName
from regraft.ranking.allowance import Allowance
from regraft.ranking.finals import tuned
from regraft.ranking.memory import Memory
from regraft.ranking.record import Ranked, Ranking
from regraft.ranking.rounds import MORE, Rounds, shares
from regraft.run import Progress
from regraft.zoo import Card, Score, Zoo

_FINALISTS = 2


def rank(  # noqa: PLR0913 - each but one has a default
    data: str | PathLike[str] | Splits,
    *,
    zoo: str | PathLike[str] | None = None,
    pattern: str = "*",
    top: int = 5,
    minutes: float | None = None,
    finals: bool = True,
    input: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Ranking:
    """Find out which models of a zoo are the best starts for labelled data; what was found out before is remembered.

    Args:
        data: as `fit` takes them; their test part is not looked at.
        zoo: the folder of the zoo; None: the user's own, or what REGRAFT_ZOO names.
        pattern: of the models' names, as a shell has it.
        top: how many starts at least are scored on all data; models that are one network up to their best cut are one.
        minutes: how long it may take; nothing is begun that will take longer. None: as long as it takes.
        finals: whether the two best are fine-tuned for a short while, which decides between them.
        input: how pictures are fed to models that neither say it nor let it be guessed.
        seed: of the split, of the folds, and of the examples that are taken first.
        progress: None: said and shown on stderr.

    Raises:
        RegraftError: there is no such model, none fits the data or can be probed in the time, or the data cannot be
            used.
    """
    allowance, progress, shelf = Allowance(minutes), progress or Progress(), Zoo(zoo)
    if top < 1:
        raise BadArgument("a ranking needs a model to go to the end", expected="a top of 1 or more", got=str(top))
    cards = _cards(shelf, pattern)
    if not isinstance(data, Splits):
        data = open_splits(Path(data), seed=seed, progress=progress)
    data.train.examples.require_classes()
    memory = Memory(zoo=shelf, input=input, seed=seed, progress=progress)
    rounds = Rounds(splits=data, memory=memory, allowance=allowance, progress=progress)
    scores = _halved(cards, top, rounds)
    if not scores:
        raise _no_time(minutes) if minutes and rounds.unfinished else _nothing_fits(data, rounds.skipped)
    models = [Ranked(card=card, score=scores[card.name]) for card in cards if card.name in scores]
    models.sort(key=lambda model: _place(model.card, scores))
    return Ranking(
        models=tuple(_with_finals(models, rounds) if finals else models),
        skipped=rounds.skipped,
        unfinished=rounds.unfinished,
        blocks=rounds.blocks,
        run=rounds.run,
    )


def _halved(cards: Sequence[Card], top: int, rounds: Rounds) -> dict[str, Score]:
    """The last score of each model, by name: the best quarter of the starts goes on to more data, `top` at least."""
    left, scores = cards, dict[str, Score]()
    for share in shares(rounds.splits):
        if share < 1 and len(left) <= top:
            continue
        found = rounds.scored(left, share)
        scores |= found
        if share < 1:
            fitting = sorted((card for card in left if card.name in found), key=lambda card: _place(card, scores))
            starts = _starts(fitting, scores, rounds.memory.zoo)
            left = starts[: max(top, ceil(len(starts) / MORE))]
    return scores


def _starts(cards: Sequence[Card], scores: Mapping[str, Score], zoo: Zoo) -> list[Card]:
    """The models without those that are one network, up to their best cut, with one before."""
    found: dict[Any, Card] = {}
    for card in cards:
        found.setdefault(_start(card, scores[card.name], zoo), card)
    return list(found.values())


def _start(card: Card, score: Score, zoo: Zoo) -> Any:
    """What tells a model up to its best cut from others: its score, and its blocks up to there."""
    try:
        cuts = zoo.details(card.name).cuts
    except UnknownName:  # somebody has removed it meanwhile
        return card.name
    count = next((number for number, cut in enumerate(cuts, 1) if cut["tensor"] == score.cut), len(cuts))
    return replace(score, seconds=0.0), tuple(cut["block"] for cut in cuts[:count])


def _with_finals(models: Sequence[Ranked], rounds: Rounds) -> list[Ranked]:
    """The models with the best of them fine-tuned, the better of these first; as they are where there is only one."""
    scores = {model.card.name: model.score for model in models if model.score.learned == len(rounds.splits.train)}
    whole = [model.card for model in models if model.card.name in scores]
    finalists = _starts(whole, scores, rounds.memory.zoo)[:_FINALISTS]
    if len(finalists) < _FINALISTS:
        return list(models)
    found = tuned(finalists, [scores[card.name] for card in finalists], rounds)
    with_them = [replace(model, tuned=found.get(model.card.content)) for model in models]
    return sorted(with_them, key=lambda model: -model.tuned.accuracy if model.tuned else 0.0)


def _place(card: Card, scores: dict[str, Score]) -> tuple[float, ...]:
    """What models are sorted by: the data they were scored on, their accuracy; of equal ones the cheapest is first."""
    score = scores[card.name]
    return -score.learned, -score.accuracy, card.flops or 0


def _cards(zoo: Zoo, pattern: str) -> list[Card]:
    cards = zoo.list(pattern)
    if not cards:
        wanted = "there is no model in the zoo" if pattern == "*" else f"no model has a name like {pattern!r}"
        fix = "`regraft zoo add SOURCE` adds one" if pattern == "*" else "`regraft zoo list` shows all"
        raise BadArgument(wanted, where=str(zoo.path), fix=fix)
    return cards


def _no_time(minutes: float) -> BadArgument:
    return BadArgument("there is no time to probe one model", got=f"{minutes:g} minutes", fix="give it more: --minutes")


def _nothing_fits(splits: Splits, skipped: dict[str, str]) -> BadData:
    reasons = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:3])
    return BadData(
        "no model of the zoo fits these data",
        where=splits.train.examples.source,
        got=reasons + ("; ..." if len(skipped) > 3 else ""),
        fix="`regraft zoo list` says what each model takes; --input says how pictures are fed where a model does not",
    )
