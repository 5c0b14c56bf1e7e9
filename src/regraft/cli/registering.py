"""`--register`: the model of a finished run is put into the user's zoo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from regraft.cli import output
from regraft.errors import BadArgument

Register = Annotated[bool, Option("--register", help="Put the finished model into your zoo.")]
Name = Annotated[str | None, Option("--name", help="Its name in the zoo; else that of the run folder.")]


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What `--register` and `--name` ask for; `source` is what the run started from, None where that was nothing."""

    wanted: bool
    name: str | None
    source: str | None = None

    def give(self, record: Callable[[], Mapping[str, Any]], show: Callable[[], None], run: Path, *, json: bool) -> None:
        """Give what came of a run, as JSON or as `show` prints it, and register its model where that is wanted."""
        if not json:
            show()
        address = self._carried_out(run) if self.wanted else None
        if json:
            output.emit({**record(), **({"registered": address} if address else {})})
        elif address:
            print(f"Zoo:   {address}")

    def _carried_out(self, run: Path) -> str:
        import regraft
        from regraft.opening import zoo_name

        parent = zoo_name(self.source or "")
        return regraft.register(run, self.name, parents=[parent] if parent else []).address


def begun(
    out: Path | None,
    *,
    resume: bool,
    register: bool,
    name: str | None,
    source: str | None = None,
    kind: str = "fit",
) -> tuple[Path, Registration]:
    """Where a run goes, and what becomes of its model: both are known to be possible before anything is trained.

    Raises:
        BadArgument: a model cannot be called that, or one is already; a name is given for nothing; or the place is
            taken, or there is nothing to resume.
    """
    from regraft.run import place_of

    place = place_of(out, resume=resume, kind=kind)
    if register:
        _require_free(name or place.name, resume=resume)
    elif name is not None:
        raise BadArgument("--name is what the model is called in the zoo", fix="say --register too")
    return place, Registration(wanted=register, name=name, source=source)


def _require_free(name: str, *, resume: bool) -> None:
    from regraft.zoo import Zoo
    from regraft.zoo.card import require_name

    Zoo().require_writable()
    if require_name(name) in Zoo() and not resume:
        raise BadArgument(
            f"there is a model called {name} in the zoo already",
            where=str(Zoo().path),
            fix=f"give this one another name: --name NAME; or remove that one: regraft zoo remove {name}",
        )
