"""Runs under TensorFlow: writes checkpoints of every kind into a folder, and restores those that regraft wrote there.

python checkpoint_oracle.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import checkpoint_cases as cases
import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

V1 = tf.train.SaverDef.V1
FOLDER = Path(sys.argv[1])


def main():
    tf.disable_v2_behavior()
    if sys.argv[2:] == ["golden"]:
        save_golden()
        return
    plain = cases.numbers() | cases.quantised() | cases.bfloat16() | cases.strings()
    save(2, "types_v2", plain)
    save(1, "types_v1", {name: array for name, array in plain.items() if name.split("/")[0] not in cases.NOT_IN_V1})
    for version in (1, 2):
        save(version, f"many_v{version}", cases.many())
        save(version, f"large_v{version}", cases.large())
        train(f"slots_v{version}/model.ckpt", version, step=18)
        train(f"sharded_v{version}/model.ckpt", version, step=5, sharded=True)
    train("nameless/", 2)
    save_variants()
    save_other_types()
    save_snappy()
    restore("ours/model.ckpt-7", cases.numbers() | cases.strings())
    restore("ours_many/many", cases.many())


def save_golden():
    numbers = {name: array for name, array in cases.numbers().items() if name.endswith("matrix")}
    few = {name: array for name, array in numbers.items() if name.split("/")[0] not in cases.NOT_IN_V1}
    words = {"words": np.array([b"", b"one", b"\0\xff"], object)}
    for version in (1, 2):
        save(version, f"v{version}", few | words)
        train(f"v{version}_sharded/model.ckpt", version, step=5, sharded=True)
    for path in FOLDER.rglob("*.meta"):
        path.unlink()
    save_graphs()
    (FOLDER / "VERSION").write_text(f"tensorflow {tf.__version__}\n")


def save_graphs():
    """A small network as training leaves it (.meta), frozen (.pb), and as a SavedModel."""
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.set_random_seed(3)
        x = tf.placeholder(tf.float32, [None, 6, 6, 1], "x")
        y = tf.placeholder(tf.int64, [None], "y")
        training = tf.placeholder_with_default(False, [], "training")
        hidden = tf.layers.conv2d(x, 2, 3, strides=2, padding="same", name="conv")
        hidden = tf.nn.relu(tf.layers.batch_normalization(hidden, training=training, name="norm"))
        hidden = tf.layers.dense(tf.layers.flatten(hidden), 4, tf.nn.relu, name="hidden")
        hidden = tf.layers.dropout(hidden, 0.5, training=training, name="drop")
        logits = tf.layers.dense(hidden, 3, name="outputs")
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits), name="loss")
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            tf.train.GradientDescentOptimizer(0.1).minimize(loss)
        session.run(tf.global_variables_initializer())
        (FOLDER / "graph").mkdir()
        tf.train.Saver().save(session, str(FOLDER / "graph/model.ckpt"))
        frozen = tf.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["outputs/BiasAdd"])
        (FOLDER / "graph/frozen.pb").write_bytes(frozen.SerializeToString())
        tf.saved_model.simple_save(session, str(FOLDER / "saved"), {"x": x}, {"logits": logits})
    for path, kind in ((FOLDER / "graph/model.ckpt.meta", MetaGraphDef), (FOLDER / "saved/saved_model.pb", SavedModel)):
        message = kind.FromString(path.read_bytes())
        for meta in message.meta_graphs if kind is SavedModel else [message]:
            meta.meta_info_def.ClearField("stripped_op_list")  # long, and the same in all files
        path.write_bytes(message.SerializeToString())


def save(version, name, arrays):
    """Arrays straight through the saving operation, which takes types that variables do not."""
    with tf.Graph().as_default(), tf.Session() as session:
        same = len({(array.dtype, array.shape) for array in arrays.values()}) == 1
        if same:  # thousands of constants would take long
            tensors = tf.unstack(tf.constant(np.stack(list(arrays.values()))))
        else:
            tensors = [constant(name, array) for name, array in arrays.items()]
        if version == 1:
            operation = tf.raw_ops.Save(filename=str(FOLDER / name), tensor_names=list(arrays), data=tensors)
        else:
            slices = [""] * len(arrays)
            operation = tf.raw_ops.SaveV2(
                prefix=str(FOLDER / name), tensor_names=list(arrays), shape_and_slices=slices, tensors=tensors
            )
        session.run(operation)


def constant(name, array):
    dtype = name.split("/")[0]
    if array.dtype == object:
        return tf.constant(array, tf.string, shape=array.shape)
    if dtype in cases.QUANTISED or dtype == "bfloat16":
        return tf.constant(array.astype(tf.as_dtype(dtype).as_numpy_dtype), tf.as_dtype(dtype), shape=array.shape)
    return tf.constant(array)


def train(path, version, step=None, sharded=False):
    """One step of a network on two devices with partitioned variables; its values go to `path`.npz."""
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(device_count={"CPU": 2})) as session:
        tf.set_random_seed(3)
        rows = tf.fixed_size_partitioner(3)
        columns = tf.fixed_size_partitioner(2, axis=1)
        with tf.device("/cpu:0"):
            a = tf.get_variable("rows/w", [10, 4], partitioner=rows)
            b = tf.get_variable("columns/w", [4, 6], partitioner=columns, use_resource=True)
        with tf.device("/cpu:1"):
            c = tf.get_variable("dense/kernel", [6, 3])
            words = tf.get_variable("words", initializer=tf.constant(["a", "", "bc"]), trainable=False)
            global_step = tf.train.get_or_create_global_step()
        loss = tf.reduce_sum(tf.convert_to_tensor(a) @ tf.convert_to_tensor(b) @ c)
        step_up = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss, global_step)
        session.run(tf.global_variables_initializer())
        session.run(step_up)
        (FOLDER / path).parent.mkdir(exist_ok=True)
        (FOLDER / path).mkdir(exist_ok=True) if path.endswith("/") else None
        saver = tf.train.Saver(write_version=version, sharded=sharded)
        saver.save(session, str(FOLDER) + "/" + path, global_step=step)
        wholes = {"rows/w": a, "columns/w": b, "dense/kernel": c, "global_step": global_step, "words": words}
        slots = {v.op.name: v for v in tf.global_variables() if "Momentum" in v.name and "part" not in v.name}
        values = session.run({name: tf.convert_to_tensor(v) for name, v in (wholes | slots).items()})
        values["words"] = values["words"].astype("S")
        np.savez(FOLDER / (path.strip("/").replace("/", "_") + ".npz"), **values)


def save_variants():
    with tf.Graph().as_default(), tf.Session() as session:
        rows = tf.raw_ops.TensorListFromTensor(
            tensor=tf.constant([[1.0, 2.0], [3.0, 4.0]]), element_shape=tf.constant([2])
        )
        both = tf.stack([rows, rows])
        operation = tf.raw_ops.SaveV2(
            prefix=str(FOLDER / "variants"),
            tensor_names=["list", "w"],
            shape_and_slices=["", ""],
            tensors=[both, [1.0]],
        )
        session.run(operation)


def save_other_types():
    with tf.Graph().as_default(), tf.Session() as session:
        eighth = tf.constant([1.0, 2.0], tf.as_dtype("float8_e5m2"))
        operation = tf.raw_ops.SaveV2(
            prefix=str(FOLDER / "float8"),
            tensor_names=["eighth", "w"],
            shape_and_slices=["", ""],
            tensors=[eighth, [1.0]],
        )
        session.run(operation)


def save_snappy():
    """What TensorFlow's snappy makes of `snappy.plain`, behind a length of four bytes."""
    plain = (
        np.random.RandomState(0).bytes(100) + b"abcab" * 5000 + np.arange(50000, dtype="float32").tobytes() + bytes(900)
    )
    with tf.Graph().as_default(), tf.Session() as session:
        records = tf.data.Dataset.from_tensors(tf.constant(plain))
        session.run(
            tf.raw_ops.DatasetToTFRecord(
                input_dataset=records._variant_tensor, filename=str(FOLDER / "snappy"), compression_type="SNAPPY"
            )
        )
        session.run(
            tf.raw_ops.DatasetToTFRecord(
                input_dataset=records._variant_tensor, filename=str(FOLDER / "snappy.plain"), compression_type=""
            )
        )


