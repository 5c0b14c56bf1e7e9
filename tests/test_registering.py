"""Any source put into a zoo, with what is known of it; and whole folders of sources."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from disk import small_disk as small_disk
from zoo.nets import WIDE, net

import regraft
from regraft.errors import BadArgument, MissingFile, UnreadableFile
from regraft.formats import pytorch, saved
from regraft.registering import register_exported, register_folder
from regraft.zoo import Facts, Zoo


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Zoo:
    """The user's own zoo, not made yet."""
    monkeypatch.setenv("REGRAFT_ZOO", str(tmp_path / "zoo"))
    return Zoo()


def test_a_network_has_no_name_of_its_own(zoo: Zoo) -> None:
    with pytest.raises(BadArgument, match="a model cannot be called that"):
        regraft.register(net())
    assert regraft.register(net(), "one") == zoo["one"]


def test_a_package_says_name_licence_and_classes(zoo: Zoo) -> None:
    card = regraft.register("timm:test_resnet.r160_in1k", weights="random", tags=["small"])
    assert (card.name, card.format, card.tags) == ("test_resnet.r160_in1k", "timm", ("small",))
    # what is published of its own weights is not said of others
    assert (card.input, card.origin) == ("image", "timm:test_resnet.r160_in1k, weights random")
    assert (card.licence, zoo.search("goldfish")) == (None, [])


def test_the_accuracy_on_imagenet_is_the_published_one(zoo: Zoo) -> None:
    assert pytorch.imagenet_accuracy("torchvision", "mobilenet_v2") == pytest.approx(0.72154)
    assert [pytorch.imagenet_accuracy(*one) for one in (("torchvision", "nothing"), ("timm", "resnet18"))] == [
        None,
        None,
    ]
    card = regraft.register("torchvision:mobilenet_v2", weights="random")
    assert card.imagenet is None
    assert regraft.register("zoo:mobilenet_v2", "told", imagenet=0.71).imagenet == 0.71
    assert zoo["told"].accuracy is None
    with pytest.raises(BadArgument, match="an accuracy is a share"):
        regraft.register("zoo:told", "again", imagenet=71)


def test_what_a_source_takes_takes_a_model_of_the_zoo(zoo: Zoo) -> None:
    regraft.register(net(), "one")
    x = np.ones((2, WIDE), np.float32)
    np.testing.assert_array_equal(regraft.open("zoo:one").run(x), net().run(x))
    with pytest.warns(UserWarning, match="zoo:one: 2/2 tensors, 100.0 % of the parameters"):
        np.testing.assert_array_equal(regraft.open("zoo:one", weights="zoo:one").run(x), net().run(x))
    assert regraft.match("zoo:one", "zoo:one").percent == 100
    with pytest.raises(BadArgument) as refused:
        regraft.open("zoo:one", weights="random")
    assert str(refused.value) == (
        "a file has its own weights: random ones are for timm:NAME, torchvision:NAME and hf:NAME\n  where: zoo:one"
    )


def test_a_model_is_copied_to_another_zoo(zoo: Zoo, tmp_path: Path) -> None:
    zoo.add(net(), "one", Facts(tags=("a",), licence="MIT", about={"classes": ["x", "y", "z"]}))
    card = regraft.register("zoo:one", "two", zoo=tmp_path / "team")
    assert (card.tags, card.licence, card.origin, card.parents) == (("a",), "MIT", "zoo:one", ("one",))
    assert Zoo(tmp_path / "team").details("two").classes == ("x", "y", "z")


def test_exported_models_come_back_as_they_were(zoo: Zoo, tmp_path: Path) -> None:
    zoo.add(net(), "one", Facts(tags=("a",), licence="MIT", origin="/there", about={"classes": ["x", "y", "z"]}))
    zoo.add(net(head=1), "two", Facts(parents=("one",)))
    for name in ("one", "two"):
        zoo.export(name, tmp_path / "out" / name)
    other = tmp_path / "other"
    assert [card.name for card in register_exported(tmp_path / "out", zoo=other)] == ["one", "two"]
    for name in ("one", "two"):
        here, there = zoo[name], Zoo(other)[name]
        assert (here.content, here.tags, here.licence, here.origin, here.format, here.parents) == (
            there.content, there.tags, there.licence, there.origin, there.format, there.parents,
        )  # fmt: skip
        assert Zoo(other).details(name) == zoo.details(name)
    with pytest.warns(UserWarning, match="one is in the zoo already"):
        register_exported(tmp_path / "out/one", zoo=other)


@pytest.mark.parametrize(
    ("card", "word"),
    [
        ([1], "card"),
        ({"name": 5}, "name"),
        ({"tags": "ab"}, "tags"),
        ({"parents": [1]}, "parents"),
        ({"licence": {}}, "licence"),
    ],
)
def test_a_card_that_anybody_may_have_written(zoo: Zoo, tmp_path: Path, card: object, word: str) -> None:
    saved.write(net(), tmp_path / "out", {"card": card})
    with pytest.raises(UnreadableFile, match=f"^model.json is damaged: the {word} of its card is "):
        register_exported(tmp_path / "out")
    assert zoo.list() == [] if zoo.path.exists() else True


