"""Engines compute what torch computes, each under its own name; the soonest done is taken, or it is said why not."""

from __future__ import annotations

import re
import sys
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from features.test_features import TOPS, digits, network
from torch import nn

import regraft
from regraft.data import Examples, open_unlabelled, parse_input, prepare
from regraft.data.arrays import unlabelled
from regraft.data.said import with_user
from regraft.errors import BadArgument, UnsupportedOp
from regraft.features import KINDS, Kind, Place, Timing, Trunk, choose, choosing, extract, make_engine
from regraft.network import Graph, GraphNetwork, InputSpec, Node, Ref
from regraft.network.proof import TOLERANCE, difference
from regraft.network.vectors import with_vectors

OTHERS: tuple[Kind, ...] = KINDS[1:]
MANY = 10**9  # examples: so many that any engine is worth a look
ASIDE = "not tried: channels can be put last only where they are second"


def nodes(*more: Node, shape: tuple[int | None, ...] = (None, 3, 8, 8), to: str = "y:0") -> GraphNetwork:
    """x -> ... -> y, x NCHW where it has four axes."""
    spec = InputSpec(name="x:0", shape=shape, layout="NCHW" if len(shape) == 4 else "other", range=(0.0, 1.0))
    graph = Graph(nodes=(Node(name="x:0", function="input"), *more), inputs=(spec,), outputs=(to,))
    values = {"w": np.random.default_rng(0).normal(size=(5, 3, 3, 3)).astype(np.float32)}
    return GraphNetwork(graph, values, format="test")


def constant(name: str, value: object, dtype: str = "float32") -> Node:
    return Node(name=name, function="constant", args=(value,), kwargs={"dtype": dtype})


def op(name: str, function: str, *reads: str) -> Node:
    return Node(name=name, function=function, args=tuple(map(Ref, reads)))


def notes(found: tuple[Timing, ...]) -> dict[str, str | None]:
    return {timing.kind: timing.note for timing in found}


@pytest.mark.parametrize("kind", ["onnxruntime", "openvino"])
def test_a_small_network(kind: Kind) -> None:
    net, examples = network(), digits(40)
    spec = net.inputs["image:0"]
    trunk = Trunk(net, [*TOPS, "image:0"], spec)
    batch = prepare(examples, range(40), spec)
    engine = make_engine(kind, trunk)
    expected = [make_engine("torch", trunk)(batch[:32]), make_engine("torch", trunk)(batch[32:])]
    found = [engine(batch[:32]), engine(batch[32:])]  # the second must not write over the first
    for ours, torchs in zip(found, expected, strict=True):
        assert [value.shape for value in ours] == [value.shape for value in torchs]
        assert max(map(difference, ours, torchs)) < TOLERANCE


@pytest.mark.parametrize("kind", ["torch", "onnxruntime", "openvino"])
@pytest.mark.parametrize("held", [None, 32])
def test_torch_takes_few_rows_as_they_are(kind: Kind, held: int | None) -> None:
    """The rows that a batch is filled up with are seen in its sum."""
    net = nodes(
        constant("first:0", (0,), "int32"),
        Node(name="sum:0", function="sum", args=(Ref("x:0"), Ref("first:0")), kwargs={"keep_dims": True}),
        op("y:0", "add", "x:0", "sum:0"),
        shape=(held, 4),
    )
    engine = make_engine(kind, Trunk(net, ["y:0"], net.inputs["x:0"]))
    rows = np.arange(20, dtype=np.float32).reshape(5, 4)
    least = 2 if kind == "torch" and held is None else 32
    for count in (1, 5):
        batch = rows[:count]
        total = batch.sum(axis=0) + max(0, least - count) * batch[-1]
        np.testing.assert_array_equal(engine(batch)[0], batch + total)
    assert f"{'2 to ' if least == 2 else ''}32 rows at once" in engine.name


