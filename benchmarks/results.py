"""Where measurements are written: RESULTS.md, one section for each benchmark, replaced by the next run."""

from __future__ import annotations

import datetime
import os
import platform
import re
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
TITLE = "# Measurements\n\nWritten by the benchmarks beside this file; `make bench` runs them all.\n"


def write_section(title: str, command: str, markdown: str) -> None:
    """Put a section into RESULTS.md, in place of the one of the same title.

    Args:
        title: of the section; sections stand in the order of their titles.
        command: what to type to measure it again.
        markdown: the numbers, as text or a table.
    """
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    section = f"{title}\n\n`{command}` · {today} · {machine()}\n\n{markdown.strip()}\n"
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else TITLE
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    kept = [old.strip() + "\n" for old in sections if old.partition("\n")[0] != title]
    blocks = [head.strip() + "\n", *(f"## {block}" for block in sorted([*kept, section]))]
    RESULTS.write_text("\n".join(blocks), encoding="utf-8")


def machine() -> str:
    """The machine in a few words."""
    models = re.findall(r"^model name\s*:\s*(.+)$", cpu_info(), flags=re.MULTILINE)
    name = models[0] if models else platform.processor() or platform.machine()
    return f"{len(os.sched_getaffinity(0))} cores of {name}{graphics()}, Python {platform.python_version()}"


def graphics() -> str:
    """The GPU that trainings were done on, where there is one."""
    import torch

    return f" with {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""


def cpu_info() -> str:
    """What Linux knows of its processor; nothing elsewhere."""
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8") if path.exists() else ""
