"""Text networks of TensorFlow 1 and Keras: raw texts in, by a file of their words, as the frameworks themselves say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import oracle
import pytest
from encoders import sentences, table

import regraft
from regraft.data.tokens import encoded, encoded_words, word_sizes
from regraft.network import GraphNetwork, New, Plan
from regraft.opening import fed

pytestmark = pytest.mark.slow

STRANGE = ["", "The DOG; the cat's (old) house!", "\tÉtude, İstanbul\xa0tree", "a\tb dog-cat  [UNK] <pad>", "dog " * 30]
TEXTS = [*STRANGE, *(text for text, _ in sentences(30))]


@dataclass(frozen=True)
class Case:
    """A source with what is said of it, and the tensors compared, by their names with the oracle."""

    source: str
    input: str | None
    tokens: str
    tensors: dict[str, str]


CASES = {
    "keras2": Case(
        "sentiment.h5",
        "vocabulary=tokenizer.json",
        "keras2/tokens",
        {"first": "keras2/first", "second": "keras2/second", "mood": "keras2/mood"},
    ),
    "keras2 by index": Case(
        "sentiment.h5", "vocabulary=word_index.json,rules=keras", "keras2/tokens", {"second": "keras2/second"}
    ),
    "keras3": Case("kinds.keras", "vocabulary=vocabulary.txt,length=8", "keras3/tokens", {"memory": "keras3/memory"}),
    "keras3 whole": Case("whole.keras", None, "keras3/tokens", {"functional": "keras3/whole"}),
    "keras3 letters": Case("letters.keras", None, "", {"flatten": "keras3/letters"}),
    "tf1": Case(
        "letters.ckpt",
        "vocabulary=letters.json,rules=characters,lower=yes",
        "tf1/tokens",
        {"memory:0": "tf1/memory"},
    ),
    "loop": Case("words.ckpt", "vocabulary=words.txt,rules=spaces", "loop/tokens", {"memory:0": "loop/memory"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nets")
    (folder / "texts.json").write_text(json.dumps(TEXTS))
    oracle.run(Path(__file__).parent / "text_nets_oracle.py", folder, folder / "texts.json")
    return folder


@pytest.fixture(autouse=True)
def _in_folder(nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(nets)


def opened(case: Case) -> GraphNetwork:
    network, rest = fed(case.source, case.input)
    assert rest is None
    return network


@pytest.mark.filterwarnings("ignore:.*are unknown to the network:UserWarning")
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_texts_are_read_as_the_frameworks_read_them(case: Case) -> None:
    said, network = dict(np.load("said.npz")), opened(case)
    (spec,) = network.inputs.values()
    tokens = encoded(TEXTS, spec)
    if case.tokens:
        np.testing.assert_array_equal(tokens, said[case.tokens])
    for tensor, wanted in case.tensors.items():
        assert said[wanted].std() > 1e-4
        np.testing.assert_allclose(network.run(tokens, to=tensor), said[wanted], rtol=1e-5, atol=1e-6)


def test_words_that_the_table_has_no_rows_for_are_said() -> None:
    words = json.loads(Path("word_index.json").read_text())
    beyond = sum(number >= 20 for number in words.values())
    assert beyond > 0
    with pytest.warns(UserWarning, match="are unknown") as caught:
        fed("sentiment.h5", "vocabulary=word_index.json,rules=keras")
    assert str(caught[0].message) == (
        f"word_index.json: {beyond} of {len(words)} words are unknown to the network, which has 20 rows for them"
    )


@pytest.mark.parametrize(
    ("name", "at", "freeze"),
    [
        ("keras2", "second", ".*"),
        ("keras2", "first", "words|first"),
        ("keras3", "memory", ".*"),
        ("tf1", "memory", ".*"),
        ("loop", "memory", ".*"),
    ],
)
def test_cut_below_the_head_and_reused(name: str, at: str, freeze: str, tmp_path: Path) -> None:
    """The new task is told from the saved model alone."""
    case, plan = CASES[name], Plan(at=at, freeze=freeze, new=(New(kind="dense"),))
    data, texts = table(tmp_path / "t.csv"), ["dog", "the very old cat", ""]
    settings = {"epochs": 8, "lr": 0.02}
    result = regraft.fit(case.source, data, plan=plan, settings=settings, input=case.input, out=tmp_path / "run")
    assert result.test is not None
    Path(tmp_path / "q.txt").write_text("\n".join(texts))
    told = regraft.predict(tmp_path / "run", tmp_path / "q.txt").as_json()["predictions"]
    assert [one["input"] for one in told] == texts[:2]
    saved, source = regraft.open(tmp_path / "run"), opened(case)
    (spec,) = saved.inputs.values()
    tokens = encoded(texts, spec)
    np.testing.assert_allclose(saved.run(tokens, to=saved.resolve(at)), source.run(tokens, to=at), atol=1e-6)


@pytest.mark.parametrize("name", ["keras3", "loop"])
def test_thawed_it_learns_a_new_task(name: str, tmp_path: Path) -> None:
    result = regraft.fit(
        CASES[name].source,
        table(tmp_path / "t.csv"),
        plan=Plan(freeze=None, new=(New(kind="dense"),)),
        settings={"epochs": 30, "lr": 0.02},
        input=CASES[name].input,
        out=tmp_path / "run",
    )
    assert result.test is not None
    assert result.test.accuracy > result.baselines["majority class"]


def test_words_of_sentences_have_places() -> None:
    """Filled up in front, words stand at the end; one that is left out keeps its place, and of letters blanks count."""
    (spec,) = opened(CASES["keras2"]).inputs.values()
    numbers = json.loads(json.loads(Path("tokenizer.json").read_text())["config"]["word_index"])
    found, places = encoded_words([["The", "dog-cat", ";", "house"]], spec)
    the, dog, cat, house = (numbers[word] for word in ("the", "dog", "cat", "house"))
    assert found.tolist() == [[0, 0, 0, 0, the, dog, cat, 0, house]]
    assert places[0].tolist() == [4, 5, 7, 8]
    assert word_sizes([["The", "dog-cat", ";", "house"]], spec)[0].tolist() == [1, 2, 1, 1]
    (spec,) = opened(CASES["tf1"]).inputs.values()
    found, places = encoded_words([["a", "dog"]], spec)
    np.testing.assert_array_equal(found, encoded(["a dog"], spec))
    assert places[0].tolist() == [0, 2]
