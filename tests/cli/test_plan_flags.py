"""Plans from flags, and every way to write one wrongly."""

from __future__ import annotations

import pytest

from regraft.cli.plan_flags import frozen, new_layer, renames, switch_values
from regraft.errors import BadArgument
from regraft.network.plan import New


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("dense", New(kind="dense")),
        ("dense:50:relu:hidden5", New(kind="dense", width=50, activation="relu", name="hidden5")),
        ("dense::tanh", New(kind="dense", activation="tanh")),
        ("conv:32:5::c1", New(kind="conv", width=32, kernel=5, name="c1")),
        ("dropout:0.2", New(kind="dropout", rate=0.2)),
        ("batch_norm:bn", New(kind="batch_norm", name="bn")),
    ],
)
def test_new_layers(text: str, layer: New) -> None:
    assert new_layer(text) == layer


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "desne:50",
            "--new 'desne:50' cannot be read\n"
            "  expected: one of dense, conv, max_pool, global_max_pool, flatten, embedding, dropout, batch_norm, crf\n"
            "  got: the kind 'desne'\n"
            "  nearest: dense",
        ),
        (
            "dense:wide",
            "--new 'dense:wide' cannot be read\n"
            "  expected: a number, in dense:WIDTH:ACTIVATION:NAME\n"
            "  got: the width 'wide'",
        ),
        (
            "dense:5:rleu",
            "--new 'dense:5:rleu' cannot be read\n"
            "  expected: one of relu, elu, sigmoid, tanh, in dense:WIDTH:ACTIVATION:NAME\n"
            "  got: the activation 'rleu'\n"
            "  nearest: relu, elu",
        ),
        (
            "dense:-3",
            "--new 'dense:-3': width cannot be -3\n"
            "  expected: a number of units, at least 1, in dense:WIDTH:ACTIVATION:NAME",
        ),
        (
            "dense:0",
            "--new 'dense:0': width cannot be 0\n"
            "  expected: a number of units, at least 1, in dense:WIDTH:ACTIVATION:NAME",
        ),
        (
            "conv:8:0",
            "--new 'conv:8:0': kernel cannot be 0\n"
            "  expected: a number of places, at least 1, in conv:WIDTH:KERNEL:ACTIVATION:NAME",
        ),
        (
            "dropout:1",
            "--new 'dropout:1': rate cannot be 1.0\n  expected: a share from 0 to below 1, in dropout:RATE:NAME",
        ),
        (
            "dropout:0.5:d:e",
            "--new 'dropout:0.5:d:e' cannot be read\n  expected: dropout:RATE:NAME\n  got: 3 fields after the kind",
        ),
    ],
)
def test_new_layers_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(BadArgument) as error:
        new_layer(text)
    assert str(error.value) == message


def test_renames_keep_their_order_and_divide_at_the_first_equals_sign() -> None:
    assert list(renames(["b=c=d", "a(.*)=x\\1"]).items()) == [("b", "c=d"), ("a(.*)", "x\\1")]


@pytest.mark.parametrize("pair", ["old", "=new", "old="])
def test_a_rename_without_two_sides(pair: str) -> None:
    with pytest.raises(BadArgument) as error:
        renames([pair])
    message = f"--rename {pair!r} cannot be read\n  expected: OLD=NEW, as in 'dense_1/(.*)=hidden1/\\1'"
    assert str(error.value) == message


def test_two_new_names_for_one_old() -> None:
    with pytest.raises(BadArgument) as error:
        renames(["a=b", "a=c"])
    assert str(error.value) == "--rename gives 'a' two new names\n  got: b and c"


def test_none_freezes_nothing() -> None:
    assert frozen("none") is None
    assert frozen("hidden[12]") == "hidden[12]"


def test_switches_are_truth_values_or_numbers() -> None:
    assert switch_values(["a=b:0=0.5", "training=True", "c=false"]) == {"a=b:0": 0.5, "training": True, "c": False}
    for pair in ("keep_prob", "keep_prob=half", "=1", "x="):
        with pytest.raises(BadArgument) as error:
            switch_values([pair])
        assert str(error.value) == f"--switch {pair!r} cannot be read\n  expected: NAME=VALUE, as in keep_prob=0.5"
