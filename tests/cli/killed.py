"""A command that tests stop, in a process forked from one that holds its imports."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from regraft.cli import main


def command(words: list[str], said: Path, environment: dict[str, str]) -> None:
    """`regraft` with these words; what it says goes to a file."""
    os.environ.update(environment)
    for path, number in ((os.devnull, 1), (said, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["regraft", *words]
    main()