def restore(name, arrays):
    """Fail unless TensorFlow reads from regraft's checkpoint, and restores into variables, every bit of `arrays`."""
    prefix = str(FOLDER / name)
    assert tf.train.latest_checkpoint(str(FOLDER / name.split("/")[0])) == prefix
    reader = tf.train.load_checkpoint(prefix)
    assert reader.get_variable_to_shape_map() == {key: list(array.shape) for key, array in arrays.items()}
    with tf.Graph().as_default(), tf.Session() as session:
        some = dict(list(arrays.items())[:200])
        variables = {key: variable(key, array) for key, array in some.items()}
        tf.train.Saver(variables).restore(session, prefix)
        restored = session.run(variables)
    for key, array in arrays.items():
        for found in (reader.get_tensor(key), restored.get(key, array)):
            same = np.asarray(found, object) if array.dtype == object else np.asarray(found)
            assert same.shape == array.shape, key
            assert same.dtype == array.dtype, key
            assert same.tolist() == array.tolist() if array.dtype == object else same.tobytes() == array.tobytes(), key


def variable(name, array):
    with tf.device("/cpu:0"):
        return tf.Variable(
            constant(name, np.zeros_like(array) if array.dtype != object else np.full(array.shape, b"", object))
        )


if __name__ == "__main__":
    main()
