"""Recurrent nets as tf.nn.dynamic_rnn writes them, and loops written by hand."""

from importlib import import_module

import numpy as np
import tensorflow as tf
from graph_storing import RANDOM, case, freeze, initialise, loss_of, store, store_gradients

v1 = tf.compat.v1
cells = v1.nn.rnn_cell
LENGTHS = np.array([7, 3, 1, 5])


def tokens():
    """A placeholder for words, some, and how many each text has."""
    x = v1.placeholder(tf.int32, [None, 7], "words")
    fed = RANDOM.integers(1, 20, (4, 7)) * (np.arange(7) < LENGTHS[:, None])
    return x, fed, tf.reduce_sum(tf.sign(x), 1, name="lengths")


def learned(folder, session, feeds, logits):
    """A loss and its training, the model's files, and all that is compared."""
    y = v1.placeholder(tf.int64, [None], "y")
    loss = loss_of(logits, y)
    v1.train.AdamOptimizer(0.01).minimize(loss)
    initialise(session)
    feeds = {**feeds, y: RANDOM.integers(0, 3, 4)}
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    store(folder, session, feeds, [loss])
    freeze(session, [logits], folder / "frozen.pb")
    store_gradients(folder, session, feeds, loss)


@case()
def recurrent_lengths(folder, session):
    """Words of texts of many lengths, an LSTM with dropout, its last state."""
    x, fed, lengths = tokens()
    keep = v1.placeholder_with_default(1.0, (), "keep")
    words = tf.nn.embedding_lookup(v1.get_variable("table", [20, 5]), x)
    cell = cells.DropoutWrapper(cells.BasicLSTMCell(6), output_keep_prob=keep)
    outputs, state = v1.nn.dynamic_rnn(cell, words, sequence_length=lengths, dtype=tf.float32)
    mean = tf.reduce_mean(outputs, 1, name="mean")
    learned(folder, session, {x: fed}, v1.layers.dense(tf.concat([mean, state.h], 1), 3, name="logits"))


@case(resource=True)
def recurrent_both_ways(folder, session):
    """The words forwards and backwards, by different cells; the lengths are fed."""
    x, fed, _ = tokens()
    lengths = v1.placeholder(tf.int32, [None], "given")
    words = tf.nn.embedding_lookup(v1.get_variable("table", [20, 5]), x)
    forwards, backwards = cells.GRUCell(4), cells.LSTMCell(6, use_peepholes=True, num_proj=3)
    outputs, _ = v1.nn.bidirectional_dynamic_rnn(forwards, backwards, words, sequence_length=lengths, dtype=tf.float32)
    best = tf.reduce_max(tf.concat(outputs, 2), 1, name="best")
    learned(folder, session, {x: fed, lengths: LENGTHS}, v1.layers.dense(best, 3, name="logits"))


@case()
def recurrent_time_major(folder, session):
    """Two cells, one on the other, steps first; from a state of its own."""
    x = v1.placeholder(tf.float32, [None, None, 5], "x")
    cell = cells.MultiRNNCell([cells.LSTMCell(6), cells.GRUCell(4)])
    start = cell.zero_state(tf.shape(x)[1], tf.float32)
    outputs, _ = v1.nn.dynamic_rnn(cell, x, initial_state=start, time_major=True)
    learned(folder, session, {x: RANDOM.normal(size=(9, 4, 5))}, v1.layers.dense(outputs[-1], 3, name="logits"))


@case()
def loop_in_loop(folder, session):
    """Loops by hand: one in another, with a conditional in it, and one that fills an array that grows."""
    x = v1.placeholder(tf.float32, [None, 6], "x")
    w = v1.get_variable("w", [6, 6])

    def inner(k, h):
        h = tf.cond(k > 0, lambda: tf.tanh(tf.matmul(h, w)), lambda: h + 1.0)
        return k + 1, h

    def outer(i, h, seen):
        _, h = v1.while_loop(lambda k, _: k < i, inner, [0, h], name="inner")
        return i + 1, h, seen.write(i, h)

    rows = tf.TensorArray(tf.float32, size=0, dynamic_size=True, element_shape=[None, 6])
    _, h, rows = v1.while_loop(lambda i, *_: i < 4, outer, [0, x, rows], name="outer")
    out = tf.add(tf.reduce_sum(rows.stack(), 0, name="sum"), h, name="out")
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    store(folder, session, {x: RANDOM.normal(size=(5, 6))}, [out])


@case(resource=True, control_flow_v2=True)
def recurrent_functions(folder, session):
    """As newer graphs have it: a loop that calls functions, and lists."""
    recurrent_lengths(folder, session)


@case(resource=True, control_flow_v2=True)
def loop_in_loop_functions(folder, session):
    """The same by hand."""
    loop_in_loop(folder, session)


@case(resource=True, control_flow_v2=True)
def recurrent_keras(folder, session):
    """The layers of Keras in a graph, with a mask."""
    layers = import_module("tf_keras").layers  # which takes its time, and is for this case alone
    x, fed, _ = tokens()
    words = layers.Embedding(20, 5, mask_zero=True, name="table")(x)
    words = layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="both")(words)
    learned(folder, session, {x: fed}, layers.Dense(3, name="logits")(layers.GRU(6, name="last")(words)))
