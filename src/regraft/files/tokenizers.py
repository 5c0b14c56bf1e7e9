"""What lies beside a text encoder: its tokenizer, with how it fills up and cuts off written into it; its pooling."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regraft.errors import MissingExtra, UnreadableFile

_FROM_FILLER = ("roberta", "camembert", "mpnet")  # kinds whose first position is the one behind the filler
_WAY = "pooling_mode_"
_UNLIMITED = 1e6  # transformers writes a far greater length where there is no limit


def tokenizer_at(path: Path, config: Mapping[str, Any]) -> str:
    """A tokenizer.json; "" where there is none, or nobody says what fills up shorter texts.

    Args:
        config: of the encoder: how many tokens it has positions for, and what fills up; what is noted beside the
            tokenizer goes before it.

    Raises:
        UnreadableFile: it is damaged, or the record beside it.
        MissingExtra: the package tokenizers is not installed.
    """
    if not path.is_file():
        return ""
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra("tokenizers is needed to read texts", fix="pip install 'regraft[text]'") from error
    try:
        found = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the package raises bare ones
        raise UnreadableFile("the tokenizer is damaged", where=str(path), got=str(error)) from error
    said = record(path.with_name("tokenizer_config.json"), "the tokenizer")
    most = _least_of(_positions(config), (found.truncation or {}).get("max_length"), said.get("model_max_length"))
    if most is not None:
        found.enable_truncation(most)
    name = _name(said.get("pad_token")) or (found.padding or {}).get("pad_token")
    filler = config.get("pad_token_id") if name is None else found.token_to_id(name)
    if filler is None:
        return ""
    found.enable_padding(pad_id=filler, pad_token=found.id_to_token(filler) or "")
    return found.to_str()


def filler_of(tokenizer: str) -> int | None:
    """The token that fills up what is shorter, in the words of `tokenizer_at`; None where it ends texts too."""
    from tokenizers import Tokenizer

    made = Tokenizer.from_str(tokenizer)
    filler = (made.padding or {}).get("pad_id", 0)
    made.no_padding()
    return None if filler in made.encode("").ids else int(filler)


def separator_of(tokenizer: str) -> int | None:
    """The token behind which those of the second of two texts are of type 1; None where types are told otherwise."""
    from tokenizers import Tokenizer

    made = Tokenizer.from_str(tokenizer)
    made.no_padding()
    pair = made.encode("a", "b")
    first = pair.type_ids.index(1) if 1 in pair.type_ids else 0
    if first == 0 or pair.sequence_ids[first - 1] is not None or filler_of(tokenizer) is None:
        return None
    separator = pair.ids[first - 1]
    told = pair.type_ids == [int(place >= first) for place in range(len(pair.ids))]
    return int(separator) if told and pair.ids.index(separator) == first - 1 else None


def _positions(config: Mapping[str, Any]) -> int | None:
    """How many tokens a model of this configuration has positions for; None: any number."""
    most, filler = config.get("max_position_embeddings"), config.get("pad_token_id") or 0
    behind = any(word in str(config.get("model_type")) for word in _FROM_FILLER)
    return most - filler - 1 if most and behind else most


def pooling_beside(folder: Path) -> str | None:
    """How the sentence is made, as sentence-transformers notes it beside a model; None: in another way than these."""
    path = folder / "1_Pooling" / "config.json"
    if not path.is_file():
        return "mean"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        ways = [name.removeprefix(_WAY) for name, chosen in said.items() if name.startswith(_WAY) and chosen is True]
        return {("mean_tokens",): "mean", ("cls_token",): "cls", (): "mean"}.get(tuple(ways))
    except (ValueError, AttributeError) as error:
        raise UnreadableFile("the pooling's config.json is damaged", where=str(path), got=str(error)) from error


def record(path: Path, of: str) -> dict[str, Any]:
    """What transformers notes beside a model; {}: nothing.

    Raises:
        UnreadableFile: it is damaged.
    """
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise UnreadableFile(f"the record of {of} is damaged", where=str(path), got=str(error)) from error


def _least_of(*lengths: Any) -> int | None:
    """The least of some lengths, of which some may be no limits."""
    limits = [int(length) for length in lengths if isinstance(length, int | float) and 0 < length < _UNLIMITED]
    return min(limits, default=None)


def _name(token: Any) -> str | None:
    """A token, which may stand in a record of its own."""
    found = token.get("content") if isinstance(token, dict) else token
    return found if isinstance(found, str) else None