def test_onnxruntime_fuses_what_lies_between_convolutions(tmp_path: Path) -> None:
    """ReLU6 goes into the convolution below it, and means over places are pooled: no map is turned for them."""
    torch.manual_seed(0)
    net = regraft.open(
        nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU6(), nn.Conv2d(16, 16, 3), nn.ReLU6()), sample=torch.zeros(1, 3, 9, 9)
    )
    surveyed, vectors = with_vectors(net, ["1", "3"])
    tops = [vector.name for vector in vectors.values()]
    (spec,) = net.inputs.values()
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(Trunk(surveyed, tops, spec).exported(), options, providers=["CPUExecutionProvider"])
    counts = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
    assert counts["Conv"] + counts["FusedConv"] == 2
    assert counts["GlobalAveragePool"] == 2
    assert counts.keys().isdisjoint({"Clip", "Cast", "ReduceMean"})


@pytest.mark.parametrize("kind", KINDS[2:])
def test_a_trunk_with_other_weights_is_not_exported_again(kind: Kind) -> None:
    net, examples = network(), digits(40)
    spec = net.inputs["image:0"]
    batch = prepare(examples, range(32), spec)
    trunk = Trunk(net, [*TOPS, "image:0"], spec)
    first = make_engine(kind, trunk)(batch)
    other = net.assign({"kernel": net.values["kernel"] + 1})
    renewed = trunk.renewed(other, TOPS[::-1])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("regraft.features.engines.engine_model", None)
        found = make_engine(kind, renewed)(batch)
    expected = make_engine("torch", Trunk(other, TOPS[::-1], spec))(batch)
    assert [value.shape for value in found] == [value.shape for value in expected]
    assert max(map(difference, found, expected)) < TOLERANCE
    assert max(map(difference, make_engine(kind, trunk)(batch), first)) == 0


def test_each_has_features_of_its_own(tmp_path: Path) -> None:
    net, examples, place = network(), digits(40), Place(root=tmp_path)
    spec = net.inputs["image:0"]
    plain = extract(net, TOPS, examples, spec, place)
    trunk = Trunk(net, TOPS, spec)
    for kind in ("torch", "onnxruntime", "openvino"):
        found = extract(net, TOPS, examples, spec, place, engine=make_engine(kind, trunk))
        assert (found.store.folder == plain.store.folder) == (kind == "torch")
        np.testing.assert_allclose(
            found.rows("pool:0", range(40)), plain.rows("pool:0", range(40)), rtol=1e-5, atol=1e-6
        )
    assert len(list(tmp_path.iterdir())) == 3


def test_an_engine_for_another_trunk_is_refused(tmp_path: Path) -> None:
    net, examples = network(), digits(40)
    spec = net.inputs["image:0"]
    engine = make_engine("torch", Trunk(net, TOPS, spec))
    other = net.assign({"kernel": net.values["kernel"] + 1})
    with pytest.raises(BadArgument) as caught:
        extract(other, TOPS, examples, spec, Place(root=tmp_path), engine=engine)
    assert str(caught.value) == (
        f"this engine was made for another trunk\n  expected: conv:0, pool:0 from {spec}\n"
        f"  got: conv:0, pool:0 from {spec}, or with other weights\n"
        "  to do: make it from the same network, tensors and input"
    )
    for tensors, want in ((TOPS[:1], spec), (TOPS, replace(spec, range=(-1.0, 1.0)))):
        with pytest.raises(BadArgument, match="this engine was made for another trunk"):
            extract(net, tensors, examples, want, Place(root=tmp_path), engine=engine)
    assert not list(tmp_path.iterdir())


def test_the_soonest_done_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "_BEYOND", np.inf)
    net, examples = network(), digits(40)
    engine, found = choose(Trunk(net, TOPS, net.inputs["image:0"]), examples, "cpu", MANY)
    assert notes(found) == {"torch": None, "torch channels_last": ASIDE, "onnxruntime": None, "openvino": None}
    times = {timing.kind: timing.seconds or np.inf for timing in found}
    assert engine.kind == min(times, key=times.__getitem__)
    assert [timing.difference is None for timing in found] == [True, True, False, False]
    assert all((timing.start is None) == (timing.note is not None) for timing in found)


