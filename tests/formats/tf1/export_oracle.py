"""Runs under TensorFlow: makes checkpoints for regraft to open, and opens those that regraft wrote.

python export_oracle.py make FOLDER
python export_oracle.py check FOLDER

`check` opens the checkpoint in every subfolder of FOLDER that has a file inputs.npz, and leaves there results.npz.
The inputs are a value for each placeholder, by tensor name, and names: "tensors" to compute in evaluation, "drawn" in
training, and "training", the switches that are on in the step that trains.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

FOLDER = Path(sys.argv[2])
RATE = 0.05


def main():
    tf.disable_eager_execution()
    tf.disable_control_flow_v2()
    if sys.argv[1] == "make":
        make("dense", dense, resources=False)
        make("conv", conv, resources=False)
        make("conv_resources", conv, resources=True)
        return
    for inputs in sorted(FOLDER.glob("*/inputs.npz")):
        with tf.Graph().as_default(), tf.Session() as session:
            np.savez(inputs.parent / "results.npz", **results(session, inputs.parent, dict(np.load(inputs))))


# --- sources --------------------------------------------------------------------------------------------------


def make(name, build, *, resources):
    """A folder with a checkpoint, its graph, the same frozen, and what the network computes."""
    folder = FOLDER / name
    folder.mkdir(parents=True)
    tf.enable_resource_variables() if resources else tf.disable_resource_variables()
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.set_random_seed(1)
        x, switches, logits = build()
        labels = tf.placeholder(tf.int64, [None], name="y")
        with tf.name_scope("loss"):
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
        with tf.control_dependencies(tf.get_collection("update_ops")):
            step = tf.train.MomentumOptimizer(RATE, 0.9).minimize(loss, global_step=tf.train.create_global_step())
        session.run(tf.global_variables_initializer())
        random = np.random.default_rng(4)
        pictures = random.normal(size=[60, *x.shape.as_list()[1:]]).astype("float32")
        for _ in range(3):
            session.run(step, {x: pictures, labels: np.arange(60) % 3, **switches})
        tf.train.Saver().save(session, str(folder / "model.ckpt"), global_step=3)
        np.savez(folder / "source.npz", x=pictures, logits=session.run(logits, {x: pictures}))
        frozen = tf.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), [logits.op.name])
        (folder / "frozen.pb").write_bytes(frozen.SerializeToString())


def dense():
    x = top = tf.placeholder(tf.float32, [None, 6], name="X")
    keep = tf.placeholder_with_default(1.0, [], name="keep_prob")
    with tf.name_scope("dnn"):
        for scope, width in (("hidden1", 8), ("hidden2", 7), ("hidden3", 5)):
            top = tf.nn.relu(affine(top, scope, width), name=f"{scope}/Relu")
            tf.add_to_collection("activations", top)
        top = tf.nn.dropout(top, keep_prob=keep, name="dropout")
        return x, {keep: 0.5}, tf.identity(affine(top, "outputs", 3), name="logits")


def affine(x, scope, width):
    with tf.variable_scope(scope):
        kernel = tf.get_variable("kernel", [x.shape[-1], width])
        bias = tf.get_variable("bias", [width])
    return tf.nn.bias_add(tf.matmul(x, kernel, name=f"{scope}/MatMul"), bias, name=f"{scope}/BiasAdd")


def conv():
    x = top = tf.placeholder(tf.float32, [None, 9, 8, 3], name="image")
    training = tf.placeholder_with_default(False, [], name="is_training")
    for scope, filters, stride in (("conv1", 6, 2), ("conv2", 5, 1)):
        top = tf.layers.conv2d(top, filters, 3, strides=stride, padding="same", use_bias=False, name=scope)
        top = tf.layers.batch_normalization(top, training=training, name=f"{scope}_bn")
        top = tf.nn.relu(top, name=f"{scope}_relu")
    left, right = tf.split(top, [2, 3], axis=3, name="parts")
    top = tf.concat([right, tf.nn.max_pool(left, 2, 1, "SAME", name="pool")], axis=3, name="joined")
    return x, {training: True}, tf.layers.dense(tf.layers.flatten(top), 3, name="logits")


# --- checks -----------------------------------------------------------------------------------------------------


def results(session, folder, inputs):
    """What TensorFlow makes of an exported network: {what: array}."""
    prefix = tf.train.latest_checkpoint(str(folder))
    stored = tf.train.load_checkpoint(prefix)
    saver = tf.train.import_meta_graph(f"{prefix}.meta")
    found = {f"stored/{name}": stored.get_tensor(name) for name in stored.get_variable_to_shape_map()}
    saver.restore(session, prefix)
    training, wanted, drawn = ([str(name) for name in inputs.pop(key)] for key in ("training", "tensors", "drawn"))
    switched = inputs | dict.fromkeys(training, True)
    found |= {f"tensor/{name}": value for name, value in zip(wanted, session.run(wanted, inputs), strict=True)}
    found |= {f"drawn/{name}": value for name, value in zip(drawn, session.run(drawn, switched), strict=True)}
    found["prefix"] = prefix
    for key in ("trainable_variables", "variables", "regraft_inputs", "regraft_outputs", "activations", "global_step"):
        found[f"collection/{key}"] = [item.name for item in tf.get_collection(key)]
    outputs = tf.get_collection("regraft_outputs")
    found |= trained(session, switched, outputs)
    tf.train.Saver().save(session, str(folder / "again"), latest_filename="again_state")
    return found


def trained(session, feed, outputs):
    """The variables after a step, written as the author of a TensorFlow 1 program would go on; the loss before it."""
    loss = tf.add_n([tf.reduce_mean(tf.square(output - 1.0)) for output in outputs])
    with tf.control_dependencies(tf.get_collection("update_ops")):
        step = tf.train.GradientDescentOptimizer(RATE).minimize(loss)
    before, _ = session.run([loss, step], feed)
    return {"loss": before} | {f"trained/{v.op.name}": session.run(v) for v in tf.global_variables()}


if __name__ == "__main__":
    main()
