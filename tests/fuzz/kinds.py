"""The kinds of files that are fuzzed. A room with a new format adds its kinds to the table."""

from __future__ import annotations

import gzip
import io
import pickle
import random
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import safetensors.numpy
import scipy.io
import torch
from formats.caffe import making
from formats.caffe.fuzzed import CAFFE_TEXTS
from fuzz import keras, onnx, pt2
from fuzz.fuzzing import Kind
from fuzz.messages import damage_message
from fuzz.mutations import mutate
from fuzz.zips import inside_zip
from google.protobuf import text_format

from regraft.formats import arrays, caffe, saved, tf1
from regraft.formats.caffe import protos as caffe_protos
from regraft.formats.tf1 import protos
from regraft.formats.tf1.checkpoint import locate, open_checkpoint
from regraft.formats.tf1.checkpoint.mapped import MappedFile
from regraft.formats.tf1.checkpoint.table import read_table, write_table

GOLDEN = Path(__file__).parents[1] / "formats/tf1/golden"


def copied(source: str, name: str) -> Callable[[Path], Path]:
    """A maker that copies a file or folder of golden/ and gives the file of that name in it."""

    def make(folder: Path) -> Path:
        if (GOLDEN / source).is_dir():
            shutil.copytree(GOLDEN / source, folder, dirs_exist_ok=True)
        else:
            for path in GOLDEN.glob(f"{source}*"):
                if path.is_file():
                    shutil.copy(path, folder)
        return folder / name

    return make


def sealed(table: str) -> Callable[[bytes, random.Random], bytes]:
    """Damage inside a table, all of whose checksums are right again afterwards."""
    items = [(key, bytes(value)) for key, value in read_table(MappedFile(GOLDEN / table))]

    def damage(data: bytes, random: random.Random) -> bytes:
        changed = list(items)
        place = random.randrange(len(changed))
        key, value = changed[place]
        changed[place] = (mutate(key, random), value) if random.random() < 0.1 else (key, mutate(value, random))
        return write_table(sorted(dict(changed).items()))

    return damage


def inside(message: str) -> Callable[[bytes, random.Random], bytes]:
    """Damage to one to three fields of a protocol buffer, which stays one."""

    def damage(data: bytes, random: random.Random) -> bytes:
        parsed = protos.parse(message, data, "")
        for _ in range(random.choice((1, 1, 2, 3))):
            damage_message(parsed, random)
        return parsed.SerializeToString()

    return damage


def read_checkpoint(path: Path) -> None:
    """Every tensor."""
    checkpoint = open_checkpoint(path)
    for name in checkpoint:
        checkpoint[name]


def read_graph(path: Path) -> None:
    """The network, the shape of every tensor and the value of every parameter."""
    network = tf1.read(path)
    list(network.tensors.values())
    for parameter in network.parameters.values():
        parameter.value.sum()


def written_model(name: str) -> Callable[[Path], Path]:
    """A maker that writes a model folder and gives the file of that name in it."""

    def make(folder: Path) -> Path:
        saved.write(tf1.read(GOLDEN / "graph/frozen.pb", to=["outputs/BiasAdd:0"]), folder, {})
        return folder / name

    return make


def read_model(path: Path) -> None:
    """The network in a model folder, and what is said about it."""
    network = saved.read(path.parent)
    list(network.tensors.values())
    saved.about(path.parent)


WEIGHTS = {
    "conv1": {"weights": np.arange(24, dtype="f4").reshape(2, 3, 2, 2), "biases": np.arange(2.0)},
    "turned": np.arange(6).reshape(2, 3).T,
}
STATE = {f"{layer}.{name}": torch.from_numpy(np.arange(6.0)) for layer in "ab" for name in ("weight", "bias")}


def holding(data: Callable[[], bytes]) -> Callable[[Path], Path]:
    """A maker that writes a file of these bytes."""

    def make(folder: Path) -> Path:
        (folder / "weights").write_bytes(data())
        return folder / "weights"

    return make


def caffe_network(name: str, *, lone: bool = False) -> Callable[[Path], Path]:
    """A maker that writes a prototxt and its .caffemodel, or the latter alone; gives the file of that name."""

    def make(folder: Path) -> Path:
        path = making.written(folder, "net", CAFFE_TEXTS[name.partition(".")[0]])
        path = path.rename(path.with_stem(name.partition(".")[0]))
        weights = (folder / "net.caffemodel").rename(path.with_suffix(".caffemodel"))
        if lone:
            path.unlink()
        return weights if name.endswith(".caffemodel") else path

    return make


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    """What is written to a file."""
    out = io.BytesIO()
    write(out)
    return out.getvalue()


def inside_gzip(data: bytes, random: random.Random) -> bytes:
    """Damage to what is packed."""
    return gzip.compress(mutate(gzip.decompress(data), random), 1)


def read_arrays(path: Path) -> None:
    """Every weight, to its last number."""
    with warnings.catch_warnings(action="ignore"):  # what is said of an honest one
        if arrays.opens(path):
            for parameter in arrays.read(path).parameters.values():
                parameter.value.sum()


def _arrays(name: str, data: Callable[[], bytes], damage: Callable[[bytes, random.Random], bytes] = mutate) -> Kind:
    return Kind(name=name, make=holding(data), read=read_arrays, damage=damage)


def _npz() -> bytes:
    return written(lambda out: np.savez(out, a=WEIGHTS["turned"], b=np.array(WEIGHTS, dtype=object)))


def _torch(*, zipped: bool) -> bytes:
    return written(lambda out: torch.save({"state_dict": STATE}, out, _use_new_zipfile_serialization=zipped))


