"""A TensorFlow training with moving averages that leaves checkpoints, and TensorFlow's own evaluator of each.

Run by the oracle's Python: watch_oracle.py DATA.npz FOLDER
Prints {step: [accuracy, accuracy with the averages]}.
"""

import json
import sys
import time

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
v1.disable_eager_execution()

LOOKS, EVERY, PAUSE, KEPT = 9, 7, 0.7, 5


def network(x, training):
    top = v1.layers.conv2d(v1.reshape(x, (-1, 6, 6, 1)), 5, 3, padding="same", name="conv", use_bias=False)
    top = tf.nn.relu(v1.layers.batch_normalization(top, training=training, momentum=0.8, name="norm"))
    return v1.layers.dense(v1.layers.flatten(top), 4, name="logits")


def train(data, folder):
    """Yields the checkpoints."""
    x = v1.placeholder(tf.float32, (None, 36), "x")
    y = v1.placeholder(tf.int64, (None,), "y")
    training = v1.placeholder(tf.bool, (), "training")
    loss = v1.losses.sparse_softmax_cross_entropy(y, network(x, training))
    counter = v1.train.get_or_create_global_step()
    with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
        step = v1.train.AdamOptimizer(0.02).minimize(loss, global_step=counter)
    with tf.control_dependencies([step]):
        step = v1.train.ExponentialMovingAverage(0.9, counter).apply(v1.trainable_variables())
    saver = v1.train.Saver(max_to_keep=KEPT)
    random = np.random.RandomState(0)
    with v1.Session() as session:
        v1.set_random_seed(0)
        session.run(v1.global_variables_initializer())
        for _ in range(LOOKS):
            for _ in range(EVERY):
                rows = random.randint(0, len(data["x"]), 16)
                session.run(step, {x: data["x"][rows], y: data["y"][rows], training: True})
            yield saver.save(session, f"{folder}/model.ckpt", global_step=counter)
            time.sleep(PAUSE)


class Evaluator:
    """In a graph and a session of its own, as the separate program has them."""

    def __init__(self, data, averaged):
        self.session = v1.Session(graph=tf.Graph())
        with self.session.graph.as_default():
            logits = network(tf.constant(data["x"]), False)
            hits = tf.nn.in_top_k(predictions=logits, targets=data["y"], k=1)
            self.accuracy = tf.reduce_mean(tf.cast(hits, tf.float64))
            average = v1.train.ExponentialMovingAverage(0.9)
            self.saver = v1.train.Saver(average.variables_to_restore() if averaged else None)

    def judge(self, checkpoint):
        self.saver.restore(self.session, checkpoint)
        return float(self.session.run(self.accuracy))


def main():
    data = np.load(sys.argv[1])
    evaluators = [Evaluator(data, averaged) for averaged in (False, True)]
    found = {}
    for checkpoint in train(data, sys.argv[2]):
        found[checkpoint.rsplit("-", 1)[1]] = [evaluator.judge(checkpoint) for evaluator in evaluators]
    print(json.dumps(found))


main()
