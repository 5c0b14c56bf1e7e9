"""The run folder: everything about one training, readable by all, never half written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from regraft.errors import BadArgument, MissingFile, OutOfSpace, RegraftError, UnreadableFile, UnsupportedFormat
from regraft.run.atomic import (
    append_line,
    disk_errors,
    is_partial,
    read_json,
    read_lines,
    sweep,
    write_bytes,
    write_json,
)
from regraft.run.locks import take

Status = Literal["running", "interrupted", "done"]

_FORMAT = 1
_MARK = "run.json"
_LOCK = ".lock"


class RunFolder:
    """A folder with everything about one training.

        run.json         what this folder is, and its status
        settings.json    what was asked: source, plan, data, preprocessing, training
        metrics.jsonl    one line an epoch
        results.json     the final numbers
        checkpoints/     the training's own state, last and best
        start/           the network the training began with; gone once there is a model
        start.json       how the weights in checkpoints/ get into it
        model/           the finished model
        raw/             the same with its own weights, where the training averaged them
        tensorboard/     the curves
        trials/          the trainings of a search, each a run of its own
        seconds.json     what each stage of a search took

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path | str) -> None:
        """Open an existing run.

        Raises:
            MissingFile: there is no such folder.
            UnsupportedFormat: it is no run folder, or a newer regraft wrote it.
            UnreadableFile: its run.json is damaged.
        """
        self.path = Path(path)
        if not self.path.is_dir():
            raise MissingFile("there is no such run folder", where=str(path))
        if not is_run(self.path):
            raise UnsupportedFormat(
                "this folder is no run", where=str(path), expected=f"a folder that `regraft fit` wrote, with a {_MARK}"
            )
        _ = self.status

    @classmethod
    def create(cls, path: Path | str) -> RunFolder:
        """Start a new run in a folder that is absent or empty.

        Raises:
            BadArgument: something is there already.
            OutOfSpace: the disk is full.
        """
        path = Path(path)
        _require_free(path)
        with disk_errors(path):
            path.mkdir(parents=True, exist_ok=True)
        _write_status(path, "running")
        return cls(path)

    @classmethod
    def at(cls, path: Path | str, *, resume: bool) -> RunFolder:
        """The run that a place from `place_of` is for: a new one or, to resume, the one that is there."""
        return cls(path) if resume and is_run(path) else cls.create(path)

    # --- places -------------------------------------------------------------------------------------

    @property
    def settings(self) -> Path:
        """Where the settings are."""
        return self.path / "settings.json"

    @property
    def metrics(self) -> Path:
        """Where the measurements of each epoch are."""
        return self.path / "metrics.jsonl"

    @property
    def results(self) -> Path:
        """Where the final numbers are."""
        return self.path / "results.json"

    @property
    def checkpoints(self) -> Path:
        """Where the training's own state is."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """Where the finished model is."""
        return self.path / "model"

    @property
    def start(self) -> Path:
        """Where the network is that the training began with."""
        return self.path / "start"

    @property
    def start_record(self) -> Path:
        """Where it is said how the weights in checkpoints get into that network."""
        return self.path / "start.json"

    @property
    def raw(self) -> Path:
        """Where the finished model is, with weights that are not averaged."""
        return self.path / "raw"

    @property
    def trials(self) -> Path:
        """Where the trainings of a search are."""
        return self.path / "trials"

    @property
    def seconds(self) -> Path:
        """Where it is said what each stage of a search took."""
        return self.path / "seconds.json"

    @property
    def tensorboard(self) -> Path:
        """Where the curves are."""
        return self.path / "tensorboard"

    # --- status -------------------------------------------------------------------------------------

    @property
    def status(self) -> Status:
        """How far the run has come: "running" is also what a killed run says."""
        mark = self.read_json(_MARK)
        status = mark.get("status") if isinstance(mark, Mapping) else None
        if status not in ("running", "interrupted", "done"):
            raise UnreadableFile(f"{_MARK} does not say what became of the run", where=str(self.path), got=repr(mark))
        if mark.get("format") != _FORMAT:
            raise UnsupportedFormat(
                "this run was written by another version of regraft",
                where=str(self.path),
                expected=f"format {_FORMAT}",
                got=f"format {mark.get('format')}",
            )
        return status

    @contextmanager
    def working(self) -> Generator[None]:
        """Work on the run: alone, marked "running", and "done" when the block ends well.

        Ctrl-C or an error leaves it "interrupted"; after a kill it stays "running". Both can be resumed. A mistake
        (RegraftError) that is found before there is a checkpoint to go on from leaves nothing: the place is free again.

        Raises:
            BadArgument: another process works on it now.
        """
        with open(self.path / _LOCK, "ab") as lock:
            if not take(lock.fileno()):
                raise BadArgument(
                    "another process works on this run now",
                    where=str(self.path),
                    fix="wait for it, or name another folder",
                )
            sweep(self.path)
            _write_status(self.path, "running")
            try:
                yield
            except BaseException as error:
                if isinstance(error, RegraftError) and not self._worth_keeping():
                    self._remove()
                    raise
                with suppress(OutOfSpace):  # then it stays "running", which can be resumed as well
                    _write_status(self.path, "interrupted")
                raise
            _write_status(self.path, "done")

    # --- reading and writing ------------------------------------------------------------------------

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON document of the run, whole or not at all."""
        write_json(self._inside(name), value)

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write a file of the run, whole or not at all."""
        write_bytes(self._inside(name), data)

    def append_line(self, name: str, value: Any) -> None:
        """Add a JSON line to a file of the run."""
        append_line(self._inside(name), value)

    def read_json(self, name: str) -> Any:
        """A JSON document of the run.

        Raises:
            MissingFile: the run has no such file.
            UnreadableFile: it is not JSON.
        """
        path = self._inside(name)
        if not path.is_file():
            raise MissingFile(
                f"the run has no {name}", where=str(self.path), got=f"a run that is {self._last_status()}"
            )
        return read_json(path)

    def read_lines(self, name: str) -> list[Any]:
        """The JSON lines of a file of the run; none where it is not there yet."""
        return read_lines(self._inside(name))

    def keep_lines(self, name: str, values: Sequence[Any]) -> None:
        """Replace the lines of a file: a resumed training drops what came after its checkpoint."""
        self.write_bytes(name, "".join(json.dumps(value, allow_nan=False) + "\n" for value in values).encode())

    def _inside(self, name: str) -> Path:
        path = self.path / name
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise BadArgument("a run keeps its files in its own folder", where=str(self.path), got=name)
        return path

    def _worth_keeping(self) -> bool:
        """Whether there is something to go on from, or a model."""
        return any(place.is_dir() and any(place.iterdir()) for place in (self.checkpoints, self.model, self.trials))

    def _remove(self) -> None:
        """Remove what a run consists of, and the folder if nothing else lies in it."""
        for place in (self.checkpoints, self.start, self.model, self.raw, self.tensorboard, self.trials):
            shutil.rmtree(place, ignore_errors=True)
        records = (self.settings, self.start_record, self.metrics, self.results, self.seconds)
        with suppress(OSError):
            for path in (*records, self.path / _MARK, self.path / _LOCK):
                path.unlink(missing_ok=True)
            self.path.rmdir()

    def _last_status(self) -> str:
        mark = self.path / _MARK
        return str(read_json(mark).get("status")) if mark.is_file() else "gone"


def is_run(path: Path | str) -> bool:
    """Whether a folder is a run."""
    return (Path(path) / _MARK).is_file()


def place_of(out: Path | str | None, *, resume: bool, kind: str = "fit") -> Path:
    """Where a run goes, known to be usable before any work is done: `out`, or a new folder in `runs` named by its kind.

    To resume, something must be there: a run, or the empty folder of one that was killed in its first moment.

    Raises:
        BadArgument: the place is taken, or there is nothing to resume.
        UnsupportedFormat: what shall be resumed is no run.
    """
    if out is None and resume:
        raise BadArgument("which run shall be resumed?", fix="name its folder: --out DIR")
    path = Path(out) if out is not None else new_place(Path("runs"), kind)
    if not resume:
        _require_free(path)
    elif not path.exists():
        raise BadArgument("there is no run to resume", where=str(path), fix="start it: leave out --resume")
    elif not _is_unused(path):
        RunFolder(path)
    return path


def new_place(folder: Path, kind: str = "fit") -> Path:
    """A place for a new run in a folder of runs, called by its kind and the time."""
    return folder / f"{kind}-{datetime.now():%Y%m%d-%H%M%S-%f}"


def _require_free(path: Path) -> None:
    """Raise BadArgument unless a new run may be started at a place."""
    if path.exists() and not path.is_dir():
        raise BadArgument("a run needs a folder", where=str(path), got="a file", fix="name another folder: --out DIR")
    if is_run(path):
        raise BadArgument(
            "there is a run in this folder already",
            where=str(path),
            got=f"a run that is {RunFolder(path).status}",
            fix="go on with it: --resume; or name another folder: --out DIR",
        )
    if path.is_dir() and not _is_unused(path):
        raise BadArgument(
            "the folder for the run is not empty",
            where=str(path),
            got=", ".join(sorted(entry.name for entry in path.iterdir())[:3]),
            fix="name another folder: --out DIR",
        )


def _is_unused(path: Path) -> bool:
    """Whether a folder holds nothing but what a run killed in its first moment leaves."""
    return path.is_dir() and all(entry.name == _LOCK or is_partial(entry.name) for entry in path.iterdir())


def _write_status(path: Path, status: Status) -> None:
    write_json(path / _MARK, {"format": _FORMAT, "status": status})
