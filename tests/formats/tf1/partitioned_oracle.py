"""Runs under TensorFlow: a training program whose variables are partitioned, as its author wrote it.

python partitioned_oracle.py train FOLDER
python partitioned_oracle.py restore FOLDER PREFIX...

`train` leaves model.ckpt. `restore` builds the same program again and restores PREFIX with a Saver of all of it, or of
the layers "deep" where PREFIX has no slots; opens PREFIX.meta as well, and saves that again. What was found is in
PREFIX.npz.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf


def build():
    x = tf.placeholder(tf.float32, [None, 10], "x")
    y = tf.placeholder(tf.int64, [None], "y")
    rows = tf.get_variable("deep/rows", [10, 6], partitioner=tf.fixed_size_partitioner(3))
    columns = tf.get_variable("deep/columns", [6, 4], partitioner=tf.fixed_size_partitioner(2, axis=1))
    hidden = tf.nn.relu(tf.matmul(x, rows), name="hidden")
    top = tf.nn.relu(tf.matmul(hidden, columns), name="top")
    logits = tf.matmul(top, tf.get_variable("last", [4, 3]), name="logits")
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits), name="loss")
    step = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss, tf.train.get_or_create_global_step())
    return {x: np.random.default_rng(0).normal(size=[20, 10]), y: np.arange(20) % 3}, step


def train(folder):
    feeds, step = build()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step, feeds)
        tf.train.Saver().save(session, str(folder / "model.ckpt"))


def restore(folder, prefix):
    feeds, _ = build()
    stored = tf.train.load_checkpoint(prefix).get_variable_to_shape_map()
    variables = None if "last/Momentum" in stored else tf.get_collection("trainable_variables", "deep")
    with tf.Session() as session:
        tf.train.Saver(variables).restore(session, prefix)
        found = session.run({f"own/{v.op.name}": v for v in variables or tf.global_variables()})
    with tf.Graph().as_default(), tf.Session() as session:
        saver = tf.train.import_meta_graph(f"{prefix}.meta")
        saver.restore(session, prefix)
        found |= session.run({f"meta/{v.op.name}": v for v in tf.global_variables()})
        (output,) = tf.get_collection("regraft_outputs")
        found["logits"] = session.run(output, {"x:0": next(iter(feeds.values()))})
        tf.train.Saver().save(session, f"{prefix}-own")  # a Saver the user makes
        saver.save(session, f"{prefix}-again")
    found["stored"] = sorted(stored)
    np.savez(f"{prefix}.npz", **found)


tf.disable_eager_execution()
tf.disable_resource_variables()
for argument in sys.argv[3:] or [None]:
    with tf.Graph().as_default():
        restore(Path(sys.argv[2]), argument) if argument else train(Path(sys.argv[2]))
