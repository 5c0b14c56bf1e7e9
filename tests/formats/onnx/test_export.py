"""Networks written as ONNX models: onnxruntime computes with them under the names of the source."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from disk import small_disk as small_disk
from formats.caffe.making import layer, net
from formats.caffe.making import written as caffe_files

import regraft
from regraft.data import open_unlabelled, prepare
from regraft.errors import OutOfSpace, UnreadableFile, UnsupportedOp
from regraft.formats.onnx.export import write
from regraft.network import Graph, GraphNetwork, InputSpec, Node, Ref, Switch

SIDE = {"strides": (1, 2, 2, 1), "padding": "SAME"}


def network(*nodes: Node, shape: tuple[int | None, ...] = (None, 6, 5, 3), dtype: str = "float32") -> GraphNetwork:
    """A network of nodes on the input "x:0"; the last one is its output, those called w... are its parameters."""
    held = [node.args[0] for node in nodes if node.function == "parameter"]
    shapes = {"w": (3, 3, 3, 4), "b": (4,), "dense": (36, 2)}
    values = {name: np.random.default_rng(1).normal(size=shapes[name]).astype(np.float32) for name in held}
    graph = Graph(
        nodes=(Node(name="x:0", function="input"), *nodes),
        inputs=(InputSpec(name="x:0", shape=shape, dtype=dtype),),
        outputs=(nodes[-1].name,),
    )
    return GraphNetwork(graph, values, format="test")


def node(name: str, function: str, *args: object, **attributes: object) -> Node:
    refs = tuple(Ref(arg) if isinstance(arg, str) else arg for arg in args)
    return Node(name=name, function=function, args=refs, kwargs=attributes)


def parameter(name: str) -> Node:
    return Node(name=f"{name}:0", function="parameter", args=(name,), kwargs={"trainable": True})


def constant(name: str, value: object, dtype: str = "int32") -> Node:
    return Node(name=name, function="constant", args=(value,), kwargs={"dtype": dtype})


def tensorflow_like() -> GraphNetwork:
    """What a TensorFlow graph does: its flattening reads the batch out of the shape; a switch is in it."""
    made = network(
        parameter("w"),
        parameter("b"),
        parameter("dense"),
        node("conv/Conv2D:0", "conv2d", "x:0", "w:0", **SIDE),
        node("conv/BiasAdd:0", "bias_add", "conv/Conv2D:0", "b:0"),
        node("conv/Relu:0", "relu", "conv/BiasAdd:0"),
        node("conv/read:0", "identity", "conv/Relu:0"),
        node("flat/Shape:0", "shape", "conv/read:0"),
        constant("flat/begin:0", (0,)),
        constant("flat/end:0", (1,)),
        constant("flat/step:0", (1,)),
        node("flat/batch:0", "strided_slice", "flat/Shape:0", "flat/begin:0", "flat/end:0", "flat/step:0",
             shrink_axis_mask=1),
        constant("flat/size:0", 36),
        node("flat/pack:0", "pack", "flat/batch:0", "flat/size:0"),
        node("flat/Reshape:0", "reshape", "conv/read:0", "flat/pack:0"),
        Node(name="training:0", function="input"),
        node("drop/dropped:0", "dropout", "flat/Reshape:0", rate=0.5),
        node("drop/cond:0", "select", "training:0", "drop/dropped:0", "flat/Reshape:0"),
        node("logits:0", "mat_mul", "drop/cond:0", "dense:0"),
    )  # fmt: skip
    switch = Switch(name="training:0", evaluation=False, training=True)
    return GraphNetwork(replace(made.graph, switches=(switch,)), made.values, format="test")


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def test_the_names_and_layouts_are_the_source_s(tmp_path: Path) -> None:
    source = tensorflow_like()
    written = write(source, tmp_path / "net.onnx")
    assert written.files == (tmp_path / "net.onnx",)
    assert 0 <= written.difference < 1e-5
    model = onnx.load(tmp_path / "net.onnx")
    held = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
    for name, value in source.values.items():
        np.testing.assert_array_equal(held[name], value)
    assert [one.name for one in model.graph.input] == ["x:0"]
    assert [one.name for one in model.graph.output] == ["logits:0"]
    sizes = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in sizes] == ["batch", 6, 5, 3]
    assert not any(one.metadata_props for one in model.graph.node)  # they would hold paths of this machine


def test_every_tensor_is_there_under_its_name(tmp_path: Path) -> None:
    source = tensorflow_like()
    write(source, tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    wanted = ["conv/Conv2D:0", "conv/BiasAdd:0", "conv/Relu:0", "conv/read:0", "flat/Reshape:0", "drop/cond:0"]
    for name in wanted:
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    onnx.save(model, tmp_path / "more.onnx")
    x = np.random.default_rng(0).normal(size=(7, 6, 5, 3)).astype(np.float32)
    found = session(tmp_path / "more.onnx").run([*wanted, "logits:0"], {"x:0": x})
    for one, other in zip(found, source.run(x, [*wanted, "logits:0"]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def at_once() -> GraphNetwork:
    """Operations whose numbers (axes, sizes, paddings) stand in tensors, or that pad by the picture's size."""
    around = constant("around", ((0, 0), (1, 2), (0, 1), (0, 0)))
    places = (constant("axis", -1), constant("places", (1, 2)), constant("order", (0, 3, 1, 2)))
    given = [
        node("same", "conv2d", "x:0", "w:0", **SIDE),
        node("pool", "max_pool", "x:0", ksize=(1, 3, 3, 1), **SIDE),
        node("average", "avg_pool", "x:0", ksize=(1, 3, 3, 1), **SIDE),
        node("pad", "pad", "x:0", "around"),
        node("mirror", "mirror_pad", "x:0", "around", mode="REFLECT"),
        node("lrn", "lrn", "x:0", depth_radius=2),
        node("resized", "resize_bilinear", "x:0", "size", align_corners=True),
        node("blocks", "space_to_batch_nd", "x:0", "block", "none"),
        node("mean", "mean", "x:0", "places", keep_dims=False),
        node("part", "item", "parts", 1),
        node("joined", "concat_v2", "x:0", "x:0", "axis"),
        node("turned", "transpose", "x:0", "order"),
        node("filled", "add", "x:0", "zeros"),
        node("itself", "identity", "x:0"),
        constant("constant", (1.0, 2.0), "float32"),
    ]
    first = [parameter("w"), around, *places, constant("size", (5, 9)), constant("block", (2, 2)),
             constant("none", ((0, 0), (0, 1))), constant("channel", 3), constant("half", 0.5, "float32"),
             node("parts", "split", "channel", "x:0", num_split=3), node("shape", "shape", "x:0"),
             node("zeros", "fill", "shape", "half")]  # fmt: skip
    made = network(*first, *given, shape=(None, 8, 5, 3))
    return GraphNetwork(replace(made.graph, outputs=tuple(one.name for one in given)), made.values, format="test")