def test_metrics_and_data_that_anybody_may_have_written(zoo: Zoo, tmp_path: Path) -> None:
    saved.write(net(), tmp_path / "out", {"metrics": {"test": {"accuracy": "good"}, "x": 3}, "data": [], "classes": 7})
    card = regraft.register(tmp_path / "out")
    assert (card.metrics, card.data, card.accuracy) == ({"test": {}}, None, None)
    saved.write(net(), tmp_path / "list", {"metrics": [0.5]})
    assert regraft.register(tmp_path / "list", imagenet=0.25).metrics == {"imagenet": {"accuracy": 0.25}}


def test_a_name_in_a_card_leads_nowhere(zoo: Zoo, tmp_path: Path) -> None:
    saved.write(net(), tmp_path / "out", {"card": {"name": "../../up"}})
    with pytest.raises(BadArgument, match="a model cannot be called that"):
        register_exported(tmp_path / "out")


@pytest.mark.filterwarnings("ignore::UserWarning")  # what is opened with which file beside it
def test_a_folder_is_catalogued_by_what_is_in_it(zoo: Zoo, tmp_path: Path, shared: Path) -> None:
    folder = tmp_path / "shelf"
    for part in ("mtcnn_six_formats", "mtcnn_tf1/PNet_landmark"):
        shutil.copytree(shared / "models" / part, folder / part)
    saved.write(net(), folder / "ours", {"classes": ["x", "y", "z"]})
    (folder / "mtcnn_six_formats/onnx/broken.onnx").write_bytes(b"\x08\x07")
    (folder / "loop").symlink_to(folder)
    found = register_folder(folder, tags=["shelf"], licence="MIT")
    cards = {card.name: card for card in found.cards}
    assert cards.keys() >= {
        "mtcnn_six_formats-caffe-det1", "mtcnn_six_formats-onnx-pnet", "mtcnn_tf1-PNet_landmark-PNet-18", "ours",
    }  # fmt: skip
    assert {cards[f"mtcnn_six_formats-{name}"].format for name in ("caffe-det1", "onnx-pnet")} == {"caffe", "onnx"}
    assert all((card.tags, card.licence) == (("shelf",), "MIT") for card in found.cards)
    assert zoo.details("ours").classes == ("x", "y", "z")
    skipped = {Path(path).name for path in found.skipped}
    assert skipped == {"SOURCE.txt", "LICENSE", "broken.onnx"}
    assert all(found.skipped.values())


def test_two_files_of_one_name_are_told_by_their_endings(zoo: Zoo, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", kernel=np.ones(3))
    np.save(tmp_path / "a.npy", np.zeros((2, 2)))
    assert sorted(card.name for card in register_folder(tmp_path).cards) == ["a", "a.npz"]


def test_a_folder_for_a_zoo_that_is_read_only(small_disk: Path, tmp_path: Path) -> None:
    shelf = Zoo(small_disk / "zoo")
    shelf.add(net(), "one")
    np.save(tmp_path / "a.npy", np.zeros((2, 2)))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    try:
        with pytest.raises(BadArgument, match="the zoo cannot be written to"):
            register_folder(tmp_path, zoo=shelf.path)
    finally:
        subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)


def test_a_model_that_tells_what_no_card_can_hold(zoo: Zoo, tmp_path: Path) -> None:
    for number, odd in enumerate((float("nan"), "\ud800")):
        place = tmp_path / f"{number}"
        saved.write(net(), place, {"note": 1})
        record = json.loads((place / "model.json").read_text())
        record["about"]["note"] = odd
        (place / "model.json").write_text(json.dumps(record))
        with pytest.raises(UnreadableFile):
            regraft.register(place)


def test_a_folder_that_is_not_there(zoo: Zoo, tmp_path: Path) -> None:
    with pytest.raises(MissingFile) as refused:
        register_folder(tmp_path / "none")
    assert str(refused.value) == f"there is no such folder\n  where: {tmp_path / 'none'}"


def test_a_run_knows_its_parent_by_the_hash_of_its_source(zoo: Zoo, tmp_path: Path) -> None:
    from regraft.tasks.record import source_record

    zoo.add(net(), "one")
    run = tmp_path / "run"
    saved.write(net(head=1), run / "model", {})
    (run / "run.json").write_text(json.dumps({"format": 1, "status": "done"}))
    (run / "settings.json").write_text(json.dumps({"source": source_record(net())}))
    assert regraft.register(run).parents == ("one",)
    assert regraft.register(run / "model", "again").parents == ("one",)
    assert [branch.name for branch in zoo.lineage("one").children] == ["again", "run"]
