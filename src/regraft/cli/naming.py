"""Things that have a name on the command line: NAME=PATH."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from regraft.errors import BadArgument, nearest_names

NAMED = "NAME=PATH"


def named(words: Sequence[str], what: str, known: Collection[str] | None = None) -> dict[str, str]:
    """What stands behind each name.

    Args:
        what: what has the names, for errors: "task".
        known: the names there may be; None: any.

    Raises:
        BadArgument: a name is missing, given twice, or none of those known.
    """
    found: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not (name and sign and value) or name in found:
            raise BadArgument(f"each {what} has a name, and what belongs to it", expected="NAME=...", got=word)
        if known is not None and name not in known:
            raise BadArgument(
                f"there are no training data of the {what} {name}",
                expected=", ".join(known),
                nearest=nearest_names(name, list(known)),
            )
        found[name] = value
    return found