CASES = {
    "operations": (at_once(), (5, 8, 5, 3)),
    "a batch that the graph fixes": (
        network(constant("s", (4, 72)), node("y", "reshape", "x:0", "s"), shape=(2, 8, 6, 3)),
        (2, 8, 6, 3),
    ),
    "pictures of any size": (
        network(
            parameter("w"),
            node("y", "conv2d", "x:0", "w:0", strides=(1, 1, 1, 1), padding="VALID"),
            shape=(None, None, None, 3),
        ),
        (5, 11, 13, 3),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_onnxruntime_computes_the_same(name: str, tmp_path: Path) -> None:
    """`write` itself compares at two batch sizes; here is a third."""
    source, shape = CASES[name]
    assert write(source, tmp_path / "net.onnx").difference < 1e-5
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = session(tmp_path / "net.onnx").run(list(source.outputs), {"x:0": x})
    for one, other in zip(found, source.run(x, list(source.outputs)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


CAFFE = net(
    layer("Convolution", "data", "conv", convolution_param="num_output: 6 kernel_size: 3 group: 3 pad: 1"),
    layer("BatchNorm", "conv", "conv", "bn"),
    layer("Scale", "conv", "conv", "scale", scale_param="bias_term: true"),
    layer("PReLU", "conv", "conv", "prelu"),
    layer("Pooling", "conv", "pool", pooling_param="kernel_size: 3 stride: 2"),
    layer("LRN", "pool", "lrn", lrn_param="local_size: 3"),
    layer("Dropout", "lrn", "lrn", "drop"),
    layer("Flatten", "lrn", "flat"),
    layer("InnerProduct", "flat", "ip", inner_product_param="num_output: 4"),
    layer("Softmax", "ip", "prob"),
    shape=(2, 3, 9, 8),
)


def test_a_caffe_network(tmp_path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        source = regraft.open(caffe_files(tmp_path, "net", CAFFE))
    assert regraft.export(source, tmp_path / "net.onnx").difference < 1e-5
    graph = onnx.load(tmp_path / "net.onnx").graph
    assert set(source.parameters) <= {one.name for one in graph.initializer}
    assert {"conv@conv", "conv@bn", "conv@scale", "conv", "pool"} <= {name for n in graph.node for name in n.output}


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    choice = [node(f"pick{k}", "select", "truth", "x:0", "y:0") for k in range(2)]
    source = network(
        node("y:0", "relu", "x:0"),
        constant("first", (0,)),
        node("value", "gather", "x:0", "first"),
        constant("zero", 0.0, "float32"),
        node("truths", "greater", "value", "zero"),
        constant("none", (), "int32"),
        node("truth", "reshape", "truths", "none"),
        *choice,
        node("sum", "add", "pick0", "pick1"),
        shape=(None,),
    )
    with pytest.raises(UnsupportedOp) as caught:
        write(source, tmp_path / "net.onnx")
    assert str(caught.value) == (
        "the network cannot be written: torch.export does not take it\n"
        "  where: test network\n"
        "  got: select (2): pick0, pick1\n"
        "  to do: write what lies below (--at TENSOR, or net.towards(TENSOR)), or keep the network as a regraft model"
    )
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_what_was_there(small_disk: Path) -> None:
    (small_disk / "net.onnx").write_bytes(b"older")
    large = tensorflow_like()
    values = {**large.values, "dense": np.ones((36, 9000), np.float32)}
    with pytest.raises(OutOfSpace):
        write(GraphNetwork(large.graph, values, format="test"), small_disk / "net.onnx")
    assert [(path.name, path.read_bytes()) for path in small_disk.iterdir()] == [("net.onnx", b"older")]


def test_a_missing_package_is_named() -> None:
    script = (
        "import sys; sys.modules['onnxscript'] = None\n"
        "from pathlib import Path\n"
        "from regraft.formats.onnx.export import write\n"
        "try: write(None, Path('x.onnx'))\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == (
        "onnxscript is not installed, which writing ONNX needs\n  to do: pip install 'regraft[onnx]'\n"
    ), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "models/mobilenet_v1_imagenet_tf1/retrained_graph.pb",
        "models/squeezenet_v1_imagenet_caffe/SqueezeNet_v1.0.caffemodel",
        "models/mtcnn_six_formats/caffe/det1.caffemodel",
        "models/mtcnn_six_formats/caffe/det2.caffemodel",
        "models/mtcnn_tf1/PNet_landmark/PNet-18.meta",
        "models/mtcnn_tf1/RNet_landmark/RNet-14.meta",
    ],
)
def test_real_networks(path: str, shared: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        source = regraft.open(shared / path)
    assert regraft.export(source, tmp_path / "net.onnx").difference < 1e-5
    graph = onnx.load(tmp_path / "net.onnx").graph
    assert [one.name for one in graph.output] == list(source.outputs)
    needed = {name for name in source.parameters if name in {one.name for one in graph.initializer}}
    assert len(needed) > 10
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


INPUT = "range=0..255,channels=bgr,mean=104,117,123"


@pytest.mark.slow
@pytest.mark.parametrize("freeze", [None, r"conv1/|fire[2-8]/"])
def test_a_trained_network_predicts_the_same(freeze: str | None, shared: Path, tmp_path: Path) -> None:
    few = tmp_path / "flowers"
    for folder in sorted(path for path in (shared / "data/flowers5").iterdir() if path.is_dir()):
        (few / folder.name).mkdir(parents=True)
        for photo in sorted(folder.iterdir())[:5]:
            (few / folder.name / photo.name).symlink_to(photo)
    with warnings.catch_warnings(action="ignore"):
        source = regraft.open(shared / "models/squeezenet_v1_imagenet_caffe/SqueezeNet_v1.0.caffemodel")
    plan = regraft.Plan() if freeze is None else regraft.Plan(freeze=freeze)
    regraft.fit(source, few, plan=plan, settings={"epochs": 2, "device": "cpu"}, out=tmp_path / "run", input=INPUT)
    assert regraft.export(tmp_path / "run", tmp_path / "flowers.onnx").difference < 1e-5
    expected = regraft.predict(tmp_path / "run", few, device="cpu").probability
    (spec,) = regraft.open(tmp_path / "run").inputs.values()
    examples = open_unlabelled([few])
    x = prepare(examples, range(len(examples)), spec)
    (logits,) = session(tmp_path / "flowers.onnx").run(None, {spec.name: x})
    powers = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(powers / powers.sum(1, keepdims=True), expected, atol=1e-5)
    assert len(expected) == 25


NONSENSE = (
    "{", "3", '{"x:0": 3}', '{"x:0": {}}', "[" * 99999,
    '{"x:0": {"channels": null, "resize": "tf1", "range": [0, NaN], "mean": [], "std": [], "crop": 1}}',
    '{"x:0": {"channels": null, "resize": "tf1", "range": [0, 1], "mean": [], "std": [0], "crop": 1}}',
    '{"x:0": {"channels": "cmyk", "resize": "tf1", "range": [0, 1], "mean": [], "std": [], "crop": 1}}',
)  # fmt: skip


def test_how_pictures_are_fed_is_noted_in_the_file(tmp_path: Path) -> None:
    made, file = tensorflow_like(), tmp_path / "model.onnx"
    said = replace(
        made.graph.inputs[0], layout="NHWC", channels="bgr", range=(0.0, 255.0), mean=(104.0, 117.0, 123.0), crop=0.875,
        resize="bicubic", origin="user",
    )  # fmt: skip
    regraft.export(made.with_input(said), file)
    assert regraft.open(file).graph.inputs == (replace(said, origin="file"),)
    model = onnx.load(file)
    for note in NONSENSE:
        model.metadata_props[0].value = note
        onnx.save(model, file)
        with pytest.raises(UnreadableFile, match="the file's note of how pictures are fed is damaged"):
            regraft.open(file)


def test_what_is_trained_is_noted_in_the_file(tmp_path: Path) -> None:
    made, file = tensorflow_like(), tmp_path / "model.onnx"
    regraft.export(made, file)
    model = onnx.load(file)
    (note,) = (entry for entry in model.metadata_props if entry.key == "regraft.trained")
    assert sorted(json.loads(note.value)) == ["b", "dense", "w"]
    note.value = '["w", "unknown"]'
    onnx.save(model, file)
    assert {p.name for p in regraft.open(file).parameters.values() if p.trainable} == {"w"}
    for nonsense in ("{", "3", '{"w": 1}', "[1]", "[" * 99999):
        note.value = nonsense
        onnx.save(model, file)
        with pytest.raises(UnreadableFile, match="the file's note of what is trained is damaged"):
            regraft.open(file)
