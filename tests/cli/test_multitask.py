"""`regraft multitask`: tasks by name, their plans and labels."""

from __future__ import annotations

import json

import pytest
from encoders import columns, sentences

from regraft.cli.app import run

PLAN = "freeze_below: encoder.layer.1.output.LayerNorm\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    rows = [f"{text},{name},{len(text.split())}\n" for text, name in sentences(60)]
    (folder / "t.csv").write_text("text,animal,words\n" + "".join(rows) + "a dog,,2\n")
    tagged = [[(word, "NOUN" if word == name else "OTHER") for word in text.split()] for text, name in sentences(60)]
    columns(folder / "noun.conll", tagged)
    (folder / "plan.yaml").write_text(PLAN)
    return folder


@pytest.mark.slow
def test_columns_of_one_table_and_words(bert, data, tmp_path, capsys):
    table, out = data / "t.csv", tmp_path / "run"
    tasks = [f"animal={table}", f"words={table}", f"noun={data / 'noun.conll'}"]
    flags = ["--label", "animal=animal", "--label", "words=words", "--task", "words=regress", "--skip-bad"]
    flags += ["--plan", str(data / "plan.yaml"), "--loss-weights", "uncertainty", "--temperature", "2"]
    words = ["multitask", f"hf:{bert}", *tasks, *flags, "--detach", "noun", "--epochs", "1", "--out", str(out)]
    assert run([*words, "--json"]) == 0
    said = capsys.readouterr()
    record = json.loads(said.out)
    measures = {task: one["measure"] for task, one in record["tasks"].items()}
    assert measures == {"animal": "accuracy", "words": "R²", "noun": "accuracy"}
    assert f"skipped {table}, line 62: it lacks its text or its label" in said.err
    assert (out / "gains.svg").is_file()
    (tmp_path / "new.txt").write_text("the dog sees one cat\n")
    assert run(["predict", str(out), str(tmp_path / "new.txt"), "--to", "words", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["predictions"][0]["numbers"]) == {"words"}
    assert run(["predict", str(out), str(tmp_path / "new.txt"), "--to", "noun"]) == 0
    assert capsys.readouterr().out.startswith("the/")


REFUSED = {
    "no name": (["x.csv"], "each task has a name, once\n  expected: a name, = and what belongs to it\n  got: x.csv\n"),
    "twice": (["a=x", "a=y"], "each task has a name, once\n  expected: a name, = and what belongs to it\n  got: a=y\n"),
    "unknown": (["a=x", "--label", "b=y"], "there are no training data of the task b\n  expected: a\n"),
    "kind": (
        ["a=x", "--task", "a=number"],
        "the labels of a cannot be 'number'\n  expected: classify, multilabel, regress\n",
    ),
    "weight": (
        ["a=x", "--loss-weights", "a=much"],
        "the weight of a loss is a number\n  expected: pos=1,ner=0.5\n  got: a=much\n",
    ),
    "plans": (
        ["a=x", "--plan", "one.yaml", "--plan", "other.yaml"],
        "there is one plan for all tasks\n  got: one.yaml, other.yaml\n  to do: one of a task: --plan NAME=FILE\n",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(bert, data, tmp_path, monkeypatch, capsys, case):
    words, text = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    if case == "weight":
        words = [word.replace("a=x", f"a={data / 'noun.conll'}") for word in words]
    assert run(["multitask", f"hf:{bert}", *words]) == 2
    assert capsys.readouterr().err.endswith(text)
    assert not (tmp_path / "runs").exists()
