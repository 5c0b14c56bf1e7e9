"""The catalog: what is put there comes back, is found, shared, exported and removed."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from zoo.nets import WIDE, net

import regraft
from regraft.errors import BadArgument, MissingFile, UnknownName, UnreadableFile
from regraft.formats import saved
from regraft.network import Ref
from regraft.zoo import Facts, Zoo, default_place

TRUNK, HEAD = 4 * WIDE * WIDE, 4 * WIDE * 3  # bytes


def files(zoo: Zoo) -> list[Path]:
    return [path for path in (zoo.path / "tensors").rglob("*") if path.is_file()]


@pytest.mark.parametrize(("word", "value"), [("parameters", "many"), ("tags", [1]), ("metrics", [0.5]), ("flops", 0.5)])
def test_a_card_of_other_things_than_its_words_say(zoo: Zoo, word: str, value: object) -> None:
    zoo.add(net(), "one")
    with closing(sqlite3.connect(zoo.path / "catalog.sqlite")) as connection, connection:
        record = json.loads(connection.execute("SELECT record FROM cards").fetchone()[0])
        connection.execute("UPDATE cards SET record = ?", (json.dumps({**record, word: value}),))
    with pytest.raises(UnreadableFile) as refused:
        zoo.list(max_params=1e6)
    assert str(refused.value).startswith(f"a card of the zoo is damaged\n  where: {zoo.path}\n  got: {word} is ")


def test_a_network_comes_back_as_it_was(zoo: Zoo) -> None:
    network = net()
    about = {"classes": ["a", "b", "c"], "plan": {"at": "x:0"}}
    card = zoo.add(network, "first", Facts(tags=("small",), licence="MIT", origin="/here", about=about))
    again = zoo.open("first")
    assert again.graph == network.graph
    for name, value in network.values.items():
        np.testing.assert_array_equal(again.values[name], value)
    assert zoo["first"] == card
    assert (card.name, card.address, card.tags, card.licence, card.origin) == (
        "first", "zoo:first", ("small",), "MIT", "/here",
    )  # fmt: skip
    assert (card.format, card.input, card.parameters) == ("test", "rows", WIDE * WIDE + WIDE * 3)
    assert card.flops == 2 * card.parameters
    assert zoo.details("first").about == about
    assert zoo.details("first").classes == ("a", "b", "c")
    assert zoo.details("first").inputs[0]["shape"] == [None, WIDE]


def test_a_part_of_any_kind_of_number_and_none_comes_back(zoo: Zoo) -> None:
    network = net()
    kinds = ("bool", "int8", "uint64", "float16", "float64", "complex64")
    values = {kind: np.arange(6).astype(kind).reshape(2, 3) for kind in kinds}
    values |= {"empty": np.zeros((0, 4), "f4"), "scalar": np.array(7)}
    nodes = (*network.graph.nodes, *(_parameter(name) for name in values))
    graph = type(network.graph)(**{**vars(network.graph), "nodes": nodes})
    zoo.add(type(network)(graph, {**network.values, **values}, format="test"), "all")
    again = zoo.open("all")
    for name, value in values.items():
        np.testing.assert_array_equal(again.values[name], value)
        assert again.values[name].dtype == value.dtype


def _parameter(name: str):
    node = net().graph.nodes[1]
    return type(node)(name=f"{name}:0", function="parameter", args=(name,), kwargs={"trainable": False})


def test_what_is_shared_is_kept_once(zoo: Zoo) -> None:
    for head in range(3):
        zoo.add(net(head=head), f"sibling{head}")
    assert sum(path.stat().st_size for path in files(zoo)) == TRUNK
    assert zoo.own_bytes("sibling0") == HEAD
    cards = zoo.list()
    assert len({card.architecture for card in cards}) == 1
    assert len({card.content for card in cards}) == 3
    blocks = [zoo.details(card.name).cuts[0]["block"] for card in cards]
    assert len(set(blocks)) == 1
    zoo.add(net(trunk=1), "other")
    assert zoo.details("other").cuts[0]["block"] not in blocks
    assert zoo["other"].architecture == cards[0].architecture


def test_a_text_encoder_has_blocks_though_its_tokens_are_read_above_every_cut(
    zoo: Zoo, small_encoder: Callable[[str], Path]
) -> None:
    network = regraft.open(f"hf:{small_encoder('Bert')}")
    zoo.add(network, "first")
    kernel = next(name for name in network.parameters if name.startswith("encoder.layer.0."))
    zoo.add(network.assign({kernel: network.parameters[kernel].value + 1}), "second")
    first, second = ([cut["block"] for cut in zoo.details(name).cuts] for name in ("first", "second"))
    assert len(first) == len(second) > 1
    assert sum(one != other for one, other in zip(first, second, strict=True)) == 1


def test_what_only_passes_a_value_on_makes_no_other_block(zoo: Zoo) -> None:
    whole = net()
    *below, relu, kernel, product = whole.graph.nodes
    passed = replace(relu, name="relu"), replace(relu, function="identity", args=(Ref("relu"),))
    graph = replace(whole.graph, nodes=(*below, *passed, kernel, product))
    cards = zoo.add(whole, "one"), zoo.add(type(whole)(graph, whole.values, format="test"), "two")
    assert cards[0].architecture == cards[1].architecture
    one, two = (zoo.details(card.name).cuts[0] for card in cards)
    assert one["block"] == two["block"]


def test_a_model_is_removed_and_what_only_it_had(zoo: Zoo) -> None:
    zoo.add(net(trunk=0), "one")
    zoo.add(net(trunk=1), "two")
    zoo.remove("one")
    assert "one" not in zoo
    assert len(files(zoo)) == 2
    freed = zoo.gc()
    assert (freed.tensors, freed.bytes) == (1, TRUNK)  # both have the same head
    np.testing.assert_array_equal(zoo.open("two").values["trunk/kernel"], net(trunk=1).values["trunk/kernel"])
    assert zoo.verify().problems == ()


def test_the_same_again_is_said_and_mends_what_is_damaged(zoo: Zoo) -> None:
    first = zoo.add(net(), "one")
    (file,) = files(zoo)
    file.write_bytes(b"x" * TRUNK)
    with pytest.warns(UserWarning, match="^one is in the zoo already, and is the same model$"):
        assert zoo.add(net(), "one") == first
    assert zoo.verify().problems == ()


def test_two_models_of_one_name(zoo: Zoo) -> None:
    before = zoo.add(net(), "one", Facts(origin="/a/model.pb"))
    with pytest.raises(BadArgument) as refused:
        zoo.add(net(head=1), "one")
    made = refused.value.got
    assert str(refused.value) == (
        "there is another model called one\n"
        "  where: it came from /a/model.pb\n"
        f"  expected: the model with content {before.content[:16]}\n"
        f"  got: {made}\n"
        "  to do: give this one another name: --name NAME; or remove that one: regraft zoo remove one"
    )
    assert zoo.list() == [before]


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "", ".hidden", "a b", "a/b", "x" * 101, "a\n", "-r"])
def test_a_name_is_no_path(zoo: Zoo, name: str) -> None:
    with pytest.raises(BadArgument) as refused:
        zoo.add(net(), name)
    assert str(refused.value) == (
        "a model cannot be called that\n"
        "  expected: up to 100 letters, digits and . _ + -, the first a letter, a digit or _\n"
        f"  got: {name!r}\n"
        "  to do: give it a name: --name NAME"
    )
    assert not zoo.path.exists()


def test_a_name_that_is_not_there(zoo: Zoo) -> None:
    zoo.add(net(), "mobilenet")
    for look in (zoo.open, zoo.details, zoo.lineage, zoo.own_bytes, zoo.remove, zoo.__getitem__):
        with pytest.raises(UnknownName) as refused:
            look("mobilnet")
        assert str(refused.value) == (
            "there is no model 'mobilnet' in the zoo\n"
            f"  where: {zoo.path}\n"
            "  nearest: mobilenet\n"
            "  to do: `regraft zoo list` shows all"
        )


def test_a_file_that_is_gone_or_short(zoo: Zoo) -> None:
    zoo.add(net(), "one")
    (file,) = files(zoo)
    file.write_bytes(b"short")
    with pytest.raises(UnreadableFile) as refused:
        zoo.open("one")
    assert str(refused.value) == (
        "a weight of one is damaged\n"
        f"  where: {file}\n"
        f"  expected: {TRUNK} bytes\n"
        "  got: 5 bytes\n"
        "  to do: add the model again from where it came: that mends it"
    )
    file.unlink()
    with pytest.raises(MissingFile) as refused:
        zoo.open("one")
    assert str(refused.value) == (
        f"a weight of one is gone\n  where: {file}\n  to do: add the model again from where it came: that mends it"
    )


def test_models_are_listed_by_what_they_are(zoo: Zoo) -> None:
    zoo.add(net(), "mobile-a", Facts(tags=("new", "small"), about={"metrics": {"validation": {"accuracy": 0.5}}}))
    zoo.add(net(classes=2), "mobile-b", Facts(about={"metrics": {"test": {"accuracy": 0.9}}}))
    zoo.add(net(classes=4), "resnet")
    names = lambda **wanted: [card.name for card in zoo.list(**wanted)]  # noqa: E731
    assert names() == ["mobile-a", "mobile-b", "resnet"]
    assert names(pattern="mobile*") == ["mobile-a", "mobile-b"]
    assert names(tag="small") == ["mobile-a"]
    assert names(input="image") == []
    assert names(input="rows", max_params=zoo["mobile-a"].parameters) == ["mobile-a", "mobile-b"]
    assert names(sort="params") == ["mobile-b", "mobile-a", "resnet"]
    assert names(sort="accuracy") == ["mobile-b", "mobile-a", "resnet"]
    with pytest.raises(BadArgument) as refused:
        zoo.list(sort="para")
    assert str(refused.value) == (
        "models cannot be sorted by 'para'\n"
        "  expected: name, params, flops, size, accuracy, added\n"
        "  nearest: params, accuracy"
    )


def test_models_are_found_by_name_tags_origin_licence_and_classes(zoo: Zoo) -> None:
    zoo.add(net(), "one", Facts(tags=("Urban",), origin="/there/x.pb", about={"classes": ["Tabby cat"]}))
    zoo.add(net(head=1), "two", Facts(licence="Apache-2.0"))
    found = lambda text: [card.name for card in zoo.search(text)]  # noqa: E731
    assert [found(text) for text in ("tabby CAT", "urban", "x.pb", "apache", "%", "nothing")] == [
        ["one"], ["one"], ["one"], ["two"], [], [],
    ]  # fmt: skip


def test_an_exported_model_needs_no_zoo(zoo: Zoo, tmp_path: Path) -> None:
    zoo.add(net(), "one", Facts(tags=("a",), about={"classes": ["x", "y", "z"]}))
    zoo.export("one", tmp_path / "out")
    shutil.rmtree(zoo.path)
    x = np.ones((2, WIDE), np.float32)
    np.testing.assert_array_equal(regraft.open(tmp_path / "out").run(x), net().run(x))
    assert saved.about(tmp_path / "out")["classes"] == ["x", "y", "z"]
    assert saved.about(tmp_path / "out")["card"]["tags"] == ["a"]


def test_an_export_overwrites_nothing(zoo: Zoo, tmp_path: Path) -> None:
    zoo.add(net(), "one")
    with pytest.raises(BadArgument) as refused:
        zoo.export("one", zoo.path)
    assert str(refused.value) == (
        f"there is something in this place already\n  where: {zoo.path}\n  to do: name a new folder, or empty this one"
    )


def test_a_run_knows_a_model_by_its_hash(zoo: Zoo) -> None:
    from regraft.tasks.record import source_record

    assert zoo.known_as("x") is None
    network = net()
    slot = type(network)(network.graph, {**network.values, "head/kernel/Adam": np.zeros(3)}, format="test")
    zoo.add(slot, "one")
    for known in (slot, zoo.open("one")):
        assert zoo.known_as(source_record(known)) == "one"


def test_where_the_zoo_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("REGRAFT_ZOO", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_place() == tmp_path / "regraft/zoo"
    monkeypatch.setenv("REGRAFT_ZOO", str(tmp_path / "other"))
    assert Zoo().path == tmp_path / "other"
