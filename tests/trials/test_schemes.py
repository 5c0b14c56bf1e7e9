from __future__ import annotations

import json

import pytest

from regraft.errors import BadArgument, MissingFile, UnreadableFile
from regraft.network import Plan
from regraft.network.plan import New
from regraft.trials.schemes import Scheme, as_schemes, cuts_of, read_schemes, schemes_from_data

GOOD = """\
- name: hidden layer
  plan:
    at: dnn/hidden2/Relu
    new: [{kind: dense, width: 64, activation: relu}, {kind: dense}]
  settings: {lr: 0.003, epochs: 30}
- name: as it is
"""
SCHEMES = (
    Scheme(
        name="hidden layer",
        plan=Plan(at="dnn/hidden2/Relu", new=(New(kind="dense", width=64, activation="relu"), New(kind="dense"))),
        settings={"lr": 0.003, "epochs": 30},
    ),
    Scheme(name="as it is", plan=Plan(), settings={}),
)


def test_a_file_and_a_list_hold_the_same_schemes(tmp_path):
    path = tmp_path / "schemes.yaml"
    path.write_text(GOOD)
    assert read_schemes(path) == as_schemes(str(path)) == SCHEMES
    assert as_schemes([scheme.as_json() for scheme in SCHEMES]) == SCHEMES
    path.write_text(json.dumps([scheme.as_json() for scheme in SCHEMES]))
    assert read_schemes(path) == SCHEMES
    assert cuts_of(SCHEMES) == ["dnn/hidden2/Relu"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            {"name": "one"},
            "these are no schemes\n  where: f.yaml\n  expected: a list of {name, plan, settings}\n"
            "  got: {'name': 'one'}",
        ),
        ([], "these are no schemes\n  where: f.yaml\n  expected: a list of {name, plan, settings}\n  got: []"),
        (None, "these are no schemes\n  where: f.yaml\n  expected: a list of {name, plan, settings}\n  got: None"),
        (
            ["one"],
            "this is no scheme\n  where: f.yaml, scheme 1\n  expected: {name, plan, settings}\n  got: 'one'",
        ),
        (
            [{"name": "one"}, {"name": "two", "plann": {}}],
            "a scheme has no plann\n  where: f.yaml, scheme 2\n  expected: name, plan, settings\n  nearest: plan",
        ),
        (
            [{"plan": {}}],
            "a scheme has no name\n  where: f.yaml, scheme 1\n  expected: name: a few words\n  got: None",
        ),
        (
            [{"name": 7}],
            "a scheme has no name\n  where: f.yaml, scheme 1\n  expected: name: a few words\n  got: 7",
        ),
        (
            [{"name": "one"}, {"name": "two"}, {"name": "one"}],
            "two schemes have the same name\n  where: f.yaml\n  got: one",
        ),
        (
            [{"name": "one", "settings": {"features": "off"}}],
            "a scheme has no features of its own: a search has one for all\n  where: f.yaml, scheme 1\n"
            "  to do: leave it out",
        ),
        (
            [{"name": "one", "settings": ["lr"]}],
            "the settings of a scheme are words and values\n  where: f.yaml, scheme 1\n  expected: {lr: 0.001}\n"
            "  got: ['lr']",
        ),
        (
            [{"name": "one", "settings": {"lr": -1}}],
            "these training settings cannot be used\n  where: f.yaml, scheme 1\n  got: lr must be above 0, not -1",
        ),
    ],
)
def test_what_is_no_scheme_is_told(data, said):
    with pytest.raises(BadArgument) as error:
        schemes_from_data(data, where="f.yaml")
    assert str(error.value) == said


def test_an_unknown_setting_and_an_unknown_word_of_a_plan_name_the_nearest():
    with pytest.raises(BadArgument) as setting:
        schemes_from_data([{"name": "one"}, {"name": "two", "settings": {"epoch": 3}}], where="f.yaml")
    lines = str(setting.value).splitlines()
    assert lines[:2] == ["there is no training setting epoch", "  where: f.yaml, scheme 2"]
    assert lines[2].startswith("  expected: optimizer, lr, ")
    assert lines[-1] == "  nearest: epochs"
    with pytest.raises(BadArgument) as word:
        schemes_from_data([{"name": "one", "plan": {"frezee": None}}], where="f.yaml")
    lines = str(word.value).splitlines()
    assert "f.yaml, scheme 1" in lines[1]
    assert lines[-1] == "  nearest: freeze"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(MissingFile) as error:
        read_schemes(tmp_path / "schemes.yaml")
    assert str(error.value) == f"there is no such file of schemes\n  where: {tmp_path / 'schemes.yaml'}"


def test_a_file_that_is_not_yaml(tmp_path):
    path = tmp_path / "schemes.yaml"
    path.write_text("- name: [one\n- name: two\n")
    with pytest.raises(UnreadableFile) as error:
        read_schemes(path)
    assert str(error.value) == (
        "the schemes are neither YAML nor JSON\n"
        f"  where: {path}\n"
        "  got: while parsing a flow sequence\n"
        '  in "<byte string>", line 1, column 9:\n'
        "    - name: [one\n"
        "            ^\n"
        "expected ',' or ']', but got ':'\n"
        '  in "<byte string>", line 2, column 7:\n'
        "    - name: two\n"
        "          ^"
    )


def test_a_number_that_no_float_can_be_is_no_setting(tmp_path):
    path = tmp_path / "schemes.yaml"
    path.write_text("- name: one\n  settings: {lr: .nan}\n")
    with pytest.raises(BadArgument) as error:
        read_schemes(path)
    assert str(error.value) == (
        f"these training settings cannot be used\n  where: {path}, scheme 1\n  got: lr must be above 0, not nan"
    )