ARRAYS = (
    _arrays("pickle 0", lambda: pickle.dumps(WEIGHTS, 0)),
    _arrays("pickle 2", lambda: pickle.dumps(WEIGHTS, 2)),
    _arrays("pickle 5", lambda: pickle.dumps(WEIGHTS, 5)),
    _arrays("npy of objects", lambda: written(lambda out: np.save(out, np.array(WEIGHTS, dtype=object)))),
    _arrays("npz", _npz),
    _arrays("npz, checksums right", _npz, inside_zip(".npy")),
    _arrays("packed pickle, checksums right", lambda: gzip.compress(pickle.dumps(WEIGHTS, 4)), inside_gzip),
    _arrays("joblib", lambda: written(lambda out: joblib.dump(WEIGHTS, out))),
    _arrays("torch", lambda: _torch(zipped=True)),
    _arrays("torch, checksums right", lambda: _torch(zipped=True), inside_zip("data.pkl")),
    _arrays("old torch", lambda: _torch(zipped=False)),
    _arrays("mat", lambda: written(lambda out: scipy.io.savemat(out, WEIGHTS))),
    _arrays("packed mat", lambda: written(lambda out: scipy.io.savemat(out, WEIGHTS, do_compression=True))),
    _arrays(
        "old mat", lambda: written(lambda out: scipy.io.savemat(out, {"a": np.eye(9), "b": np.eye(2)}, format="4"))
    ),
    _arrays("safetensors", lambda: safetensors.numpy.save({n: v.numpy() for n, v in STATE.items()})),
    _arrays("flax", lambda: (GOLDEN.parents[1] / "arrays/golden/flax.msgpack").read_bytes()),
)


def inside_caffe(data: bytes, random: random.Random) -> bytes:
    """Damage to one to three fields of a NetParameter, which stays one."""
    parsed = caffe_protos.parse("NetParameter", data, "")
    for _ in range(random.choice((1, 1, 2, 3))):
        damage_message(parsed, random)
    return parsed.SerializeToString()


def inside_prototxt(data: bytes, random: random.Random) -> bytes:
    """The same in a network's text."""
    parsed = caffe_protos.parse_text("NetParameter", data.decode(), "")
    for _ in range(random.choice((1, 1, 2, 3))):
        damage_message(parsed, random)
    return text_format.MessageToString(parsed).encode()


def read_place(path: Path) -> None:
    """Where the newest checkpoint is."""
    locate(path.parent)


def read_caffe(path: Path) -> int:
    """The network, the shape of every tensor and the value of every parameter; bytes of those in no file."""
    with warnings.catch_warnings(action="ignore"):  # what is chosen beside a file is said
        network = caffe.read(path)
    list(network.tensors.values())
    for parameter in network.parameters.values():
        parameter.value.sum()
    held = sum(file.stat().st_size for file in path.parent.iterdir())
    return max(0, sum(parameter.value.nbytes for parameter in network.parameters.values()) - held)


KINDS = (
    *ARRAYS,
    *keras.KINDS,
    *onnx.KINDS,
    *pt2.KINDS,
    Kind(name="v2 index", make=copied("v2_sharded", "model.ckpt-5.index"), read=read_checkpoint),
    Kind(
        name="v2 index, checksums right",
        make=copied("v2_sharded", "model.ckpt-5.index"),
        read=read_checkpoint,
        damage=sealed("v2_sharded/model.ckpt-5.index"),
    ),
    Kind(name="v2 data", make=copied("v2", "v2.data-00000-of-00001"), read=read_checkpoint),
    Kind(name="v1", make=copied("v1", "v1"), read=read_checkpoint),
    Kind(name="v1, checksums right", make=copied("v1", "v1"), read=read_checkpoint, damage=sealed("v1")),
    Kind(name="checkpoint text", make=copied("v2_sharded", "checkpoint"), read=read_place),
    Kind(name="meta graph", make=copied("graph", "model.ckpt.meta"), read=read_graph, slow=True),
    Kind(
        name="meta graph, fields changed",
        make=copied("graph", "model.ckpt.meta"),
        read=read_graph,
        damage=inside("MetaGraphDef"),
        slow=True,
    ),
    Kind(
        name="frozen graph, fields changed",
        make=copied("graph", "frozen.pb"),
        read=read_graph,
        damage=inside("GraphDef"),
        slow=True,
    ),
    Kind(name="frozen graph", make=copied("graph", "frozen.pb"), read=read_graph, slow=True),
    Kind(
        name="SavedModel", make=copied("saved", "saved_model.pb"), read=lambda path: read_graph(path.parent), slow=True
    ),
    Kind(name="prototxt", make=caffe_network("new.prototxt"), read=read_caffe, slow=True),
    Kind(
        name="prototxt, fields changed",
        make=caffe_network("new.prototxt"),
        read=read_caffe,
        damage=inside_prototxt,
        slow=True,
    ),
    Kind(name="caffemodel", make=caffe_network("new.caffemodel"), read=read_caffe, slow=True),
    Kind(
        name="caffemodel, fields changed",
        make=caffe_network("new.caffemodel", lone=True),
        read=read_caffe,
        damage=inside_caffe,
        slow=True,
    ),
    Kind(
        name="caffemodel V1, fields changed",
        make=caffe_network("old.caffemodel", lone=True),
        read=read_caffe,
        damage=inside_caffe,
        slow=True,
    ),
    Kind(name="model.json", make=written_model("model.json"), read=read_model, slow=True),
    Kind(name="weights.safetensors", make=written_model("weights.safetensors"), read=read_model, slow=True),
)
