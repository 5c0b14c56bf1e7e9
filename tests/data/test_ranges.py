"""The range of an input, found by the statistics of the first batch norm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regraft.data import Examples, Part, as_flag, open_data, prepare, whole
from regraft.data.arrays import unlabelled
from regraft.data.ranges import UNLIKE, gap, guess, settle
from regraft.data.statistics import first_statistics
from regraft.errors import BadArgument
from regraft.formats import read
from regraft.network import Graph, GraphNetwork, InputSpec, Node, Ref

FORMS = ["fused", "global", "written out", "without gamma", "frozen"]
SETTINGS = {"strides": (1, 2, 2, 1), "padding": "SAME", "dilations": (1, 1, 1, 1), "data_format": "NHWC"}
MEAN = "mean=0.485,0.456,0.406,std=0.229,0.224,0.225"


@pytest.fixture(scope="module")
def photos(shared: Path) -> Examples:
    return open_data(shared / "data/flowers5")


def node(name: str, function: str, *args: object, **kwargs: object) -> Node:
    refs = tuple(Ref(arg) if isinstance(arg, str) else arg for arg in args)
    return Node(name=name, function=function, args=refs, kwargs=kwargs)


def network(form: str, said: str | None, examples: Examples | None) -> GraphNetwork:
    """A convolution and a batch norm of one of its forms, with the statistics these examples leave if fed as `said`."""
    from regraft.data import parse_input

    random = np.random.default_rng(4)
    values = {"kernel": random.normal(size=(3, 3, 3, 8)).astype("float32") * 0.2, "gamma": np.full(8, 2.0, "float32")}
    spec = InputSpec(name="image:0", shape=(None, 32, 32, 3), layout="NHWC")
    nodes = [
        node("image:0", "input"),
        node("kernel:0", "parameter", "kernel"),
        node("conv:0", "conv2d", "image:0", "kernel:0", **SETTINGS),
    ]
    nodes[1] = Node(name="kernel:0", function="parameter", args=("kernel",), kwargs={"trainable": True})
    base = GraphNetwork(Graph(nodes=tuple(nodes), inputs=(spec,), outputs=("conv:0",)), values, format="test")
    if said is None or examples is None:
        return base
    fed = replace(spec, **parse_input(said))
    out = base.run(prepare(examples, range(0, len(examples), 7), fed))
    values |= {"mean": out.mean((0, 1, 2)), "variance": out.var((0, 1, 2))}
    nodes += batch_norm(form, values)
    graph = Graph(nodes=tuple(nodes), inputs=(spec,), outputs=(nodes[-1].name,))
    return GraphNetwork(graph, values, format="test")


def batch_norm(form: str, values: dict[str, np.ndarray]) -> list[Node]:
    stored = [
        Node(name=f"{name}:0", function="parameter", args=(name,), kwargs={"trainable": False})
        for name in ("mean", "variance", "gamma")
    ]
    if form == "frozen":
        constants = {"mean": values["mean"].tolist(), "variance": values["variance"].tolist()}
        stored[:2] = [node(f"{name}:0", "constant", tuple(v), dtype="float32") for name, v in constants.items()]
    if form == "fused":
        fused = node("bn", "fused_batch_norm", "conv:0", "gamma:0", "mean:0", "mean:0", "variance:0", is_training=False)
        return [*stored, fused, node("bn:0", "item", "bn", 0)]
    if form == "global":
        settings = {"variance_epsilon": 1e-3, "scale_after_normalization": True}
        arguments = ("conv:0", "mean:0", "variance:0", "mean:0", "gamma:0")
        return [*stored, node("bn:0", "batch_norm_with_global_normalization", *arguments, **settings)]
    factor = "root:0" if form == "without gamma" else "factor:0"
    return [
        *stored,
        node("mean/read:0", "identity", "mean:0"),
        node("epsilon:0", "constant", 1e-3, dtype="float32"),
        node("sum:0", "add", "variance:0", "epsilon:0"),
        node("root:0", "rsqrt", "sum:0"),
        node("factor:0", "mul", "root:0", "gamma:0"),
        node("scaled:0", "mul", "conv:0", factor),
        node("moved:0", "mul", "mean/read:0", factor),
        node("shift:0", "sub", "mean:0", "moved:0"),
        node("bn:0", "add", "scaled:0", "shift:0"),
    ]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_batch_norm_is_found(photos: Examples, form: str) -> None:
    net = network(form, "range=0..1", photos)
    found = first_statistics(net, "image:0")
    assert found is not None
    assert found.tensor == "conv:0"
    np.testing.assert_allclose(found.mean, net.values["mean"], rtol=1e-6)
    np.testing.assert_allclose(found.variance, net.values["variance"], rtol=1e-6)


@pytest.mark.parametrize(
    "said",
    [
        "range=-1..1,channels=rgb",
        "range=0..1,channels=rgb",
        "range=-0.5..0.5,channels=rgb",
        "range=0..255,channels=rgb",
        f"range=0..1,channels=rgb,{MEAN}",
        "range=0..255,channels=bgr,mean=103.53,116.28,123.675",
    ],
)
def test_the_range_a_network_was_trained_with_is_guessed(photos: Examples, said: str) -> None:
    net = network("fused", said, photos)
    spec, found = settle(net, net.inputs["image:0"], whole(photos))
    assert as_flag(spec) == said
    assert spec.origin == "guessed"
    assert found is not None
    assert found.spec == spec
    assert found.gaps[0][0] == said
    assert found.gaps[0][1] < 0.2
    assert len(found.gaps) == 12
    assert gap(net, spec, whole(photos)) == found.gaps[0][1]


@pytest.mark.slow
def test_the_range_of_a_real_network_is_guessed(photos: Examples, shared: Path) -> None:
    net = read(shared / "models/mobilenet_v1_imagenet_tf1/retrained_graph.pb")
    (spec,) = net.inputs.values()
    spec, found = settle(net, replace(spec, channels=None), whole(photos))
    assert as_flag(spec) == "range=-1..1,channels=rgb"
    assert found is not None
    assert [round(value, 1) for _, value in found.gaps[:2]] == [0.5, 0.6]
    assert dict(found.gaps)["range=0..255,channels=rgb"] > 7


def test_uint8_arrays_are_guessed_as_pictures_are(photos: Examples) -> None:
    net = network("fused", "range=-1..1", photos)
    pixels = prepare(photos, range(200), replace(net.inputs["image:0"], dtype="uint8"))
    assert (
        as_flag(guess(net, net.inputs["image:0"], whole(unlabelled(pixels, "here"))).spec) == "range=-1..1,channels=rgb"
    )


def test_only_the_examples_of_the_part_are_looked_at(photos: Examples) -> None:
    net = network("fused", "range=-1..1", photos)
    pixels = prepare(photos, range(200), replace(net.inputs["image:0"], dtype="uint8"))
    mixed = unlabelled(np.concatenate([np.zeros_like(pixels), pixels]), "here")
    spec = net.inputs["image:0"]
    found = guess(net, spec, Part(examples=mixed, indices=np.arange(200, 400)))
    assert found.gaps == guess(net, spec, whole(unlabelled(pixels, "here"))).gaps != guess(net, spec, whole(mixed)).gaps


def test_what_the_user_says_goes_before_a_guess(photos: Examples) -> None:
    net = network("fused", "range=-1..1", photos)
    spec, found = settle(net, net.inputs["image:0"], whole(photos), {"range": (0.0, 1.0)})
    assert (spec.range, spec.origin, found) == ((0.0, 1.0), "user", None)
    spec, found = settle(net, net.inputs["image:0"], whole(photos), {"channels": "bgr"})
    assert (spec.range, spec.channels) == ((-1.0, 1.0), "bgr")
    assert found is not None
    assert len(found.gaps) == 6


def test_what_the_file_says_is_taken(photos: Examples) -> None:
    net = network("fused", "range=-1..1", photos)
    known = replace(net.inputs["image:0"], range=(0.0, 1.0), origin="file")
    assert settle(net, known, whole(photos)) == (known, None)


def test_floats_need_no_range() -> None:
    net = network("fused", None, None)
    spec = net.inputs["image:0"]
    assert settle(net, spec, whole(unlabelled(np.zeros((2, 32, 32, 3)), "here"))) == (spec, None)
    assert gap(net, spec, whole(unlabelled(np.zeros((2, 32, 32, 3)), "here"))) is None


def test_without_evidence_the_choices_are_listed(photos: Examples) -> None:
    net = network("fused", None, None)
    with pytest.raises(BadArgument) as caught:
        settle(net, replace(net.inputs["image:0"], channels="rgb"), whole(photos))
    assert str(caught.value) == (
        "the range of the input image:0 is not known\n"
        "  expected: one of range=-1..1,channels=rgb | range=0..1,channels=rgb | range=0..255,channels=rgb | "
        f"range=-0.5..0.5,channels=rgb | range=0..1,channels=rgb,{MEAN} | "
        "range=0..255,channels=rgb,mean=123.675,116.28,103.53\n"
        "  got: nothing in the network tells it: it has no batch norm with stored statistics\n"
        "  to do: say how the network was fed: --input range=-1..1,channels=rgb"
    )


def test_bad_evidence_is_no_evidence(photos: Examples) -> None:
    net = network("fused", "range=0..255", photos)
    far = net.assign({"variance": net.values["variance"] * 1e6})
    with pytest.raises(BadArgument, match=r"even the best fits the network's statistics badly \(gap \d"):
        settle(far, net.inputs["image:0"], whole(photos))


def test_data_unlike_the_training_data_are_noticed(photos: Examples) -> None:
    net = network("fused", "range=0..255", photos)
    spec = replace(net.inputs["image:0"], range=(0.0, 1.0))
    unlike = gap(net, spec, whole(photos))
    assert unlike is not None
    assert unlike > UNLIKE


def test_a_flat_network_with_pixels_has_to_be_told() -> None:
    nodes = (
        node("x:0", "input"),
        Node(name="w:0", function="parameter", args=("w",), kwargs={"trainable": True}),
        node("y:0", "mat_mul", "x:0", "w:0", transpose_a=False, transpose_b=False),
    )
    spec = InputSpec(name="x:0", shape=(None, 16), layout="flat")
    values = {"w": np.ones((16, 2), "float32")}
    net = GraphNetwork(Graph(nodes=nodes, inputs=(spec,), outputs=("y:0",)), values, format="test")
    with pytest.raises(BadArgument) as caught:
        settle(net, spec, whole(unlabelled(np.zeros((3, 4, 4), np.uint8), "here")))
    assert caught.value.fix == "say how the network was fed: --input range=-1..1,channels=grey"
