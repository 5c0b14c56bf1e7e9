"""Text networks as TensorFlow 1, Keras 2 and Keras 3 write them, their vocabularies, and what they say of texts.

Arguments: a folder to write to, a JSON file of texts.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tf_keras

OUT, TEXTS = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
said: dict[str, np.ndarray] = {}


def of_keras2() -> None:
    """Words by Tokenizer and pad_sequences, an LSTM."""
    words = tf_keras.preprocessing.text.Tokenizer(num_words=20, oov_token="<OOV>")
    words.fit_on_texts(TEXTS[::2])
    (OUT / "tokenizer.json").write_text(words.to_json())
    (OUT / "word_index.json").write_text(json.dumps(words.word_index))
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            layers.Embedding(20, 12, input_length=9, name="words"),
            layers.LSTM(10, return_sequences=True, name="first"),
            layers.Bidirectional(layers.LSTM(6), name="second"),
            layers.Dense(2, activation="softmax", name="mood"),
        ]
    )
    model.save(OUT / "sentiment.h5")
    tokens = tf_keras.preprocessing.sequence.pad_sequences(words.texts_to_sequences(TEXTS), maxlen=9)
    inner = tf_keras.Model(model.inputs, [model.get_layer(name).output for name in ("first", "second", "mood")])
    for name, value in zip(("first", "second", "mood"), inner.predict(tokens, verbose=0), strict=True):
        said[f"keras2/{name}"] = value
    said["keras2/tokens"] = tokens


def of_keras3() -> None:
    """Words by TextVectorization, masks, a GRU; with the layer in the model, and without."""
    layers = keras.layers
    vectorize = layers.TextVectorization(max_tokens=80, output_sequence_length=8, name="vectorize")
    vectorize.adapt(TEXTS)
    (OUT / "vocabulary.txt").write_text("\n".join(vectorize.get_vocabulary()), encoding="utf-8")
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    value = layers.Embedding(80, 12, mask_zero=True, name="words")(tokens)
    value = layers.GRU(7, name="memory")(value)
    model = keras.Model(tokens, layers.Dense(3, name="kind")(value))
    model.save(OUT / "kinds.keras")
    said["keras3/tokens"] = np.array(vectorize(TEXTS))
    memory = keras.Model(model.inputs, model.get_layer("memory").output)
    said["keras3/memory"] = memory.predict(said["keras3/tokens"], verbose=0)
    texts = keras.Input((1,), dtype="string", name="texts")
    whole = keras.Model(texts, model(vectorize(texts)))
    whole.save(OUT / "whole.keras")
    said["keras3/whole"] = np.array(whole(tf.constant(TEXTS)[:, None]))
    letters = layers.TextVectorization(
        standardize="lower", split="character", output_sequence_length=20, name="letters"
    )
    letters.adapt(TEXTS)
    line = keras.Sequential([keras.Input((1,), dtype="string"), letters, layers.Embedding(90, 4), layers.Flatten()])
    line.save(OUT / "letters.keras")
    said["keras3/letters"] = np.array(line(tf.constant(TEXTS)[:, None]))


def of_tf1() -> None:
    """Characters, an LSTM unrolled, as of 2016."""
    v1 = tf.compat.v1
    letters = sorted({letter for text in TEXTS for letter in text.lower()})
    numbers = {"<pad>": 0, "<unk>": 1} | {letter: k + 2 for k, letter in enumerate(letters)}
    (OUT / "letters.json").write_text(json.dumps(numbers))
    with tf.Graph().as_default():
        v1.set_random_seed(0)
        tokens = v1.placeholder(tf.int32, [None, 24], name="letters")
        table = v1.get_variable("embedding", [len(numbers), 6])
        steps = tf.unstack(tf.nn.embedding_lookup(table, tokens), axis=1)
        cell = v1.nn.rnn_cell.BasicLSTMCell(11)
        _, state = v1.nn.static_rnn(cell, steps, dtype=tf.float32)
        memory = tf.identity(state.h, name="memory")
        weights = v1.get_variable("kernel", [11, 2])
        tf.matmul(memory, weights, name="logits")
        fed = np.zeros((len(TEXTS), 24), np.int32)
        for row, text in zip(fed, TEXTS, strict=True):
            own = [numbers.get(letter, 1) for letter in text.lower()][:24]
            row[: len(own)] = own
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            said["tf1/memory"], said["tf1/tokens"] = session.run(memory, {tokens: fed}), fed
            v1.train.Saver().save(session, str(OUT / "letters.ckpt"))


def of_dynamic_rnn() -> None:
    """Words by a list, a loop over them both ways, as many as there are."""
    v1 = tf.compat.v1
    words = sorted({word for text in TEXTS for word in text.split() if word.isalpha() and word.islower()})
    (OUT / "words.txt").write_text("\n".join(words), encoding="utf-8")
    numbers = {word: k for k, word in enumerate(words, start=1)}
    with tf.Graph().as_default():
        v1.disable_control_flow_v2()
        v1.set_random_seed(0)
        tokens = v1.placeholder(tf.int32, [None, 8], name="words")
        lengths = tf.reduce_sum(tf.sign(tokens), 1)
        vectors = tf.nn.embedding_lookup(v1.get_variable("embedding", [len(words) + 1, 6]), tokens)
        cells = v1.nn.rnn_cell.BasicLSTMCell(7), v1.nn.rnn_cell.GRUCell(5)
        _, (forwards, backwards) = v1.nn.bidirectional_dynamic_rnn(
            *cells, vectors, sequence_length=lengths, dtype=tf.float32
        )
        memory = tf.concat([forwards.h, backwards], 1, name="memory")
        tf.matmul(memory, v1.get_variable("kernel", [12, 2]), name="logits")
        fed = np.zeros((len(TEXTS), 8), np.int32)
        for row, text in zip(fed, TEXTS, strict=True):
            own = [numbers[word] for word in re.split(r"[ \t]+", text) if word in numbers][:8]
            row[: len(own)] = own
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            said["loop/memory"], said["loop/tokens"] = session.run(memory, {tokens: fed}), fed
            v1.train.Saver().save(session, str(OUT / "words.ckpt"))


of_keras2()
of_keras3()
of_tf1()
of_dynamic_rnn()
np.savez(OUT / "said.npz", **said)
