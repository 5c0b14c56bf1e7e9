"""Trains small nets in TensorFlow 1 style, saves them half-way with their meta graph, and trains on.

Run by the oracle's Python: source_oracle.py OUT_FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
v1.disable_eager_execution()

BATCH, ROWS, SEED = 10, 50, 3
BEFORE = 20
STEPS = {"float64": 100, "float32": 10}
OPTIMIZERS = {
    "sgd": lambda lr: v1.train.GradientDescentOptimizer(lr),
    "momentum": lambda lr: v1.train.MomentumOptimizer(lr, 0.9),
    "nesterov": lambda lr: v1.train.MomentumOptimizer(lr, 0.9, use_nesterov=True),
    "adam": lambda lr: v1.train.AdamOptimizer(lr),
    "rmsprop": lambda lr: v1.train.RMSPropOptimizer(lr, momentum=0.5, centered=True),
    "adagrad": lambda lr: v1.train.AdagradOptimizer(lr),
}
CASES = {name: {} for name in OPTIMIZERS} | {
    "clipped": {"optimizer": "sgd", "clip": True},
    "decayed": {"optimizer": "adam", "decay": True},
    "normed": {"optimizer": "momentum", "norm": True},
}


def build(dtype, optimizer, clip=False, decay=False, norm=False):
    random = np.random.RandomState(0)
    x = v1.placeholder(dtype, (None, 4), "x")
    y = v1.placeholder(tf.int64, (None,), "y")
    training = v1.placeholder(tf.bool, (), "training") if norm else None
    top = x
    for index, (fan_in, fan_out) in enumerate([(4, 6), (6, 3)]):
        with v1.variable_scope(f"layer{index}"):
            kernel = v1.get_variable("kernel", initializer=random.randn(fan_in, fan_out).astype(dtype))
            top = tf.matmul(tf.tanh(top) if index else top, kernel)
            if norm and index == 0:
                top = v1.layers.batch_normalization(top, training=training, momentum=0.9)
            else:
                top += v1.get_variable("bias", initializer=np.zeros(fan_out, dtype))
    logits = tf.identity(top, "logits")
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits), name="loss")
    hits = tf.cast(tf.nn.in_top_k(predictions=tf.cast(logits, tf.float32), targets=y, k=1), tf.float32)
    tf.reduce_mean(hits, name="accuracy")
    counter = v1.train.get_or_create_global_step()
    lr = v1.train.exponential_decay(0.05, counter, 7, 0.9) if decay else 0.05
    made = OPTIMIZERS[optimizer](lr)
    pairs = made.compute_gradients(loss)
    if clip:
        pairs = [(tf.clip_by_value(g, -0.03, 0.03), v) for g, v in pairs]
    with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
        step = made.apply_gradients(pairs, global_step=counter)
    return x, y, training, step


def go_on(fed, dtype, steps, folder):
    """Train a little, save, train on; all variables afterwards, by name."""
    x, y, training, step = fed
    saver = v1.train.Saver()
    folder.mkdir(parents=True)
    with v1.Session() as session:

        def go(rows):
            extra = {} if training is None else {training: True}
            session.run(step, {x: DATA[0][rows].astype(dtype), y: DATA[1][rows], **extra})

        session.run(v1.global_variables_initializer())
        for number in range(BEFORE):
            go(np.arange(number * BATCH, (number + 1) * BATCH) % ROWS)
        saver.save(session, str(folder / "model.ckpt"))
        for number in range(steps):
            epoch, at = divmod(number * BATCH, ROWS)
            go(np.random.default_rng([SEED, epoch]).permutation(ROWS)[at : at + BATCH])
        return {variable.op.name: session.run(variable) for variable in v1.global_variables()}


def main(out):
    found = {"x": DATA[0], "y": DATA[1]}
    for dtype, steps in STEPS.items():
        for case, how in CASES.items():
            v1.reset_default_graph()
            fed = build(dtype, **{"optimizer": case, **how})
            after = go_on(fed, dtype, steps, out / dtype / case)
            found |= {f"{dtype}/{case}/{name}": value for name, value in after.items()}
    np.savez(out / "after.npz", **found)


random = np.random.RandomState(1)
DATA = random.randn(ROWS, 4), random.randint(0, 3, ROWS)
main(Path(sys.argv[1]))
