"""Conditionals, loops, and what only training does."""

import numpy as np
import tensorflow as tf
from graph_storing import (
    RANDOM,
    alive,
    below,
    case,
    freeze,
    initialise,
    loss_of,
    normalised_net,
    picture,
    store,
    store_gradients,
)

v1 = tf.compat.v1


def conditional(folder, session, **options):
    """A net with a training switch, trained by momentum."""
    x, pictures = picture()
    y = v1.placeholder(tf.int64, [None], "y")
    training = (
        v1.placeholder_with_default(False, (), "training") if options else v1.placeholder(tf.bool, name="training")
    )
    logits = normalised_net(x, training)
    loss = loss_of(logits, y)
    optimizer = v1.train.MomentumOptimizer(0.1, 0.9)
    step = v1.train.get_or_create_global_step()
    with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
        optimizer.minimize(loss, global_step=step)
    initialise(session)
    feeds = {x: pictures, y: RANDOM.integers(0, 5, 4)}
    v1.train.Saver().save(session, str(folder / "model.ckpt"), global_step=7)
    store(folder, session, {**feeds, training: False}, [loss])
    store_gradients(folder, session, {**feeds, training: False}, loss)
    updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
    kept = [
        tensor
        for tensor in below([loss], feeds)
        if tensor.name.startswith(("conv1", "bn1/", "relu1", "conv2/", "bn2/batchnorm"))
    ]
    np.savez(folder / "training.npz", **alive(session, kept, {**feeds, training: True}))
    freeze(session, [logits], folder / "frozen.pb")
    session.run(updates, {**feeds, training: True})
    moving = [v for v in v1.global_variables() if "moving" in v.name]
    np.savez(folder / "moved.npz", **{v.op.name: value for v, value in zip(moving, session.run(moving), strict=True)})


@case()
def conditional_reference(folder, session):
    """tf.cond as Switch and Merge on reference variables."""
    conditional(folder, session)


@case(resource=True, control_flow_v2=True)
def conditional_resource(folder, session):
    """tf.cond as If on resource variables."""
    conditional(folder, session, default=True)


@case(resource=True)
def conditional_mixed(folder, session):
    """tf.cond as Switch and Merge on resource variables."""
    conditional(folder, session)


@case()
def conditional_by_hand(folder, session):
    """Conditionals of other kinds: constant predicates, constant branches, nested, with several results, on data."""
    x = v1.placeholder(tf.float32, [None, 4], "x")
    flag = v1.placeholder(tf.bool, [], "flag")
    w = v1.get_variable("w", [4, 3])
    h = tf.matmul(x, w, name="h")
    fixed = v1.cond(tf.constant(True), lambda: h * 2.0, lambda: h * 3.0, name="fixed")
    bare = v1.cond(flag, lambda: tf.constant(1.0), lambda: tf.constant(2.0), name="bare")

    def inner():
        return v1.cond(tf.reduce_sum(x) > 0, lambda: h + 1.0, lambda: h - 1.0, name="inner")

    nested = v1.cond(flag, inner, lambda: h * 0.5, name="nested")
    one, other = v1.cond(tf.logical_not(flag), lambda: (h, x), lambda: (h * 4.0, x * 4.0), name="two")
    out = tf.concat([fixed * bare, nested, one, other], 1, name="out")
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    feeds = {x: RANDOM.normal(size=(6, 4)) + 1}
    store(folder, session, {**feeds, flag: False}, [out])
    store(folder, session, {**feeds, flag: True}, [out], name="training")


@case(resource=True, control_flow_v2=True)
def conditional_by_hand_v2(folder, session):
    """The same as functions."""
    conditional_by_hand(folder, session)


@case()
def always_training(folder, session):
    """A graph that was only ever trained: dropout and batch norm without a switch."""
    x, pictures = picture()
    y = v1.placeholder(tf.int64, [None], "y")
    h = v1.layers.conv2d(x, 6, 3, name="conv1")
    h = v1.layers.batch_normalization(h, training=True, name="bn1")
    h = v1.layers.conv2d(tf.nn.relu(h), 4, 3, name="conv2")
    h = v1.layers.batch_normalization(h, training=True, fused=False, name="bn2")
    h = v1.nn.dropout(v1.layers.flatten(h), rate=0.5, name="dropout")
    logits = v1.layers.dense(h, 5, name="logits")
    v1.train.AdamOptimizer(0.01).minimize(loss_of(logits, y))
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    saved = v1.train.latest_checkpoint(str(folder))
    with tf.Graph().as_default(), v1.Session() as other:
        x = v1.placeholder(tf.float32, [None, 16, 16, 3], "x")
        h = v1.layers.conv2d(x, 6, 3, name="conv1")
        h = v1.layers.batch_normalization(h, training=False, name="bn1")
        h = v1.layers.conv2d(tf.nn.relu(h), 4, 3, name="conv2")
        h = v1.layers.batch_normalization(h, training=False, fused=False, name="bn2")
        logits = v1.layers.dense(v1.layers.flatten(h), 5, name="logits")
        v1.train.Saver().restore(other, saved)
        value = other.run(logits, {x: pictures})
    np.savez(folder / "values.npz", **{"logits/BiasAdd:0": value})
    np.savez(folder / "feeds.npz", **{"x:0": pictures})
    session.run(v1.get_collection(v1.GraphKeys.UPDATE_OPS), {session.graph.get_tensor_by_name("x:0"): pictures})
    moving = [v for v in v1.global_variables() if "moving" in v.name]
    np.savez(folder / "moved.npz", **{v.op.name: value for v, value in zip(moving, session.run(moving), strict=True)})


@case()
def loop(folder, session):
    """A while loop and a custom operation above a layer that can be used."""
    x = v1.placeholder(tf.float32, [None, 6], "x")
    h = tf.nn.relu(tf.matmul(x, v1.get_variable("w", [6, 4])), name="hidden")
    _, looped = v1.while_loop(lambda i, _: i < 3, lambda i, t: (i + 1, t * 2.0), [0, h], name="loop")
    strange = tf.raw_ops.Bucketize(input=h, boundaries=[0.0, 1.0], name="strange")
    tf.add(looped, tf.cast(strange, tf.float32), name="out")
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    store(folder, session, {x: RANDOM.normal(size=(5, 6))}, [h])


@case(resource=True, control_flow_v2=True)
def loop_v2(folder, session):
    """The same as functions."""
    loop(folder, session)


@case()
def loop_trained(folder, session):
    """A while loop that begins at zeros: the data reach its end by its way back only. With a loss and its training."""
    x, y = v1.placeholder(tf.float32, [None, 6], "x"), v1.placeholder(tf.int32, [None], "y")
    h = tf.nn.relu(tf.matmul(x, v1.get_variable("w", [6, 4])), name="hidden")
    turned = tf.transpose(h)
    _, looped = v1.while_loop(lambda i, _: i < 3, lambda i, t: (i + 1, t + turned), [0, tf.zeros([4, 5])], name="loop")
    logits = tf.matmul(tf.transpose(looped), v1.get_variable("v", [4, 3]))
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    v1.train.GradientDescentOptimizer(0.1).minimize(loss)
    initialise(session)
    v1.train.Saver().save(session, str(folder / "model.ckpt"))
    store(folder, session, {x: RANDOM.normal(size=(5, 6))}, [logits])
