"""Plans as YAML and JSON hold them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regraft.errors import BadArgument, MissingFile, UnreadableFile
from regraft.network.plan import New, Plan, plan_from_data, plan_to_data, read_plan

PLAN = Plan(
    at="dnn/hidden3/Relu:0",
    reuse="hidden[123]",
    rename={"hidden1/(.*)": r"first/\1"},
    freeze=None,
    freeze_below="dnn/hidden1/Relu",
    freeze_above="dnn/hidden2/Relu",
    freeze_statistics=True,
    stop_gradient=("dnn/hidden1/Relu:0",),
    new=(New(kind="dense", width=50, activation="relu", name="hidden4"), New(kind="dropout", rate=0.2)),
)


def test_a_plan_survives_json_and_yaml(tmp_path: Path) -> None:
    assert plan_from_data(json.loads(json.dumps(plan_to_data(PLAN)))) == PLAN
    assert plan_from_data(plan_to_data(Plan())) == Plan()
    (tmp_path / "plan.yaml").write_text("reuse: hidden[12]\nfreeze: null\nnew:\n  - {kind: dense, width: 8}\n")
    assert read_plan(tmp_path / "plan.yaml") == Plan(reuse="hidden[12]", freeze=None, new=(New(kind="dense", width=8),))


def test_a_tensor_that_says_what_is_frozen_takes_the_place_of_the_default() -> None:
    assert plan_to_data(Plan())["freeze"] == ".*"
    for plan in (Plan(freeze_below="a"), plan_from_data({"freeze_above": "a"}), replace(Plan(), freeze_below="a")):
        assert plan_to_data(plan)["freeze"] is None
    assert Plan(freeze="b", freeze_below="a").freeze == "b"
    assert Plan(freeze_statistics=True).freeze == ".*"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"frezee": "a"},
            "a plan has no frezee\n  where: plan\n"
            "  expected: at, reuse, rename, freeze, freeze_below, freeze_above, freeze_statistics, stop_gradient, new\n"
            "  nearest: freeze",
        ),
        ({"reuse": None}, "reuse cannot be None\n  where: plan\n  expected: a pattern"),
        (
            {"new": [{"width": 4}]},
            "a new layer has no kind\n  where: plan, new layer 1\n  expected: dense, conv, max_pool",
        ),
        ({"new": [{"kind": "lstm"}]}, "kind cannot be 'lstm'\n  where: plan, new layer 1"),
        ({"new": [{"kind": "dense", "width": True}]}, "width cannot be True"),
        ({"rename": {"a": 3}}, "rename cannot be {'a': 3}\n  where: plan\n  expected: old names and new names"),
        ({"freeze_below": 3}, "freeze_below cannot be 3\n  where: plan\n  expected: a tensor's name"),
        ({"freeze_statistics": "yes"}, "freeze_statistics cannot be 'yes'\n  where: plan\n  expected: true or false"),
        ({"freeze": True}, "freeze cannot be True\n  where: plan\n  expected: a pattern, or null for nothing"),
        ({"stop_gradient": [1]}, "stop_gradient cannot be [1]\n  where: plan\n  expected: a list of tensor names"),
        (["a"], "this is no plan\n  where: plan\n  expected: words and values"),
    ],
)
def test_what_is_no_plan_is_refused(data: object, message: str) -> None:
    with pytest.raises(BadArgument) as error:
        plan_from_data(data)
    assert str(error.value).startswith(message)


def test_plan_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="there is no such plan"):
        read_plan(tmp_path / "plan.yaml")
    (tmp_path / "plan.yaml").write_text("a: [")
    with pytest.raises(UnreadableFile, match="the plan is neither YAML nor JSON"):
        read_plan(tmp_path / "plan.yaml")


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("width", 0, "a number of units, at least 1"),
        ("width", -3, "a number of units, at least 1"),
        ("width", 2.5, "a number of units, at least 1"),
        ("kernel", 0, "a number of places, at least 1"),
        ("rate", 1.0, "a share from 0 to below 1"),
        ("rate", -0.1, "a share from 0 to below 1"),
        ("rate", float("nan"), "a share from 0 to below 1"),
        ("kind", "lstm", "dense, conv, max_pool, global_max_pool, flatten, embedding, dropout, batch_norm or crf"),
        ("activation", "swish", "relu, elu, sigmoid or tanh"),
    ],
)
def test_a_layer_that_cannot_be_built_is_refused_in_python_and_in_a_file(
    field: str, value: object, expected: str
) -> None:
    given: dict[str, Any] = {"kind": "conv", field: value}
    with pytest.raises(BadArgument) as error:
        New(**given)
    assert str(error.value) == f"{field} cannot be {value!r}\n  expected: {expected}"
    with pytest.raises(BadArgument) as error:
        plan_from_data({"new": [{"kind": "dense"}, given]})
    assert str(error.value) == (f"{field} cannot be {value!r}\n  where: plan, new layer 2\n  expected: {expected}")