def channels_second() -> GraphNetwork:
    """A convolution of pictures whose channels are second."""
    settings = {"strides": (1, 1, 1, 1), "padding": "SAME", "data_format": "NCHW", "filter_format": "OIHW"}
    weight = Node(name="w:0", function="parameter", args=("w",), kwargs={"trainable": True})
    return nodes(weight, Node(name="y:0", function="conv2d", args=(Ref("x:0"), Ref("w:0")), kwargs=settings))


def colours(count: int) -> Examples:
    """Random pictures."""
    return unlabelled(np.random.default_rng(0).integers(0, 256, (count, 3, 8, 8)).astype(np.uint8), "here")


def test_channels_last_where_channels_are_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "_BEYOND", np.inf)
    net = channels_second()
    before = net.weights["w"].stride()
    _, found = choose(Trunk(net, ["y:0"], net.inputs["x:0"]), colours(33), "cpu", MANY)
    assert not any(notes(found).values())
    assert net.weights["w"].stride() == before


def test_where_another_engine_is_far_ahead_the_order_of_channels_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choosing, "_BEYOND", 0.0)
    net = channels_second()
    _, found = choose(Trunk(net, ["y:0"], net.inputs["x:0"]), colours(33), "cpu", MANY)
    note = notes(found)["torch channels_last"] or ""
    assert re.fullmatch(r"not tried: another is \d+\.\d times as fast as torch", note)


def test_for_some_examples_only_the_order_of_channels_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "_TRIFLE", 0.0)
    net = channels_second()
    _, found = choose(Trunk(net, ["y:0"], net.inputs["x:0"]), colours(33), "cpu", 33)
    assert [timing.note for timing in found[:2]] == [None, None]
    for timing in found[2:]:
        assert re.fullmatch(r"not tried: torch needs \d\.\d s for 33 examples", timing.note or "")


