"""Trains one small net with each of TensorFlow 1's optimizers and writes down every weight and slot.

Run by the oracle's Python: oracle_optimizers.py OUT.npz
"""

import sys
from itertools import pairwise

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
v1.disable_eager_execution()

BATCH, ROWS, WIDTHS = 5, 20, (4, 6, 3)

OPTIMIZERS = {
    "sgd": lambda: v1.train.GradientDescentOptimizer(0.1),
    "momentum": lambda: v1.train.MomentumOptimizer(0.05, 0.9),
    "nesterov": lambda: v1.train.MomentumOptimizer(0.05, 0.9, use_nesterov=True),
    "adam": lambda: v1.train.AdamOptimizer(0.01),
    "adam_epsilon": lambda: v1.train.AdamOptimizer(0.01, beta1=0.8, beta2=0.99, epsilon=0.1),
    "rmsprop": lambda: v1.train.RMSPropOptimizer(0.01),
    "rmsprop_centered": lambda: v1.train.RMSPropOptimizer(0.01, decay=0.8, momentum=0.5, epsilon=1e-3, centered=True),
    "adagrad": lambda: v1.train.AdagradOptimizer(0.1),
}
CLIPS = {"": None, "/value": "value", "/norm": "norm"}


def build(dtype, optimizer, clip):
    random = np.random.RandomState(0)
    x = v1.placeholder(dtype, (None, WIDTHS[0]), "x")
    y = v1.placeholder(tf.int64, (None,), "y")
    top, weights = x, []
    for index, (fan_in, fan_out) in enumerate(pairwise(WIDTHS)):
        kernel = v1.Variable(random.randn(fan_in, fan_out).astype(dtype), name=f"k{index}")
        bias = v1.Variable(np.zeros(fan_out, dtype), name=f"b{index}")
        weights += [kernel, bias]
        top = tf.matmul(tf.tanh(top) if index else top, kernel) + bias
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=top))
    pairs = optimizer.compute_gradients(loss, weights)
    if clip == "value":
        pairs = [(tf.clip_by_value(g, -0.02, 0.02), v) for g, v in pairs]
    if clip == "norm":
        clipped, _ = tf.clip_by_global_norm([g for g, _ in pairs], 0.05)
        pairs = list(zip(clipped, weights, strict=True))
    counter = v1.train.get_or_create_global_step()
    step = optimizer.apply_gradients(pairs, global_step=counter)
    with tf.control_dependencies([step]):
        ema = tf.train.ExponentialMovingAverage(0.95, counter)
        followed = ema.apply(weights)
    return x, y, weights, followed, [ema.average(w) for w in weights]


def main(out):
    found = {}
    random = np.random.RandomState(1)
    data = random.randn(ROWS, WIDTHS[0]), random.randint(0, WIDTHS[-1], ROWS)
    found["x"], found["y"] = data
    for dtype, marks in (("float64", (1, 50, 100)), ("float32", (1, 10))):
        for name, make in OPTIMIZERS.items():
            for suffix, clip in CLIPS.items():
                v1.reset_default_graph()
                optimizer = make()
                x, y, weights, step, shadows = build(dtype, optimizer, clip)
                with v1.Session() as session:
                    session.run(v1.global_variables_initializer())
                    keep(found, f"{dtype}/{name}{suffix}/0", session, optimizer, weights, shadows)
                    for number in range(marks[-1]):
                        rows = np.arange(number * BATCH, (number + 1) * BATCH) % ROWS
                        session.run(step, {x: data[0][rows].astype(dtype), y: data[1][rows]})
                        if number + 1 in marks:
                            keep(found, f"{dtype}/{name}{suffix}/{number + 1}", session, optimizer, weights, shadows)
    np.savez(out, **found)


def keep(found, key, session, optimizer, weights, shadows):
    for weight, shadow in zip(weights, shadows, strict=True):
        name = weight.op.name
        found[f"{key}/weight/{name}"] = session.run(weight)
        found[f"{key}/shadow/{name}"] = session.run(shadow)
        for slot in optimizer.get_slot_names():
            found[f"{key}/slot/{name}/{slot}"] = session.run(optimizer.get_slot(weight, slot))
    if isinstance(optimizer, v1.train.AdamOptimizer):
        first, second = optimizer._get_beta_accumulators()
        found[f"{key}/power/beta1_power"], found[f"{key}/power/beta2_power"] = session.run([first, second])


main(sys.argv[1])
