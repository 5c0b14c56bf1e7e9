"""Things that have a name on the command line: NAME=PATH."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from regraft.errors import BadArgument, nearest_names

NAMED = "NAME=PATH"


def named(words: Sequence[str], what: str, known: Collection[str] | None = None, *, fix: str = "") -> dict[str, str]:
    """What stands behind each name.

    Args:
        what: what has the names, for errors: "task".
        known: the names there may be; None: any.
        fix: what else may be meant by a word without a name.

    Raises:
        BadArgument: a name is missing, given twice, or none of those known.
    """
    found: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not (name and sign and value) or name in found:
            expected = "a name, = and what belongs to it"
            raise BadArgument(f"each {what} has a name, once", expected=expected, got=word, fix=fix or None)
        if known is not None and name not in known:
            raise BadArgument(
                f"there are no training data of the {what} {name}",
                expected=", ".join(known),
                nearest=nearest_names(name, list(known)),
            )
        found[name] = value
    return found
