"""Opens many damaged files of every kind and writes docs/fuzz.md: scripts/fuzz.py [CASES [SEED]].

CASES is 10,000 of each kind; SEED is the day's number, so that every day tries others. A file that fails is kept in
tests/attacks/found, which the tests open from then on.
"""

from __future__ import annotations

import datetime
import multiprocessing
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

ROOT = Path(__file__).parent.parent
# The folder of this file comes first, and there this file would be taken for the package of the same name.
sys.path = [str(ROOT / "tests"), *(path for path in sys.path if Path(path).resolve() != ROOT / "scripts")]

from fuzz.fuzzing import GROWTH, SECONDS, SLACK, Outcome, fuzz, keep  # noqa: E402 - needs the path
from fuzz.kinds import KINDS  # noqa: E402

PAGE = """# Damaged files

`scripts/fuzz.py {cases} {seed}` on {today}: **{failures} failures in {total:,} files.**

Every file is an honest one with one to three damages: bits turned over, the end cut off, bytes put in or taken out, a
piece copied elsewhere, a number replaced by one that programs stumble over. "Checksums right": the damage is inside,
and everything around it has been computed anew. Each must be read whole or be refused with an error of regraft's own,
within {seconds:g} seconds of computing, and without allocating more than {growth} times its size and {slack} MB.

{table}
"""


def main(arguments: list[str]) -> int:
    """Fuzz every kind; 1 if anything failed."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    cases = int(arguments[0]) if arguments else 10_000
    seed = int(arguments[1]) if len(arguments) > 1 else today.toordinal()
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        outcomes = list(pool.map(fuzz_kind, range(len(KINDS)), repeat(cases), repeat(seed)))
    failures = sum(len(outcome.failures) for outcome in outcomes)
    page = PAGE.format(
        cases=cases,
        seed=seed,
        today=today.isoformat(),
        failures=failures or "no",
        total=sum(outcome.cases for outcome in outcomes),
        seconds=SECONDS,
        growth=GROWTH,
        slack=SLACK >> 20,
        table="\n".join(
            [
                "| kind | files | read | refused | failures | slowest, s | most memory, MB |",
                "|---|---|---|---|---|---|---|",
                *map(row, outcomes),
            ]
        ),
    )
    (ROOT / "docs/fuzz.md").write_text(page, encoding="utf-8")
    return 1 if failures else 0


def fuzz_kind(number: int, cases: int, seed: int) -> Outcome:
    """Fuzz one kind of the table, keep the files that fail, and say how it went."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = fuzz(KINDS[number], cases, seed, Path(folder))
    print(row(outcome), flush=True)
    for path, what in keep(outcome, ROOT / "tests/attacks/found").items():
        print(f"  {path.relative_to(ROOT)}: {what}", flush=True)
    return outcome


def row(outcome: Outcome) -> str:
    """One line of the table."""
    read = outcome.results["read"]
    return (
        f"| {outcome.name} | {outcome.cases:,} | {read:,} | {outcome.results.total() - read:,}"
        f" | {len(outcome.failures)} | {outcome.slowest:.2f} | {outcome.largest / 1e6:.1f} |"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
