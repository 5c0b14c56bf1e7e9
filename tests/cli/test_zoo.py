"""`regraft zoo` and `--register`: what they print, their JSON, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from grounds import dense_network

from regraft.cli.app import run
from regraft.zoo import Zoo

ROWS, CARD = (60, 4), {"name", "tags", "format", "origin", "licence", "input", "parameters", "flops", "size", "parents"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path) -> Path:
    """An empty folder that is the current one, with a zoo of its own; beside it a model `toy` and data for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGRAFT_ZOO", str(tmp_path / "zoo"))
    (tmp_path / "toy").symlink_to(model)
    random = np.random.default_rng(0)
    np.savez("rows.npz", x=random.random(ROWS, np.float32), y=random.integers(0, 2, ROWS[0]))
    return tmp_path


def ran(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict:
    """The JSON of a command."""
    capsys.readouterr()
    assert run([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_model_goes_in_is_found_and_comes_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (card,) = ran(capsys, "zoo", "add", "toy", "--name", "one", "--tag", "a", "--tag", "b", "--licence", "MIT")[
        "models"
    ]
    assert card.keys() > CARD
    assert (card["name"], card["tags"], card["licence"]) == ("one", ["a", "b"], "MIT")
    for words in (["list"], ["list", "o*", "--input", "rows", "--max-params", "1k", "--tag", "a"], ["search", "MIT"]):
        assert ran(capsys, "zoo", *words) == {"models": [card]}
    assert ran(capsys, "zoo", "list", "--max-params", "0.001k") == {"models": []}
    shown = ran(capsys, "zoo", "show", "one")
    assert shown.keys() > CARD | {"inputs", "cuts", "about", "own_bytes", "lineage"}
    assert ran(capsys, "show", "zoo:one")["outputs"] == ["logits/BiasAdd:0"]
    assert ran(capsys, "zoo", "export", "one", "out") == {"models": {"one": "out"}}
    assert ran(capsys, "zoo", "import", "out", "--zoo", "other")["models"][0]["tags"] == ["a", "b"]
    assert ran(capsys, "zoo", "verify") == {"models": 1, "tensors": 5, "bytes": 100, "problems": []}
    assert ran(capsys, "zoo", "remove", "one") == {"removed": ["one"]}
    assert ran(capsys, "zoo", "gc") == {"tensors": 5, "bytes": 0}


def test_a_run_registers_itself_with_what_it_came_from(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["zoo", "add", "toy"]) == 0
    fit = ["rows.npz", "--epochs", "1", "--register"]
    found = ran(capsys, "fit", "zoo:toy", *fit, "--out", "first")
    assert found["registered"] == "zoo:first"
    assert ran(capsys, "fit", "toy", *fit, "--name", "second")["registered"] == "zoo:second"
    assert run(["fit", "zoo:first", *fit, "--out", "third"]) == 0
    assert capsys.readouterr().out.endswith("Zoo:   zoo:third\n")
    card = ran(capsys, "zoo", "list", "first")["models"][0]
    assert card["parents"] == ["toy"]
    assert card["metrics"]["validation"]["accuracy"] == found["validation"]["accuracy"]
    assert card["data"] is not None
    assert run(["zoo", "show", "toy"]) == 0
    assert capsys.readouterr().out.endswith("What came from it\n├── first\n│   └── third\n└── second\n")
    assert run(["zoo", "show", "third"]) == 0
    assert capsys.readouterr().out.endswith("Came from\n└── first\n    └── toy\n")


RUNS = {
    "multitask": ["zoo:toy", "one=rows.npz", "two=rows.npz", "--epochs", "1"],
    "search": ["zoo:toy", "rows.npz", "--passes", "3"],
    "pretrain": ["rows.npz", "--epochs", "1"],
}


@pytest.mark.slow
@pytest.mark.parametrize("command", RUNS)
def test_every_kind_of_run_registers_itself(here: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert run(["zoo", "add", "toy"]) == 0
    found = ran(capsys, command, *RUNS[command], "--register", "--out", "done")
    assert found["registered"] == "zoo:done"
    card = ran(capsys, "zoo", "list", "done")["models"][0]
    assert card["parents"] == (["toy"] if command != "pretrain" else [])


def test_a_name_that_is_taken_is_known_before_anything_is_trained(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["zoo", "add", "toy"]) == 0
    capsys.readouterr()
    assert run(["fit", "toy", "rows.npz", "--register", "--name", "toy", "--out", "run"]) == 2
    assert capsys.readouterr().err == (
        "there is a model called toy in the zoo already\n"
        f"  where: {here / 'zoo'}\n"
        "  to do: give this one another name: --name NAME; or remove that one: regraft zoo remove toy\n"
    )
    assert run(["fit", "toy", "rows.npz", "--name", "new", "--out", "run"]) == 2
    assert capsys.readouterr().err == ("--name is what the model is called in the zoo\n  to do: say --register too\n")
    assert not (here / "run").exists()


def test_damage_is_named_and_told_by_the_exit_code(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from contextlib import closing
    from sqlite3 import connect

    assert run(["zoo", "add", "toy"]) == 0
    with closing(connect(here / "zoo/catalog.sqlite")) as connection, connection:
        connection.execute("UPDATE cards SET checksum = x'00'")
    found = ran(capsys, "zoo", "verify", code=2)
    assert found["problems"] == ["the card of toy is not what it was"]
    assert run(["zoo", "verify"]) == 2
    assert capsys.readouterr().out == (
        "the card of toy is not what it was\n1 models, 5 weights, 100 bytes: 1 problems\n"
    )


REFUSED = {
    "list --max-params many": (
        "--max-params takes a number\n  expected: a number that may end in k, M or G: 5M\n  got: many\n"
    ),
    "add toy --recursive --name x": ("--recursive adds many models\n  got: --name\n  to do: leave that out\n"),
    "ad toy": "No such command 'ad'. Did you mean 'add'?\n  to do: regraft zoo --help lists what it takes\n",
    "add toy --lic x": (
        "No such option: --lic (Possible options: --licence)\n  to do: regraft zoo add --help lists what it takes\n"
    ),
    "list --remote timm --tag x": (
        "a package says the names of its models only\n  got: --tag\n  to do: leave that out\n"
    ),
    "list --remote caffe": "caffe publishes no models\n  expected: timm, torchvision or hf\n",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_refused(here: Path, capsys: pytest.CaptureFixture[str], words: str) -> None:
    assert run(["zoo", *words.split()]) == 2
    assert capsys.readouterr().err == REFUSED[words]


def test_several_are_named_or_exported_as_a_whole(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        assert run(["zoo", "add", "toy", "--name", name]) == 0
    found = ran(capsys, "zoo", "export", "*o*", "out")
    assert found == {"models": {"one": "out/one", "two": "out/two"}}
    assert len(ran(capsys, "zoo", "import", "out", "--zoo", "other")["models"]) == 2
    error = ran(capsys, "zoo", "export", "x*", "none", code=2)["error"]
    assert error["what"] == "no model has a name like 'x*'"
    assert ran(capsys, "zoo", "remove", "one", "three", code=2)["error"]["nearest"] == []
    assert len(ran(capsys, "zoo", "list")["models"]) == 2


def test_a_package_is_listed_and_a_weight_that_cannot_be_pulled_is_said(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ran(capsys, "zoo", "list", "mobilenet_v3*", "--remote", "torchvision:")
    assert found == {"models": [{"name": "torchvision:mobilenet_v3_large"}, {"name": "torchvision:mobilenet_v3_small"}]}
    assert {"name": "timm:resnet18.a1_in1k"} in ran(capsys, "zoo", "list", "resnet18*", "--remote", "timm")["models"]
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    error = ran(capsys, "zoo", "list", "*vit*", "--remote", "hf", code=2)["error"]
    assert (error["what"], error["where"]) == ("the hub does not say which models it has", "http://127.0.0.1:9")
    assert error["fix"] == "give one by its name, hf:USER/NAME, or a folder you have, hf:FOLDER"
    error = ran(capsys, "zoo", "add", "timm:resnet18.a1_in1k", code=2)["error"]
    assert error["what"] == "the pretrained weights cannot be fetched"
    assert error["fix"] == "give them: --weights FILE; or take fresh ones: --weights random"


def test_models_are_ranked_as_starts_for_data(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["zoo", "add", "toy"]) == 0
    Zoo().add(dense_network((4, 8, 2)), "other")
    found = ran(capsys, "zoo", "rank", "rows.npz", "--picture", "ranking.svg")
    assert found.keys() == {"ranking", "baselines", "skipped", "unfinished", "blocks", "blocks_run"}
    assert found["ranking"][0].keys() == {
        "name", "score", "low", "high", "knn", "cut", "layers", "learned", "judged", "seconds", "parameters", "flops",
        "tuned",
    }  # fmt: skip
    best, second = found["ranking"]
    assert {best["name"], second["name"]} == {"toy", "other"}
    assert best["tuned"]["accuracy"] >= second["tuned"]["accuracy"]
    assert found["baselines"]["largest first"]["name"] == "other"
    assert found["baselines"]["most accurate on ImageNet first"] is None
    assert found["blocks"] == found["blocks_run"] == 2
    assert "<svg" in (here / "ranking.svg").read_text()
    assert ran(capsys, "zoo", "rank", "rows.npz")["blocks"] == 0
    assert run(["zoo", "rank", "rows.npz"]) == 0
    printed, score = capsys.readouterr().out, next(m["score"] for m in found["ranking"] if m["name"] == "other")
    assert f"{best['low']:.3f} to {best['high']:.3f}" in printed
    assert printed.endswith(
        f"Largest first: other, score {score:.4f}\nMost accurate on ImageNet first: no card says it\n"
        f"Nothing had to be computed: all scores are remembered\nNext: regraft search zoo:{best['name']} rows.npz\n"
    )
    short = ran(capsys, "zoo", "rank", "rows.npz", "--minutes", "1e-5", "--seed", "1", code=2)
    assert short["error"]["what"] == "there is no time to probe one model"
    bare = ran(capsys, "zoo", "rank", "rows.npz", "--no-finals")
    assert [model["tuned"] for model in bare["ranking"]] == [None, None]
    assert bare["ranking"][0]["score"] >= bare["ranking"][1]["score"]
    assert "there is no zoo yet" in ran(capsys, "zoo", "rank", "gone.npz", "--zoo", "none", code=2)["error"]["what"]
