"""The numbers of each epoch, for people (TensorBoard) and programs (metrics.jsonl)."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from regraft.run import RunFolder


class Curves:
    """Writes one line an epoch into the run's metrics.jsonl, and the same numbers as TensorBoard curves.

    Args:
        epoch: whole epochs done; lines of later ones, of a training killed after its checkpoint, are dropped.
            None: there is no checkpoint, and all lines are.
    """

    def __init__(self, run: RunFolder, epoch: int | None) -> None:
        from tensorboard.summary import Writer  # 0.4 s: only a training needs it

        self._run = run
        done = [line for line in run.read_lines(run.metrics.name) if epoch is not None and line["epoch"] <= epoch]
        run.keep_lines(run.metrics.name, done)
        self._writer = Writer(str(run.tensorboard))

    def add(self, epoch: int, numbers: Mapping[str, float]) -> None:
        """The numbers of an epoch, counted from 1; 0 is the look before the first step."""
        self._run.append_line(self._run.metrics.name, {"epoch": epoch, **numbers})
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def __enter__(self) -> Curves:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