def test_a_trunk_of_more_nodes_has_to_save_more(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network()
    trunk, examples = Trunk(net, TOPS, net.inputs["image:0"]), digits(40)
    monkeypatch.setattr(choosing, "_TRIFLE", 0.0)
    _, one = choose(trunk, examples, "cpu", MANY)
    assert one[KINDS.index("openvino")].seconds is not None
    monkeypatch.setattr(Trunk, "nodes", 10**9)
    _, many = choose(trunk, examples, "cpu", MANY)
    assert many[KINDS.index("openvino")].seconds is None


def test_for_a_few_examples_only_torch_is_looked_at() -> None:
    net = network()
    engine, found = choose(Trunk(net, TOPS, net.inputs["image:0"]), digits(40), "cpu", 40)
    assert engine.kind == "torch"
    assert notes(found) == {"torch": None} | dict.fromkeys(OTHERS, "not tried: torch needs 0.0 s for 40 examples")


def test_features_that_differ_are_not_used() -> None:
    """The sine of a large number is another one after the rounding of another program; on some processors two agree."""
    net = nodes(
        constant("matrix:0", np.random.default_rng(0).normal(size=(300, 7)).tolist()),
        op("product:0", "mat_mul", "x:0", "matrix:0"),
        constant("million:0", 1e6),
        op("large:0", "mul", "product:0", "million:0"),
        op("y:0", "sin", "large:0"),
        shape=(None, 300),
    )
    rows = np.random.default_rng(1).normal(size=(40, 300)).astype(np.float32)
    engine, found = choose(Trunk(net, ["product:0", "y:0"], net.inputs["x:0"]), unlabelled(rows, "here"), "cpu", MANY)
    differing = [timing for timing in found if timing.difference and timing.difference > 0.01]
    assert differing
    assert engine.kind not in {timing.kind for timing in differing}
    for timing in differing:
        assert timing.note == f"features differ by {timing.difference:.0e} of the greatest in y:0"
    for timing in set(found[2:]) - set(differing):
        assert timing.note is None


def test_what_cannot_be_exported_is_run_by_torch() -> None:
    net = nodes(
        constant("all:0", (-1,), "int32"),
        op("flat:0", "reshape", "x:0", "all:0"),
        constant("first:0", (0,), "int32"),
        op("value:0", "gather", "flat:0", "first:0"),
        constant("zero:0", 0.0),
        op("truths:0", "greater", "value:0", "zero:0"),
        constant("none:0", (), "int32"),
        op("truth:0", "reshape", "truths:0", "none:0"),
        op("minus:0", "neg", "x:0"),
        op("y:0", "select", "truth:0", "x:0", "minus:0"),
        shape=(None, 4),
    )
    rows = np.random.default_rng(1).normal(size=(40, 4)).astype(np.float32)
    spec = net.inputs["x:0"]
    engine, found = choose(Trunk(net, ["y:0"], spec), unlabelled(rows, "here"), "cpu", MANY)
    assert engine.kind == "torch"
    reason = "cannot be exported: select (1): y:0"
    assert notes(found) == {"torch": None, "torch channels_last": ASIDE, "onnxruntime": reason, "openvino": reason}
    with pytest.raises(UnsupportedOp, match=r"the network cannot be written: torch\.export does not take it"):
        make_engine("openvino", Trunk(net, ["y:0"], spec))


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("openvino", "onnxscript"):
        monkeypatch.setitem(sys.modules, name, None)
    net = network()
    (spec,) = net.inputs.values()
    _, timings = choose(Trunk(net, TOPS, spec), digits(40), "cpu", MANY)
    assert [timing.note for timing in timings[2:]] == ["not installed: pip install 'regraft[engines]'"] * 2
    with pytest.raises(ImportError) as caught:
        make_engine("openvino", Trunk(net, TOPS, spec))
    assert str(caught.value) == (
        "openvino, onnxscript is not installed, which the engine openvino needs\n"
        "  to do: pip install 'regraft[engines]'"
    )


def test_what_is_nothing_for_an_engine() -> None:
    net = network()
    trunk = Trunk(net, TOPS, net.inputs["image:0"])
    with pytest.raises(BadArgument) as caught:
        make_engine("torch channels_last", trunk)
    assert str(caught.value) == (
        "channels can be put last only where they are second\n  expected: an input of layout NCHW\n"
        "  got: NHWC (None, 12, 12, 1)\n  to do: take torch"
    )
    with pytest.raises(BadArgument) as caught:
        make_engine("openvino", trunk, "cuda")
    assert str(caught.value) == "openvino is an engine for the CPU\n  got: cuda\n  to do: take torch"


RANGES = {
    "mtcnn_six_formats/onnx/rnet.onnx": "range=-1..1,channels=rgb,size=24",
    "mobilenet_v1_imagenet_tf1/retrained_graph.pb": "range=-1..1,channels=rgb",
    "squeezenet_v1_imagenet_caffe/SqueezeNet_deploy.prototxt": "range=0..255,channels=bgr,mean=104,117,123",
    "fer_emotion_keras_h5/emotion_model.hdf5": "range=-1..1,channels=grey",
    "mobilenet_v2_imagenet_torch/mobilenet_v2-b0353104.pth": "",
}


@pytest.mark.slow
@pytest.mark.parametrize("path", RANGES)
def test_real_networks_at_all_their_cuts(path: str, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "_BEYOND", np.inf)
    file = shared / "models" / path
    with warnings.catch_warnings(action="ignore"):
        net = regraft.open("torchvision:mobilenet_v2", weights=file) if file.suffix == ".pth" else regraft.open(file)
    cuts = [cut.tensor for cut in net.cuts()]
    (spec,) = net.inputs.values()
    spec = with_user(spec, parse_input(RANGES[path])) if RANGES[path] else spec
    photos = open_unlabelled([shared / "data/flowers5/rose"])
    _, found = choose(Trunk(net, cuts, spec), photos, "cpu", MANY)
    first = "torch channels_last" if spec.layout == "NHWC" else ""
    assert {kind: note for kind, note in notes(found).items() if note} == ({first: ASIDE} if first else {})
    assert all(timing.difference <= TOLERANCE for timing in found if timing.difference is not None)


def test_a_difference_that_is_no_number_can_be_written_down() -> None:
    timing = choosing._judged(Timing(kind="openvino"), {"x:0": 0.0, "y:0": float("inf")})
    assert timing.difference is None
    assert timing.note == "features differ by inf of the greatest in y:0"
