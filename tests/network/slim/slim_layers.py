"""Layers with the variables TF-slim gave them, for the oracle: convolutions with batch norm or biases, and pools."""

from __future__ import annotations

import zlib

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1


class Layers:
    """Makes layers in the current variable scope.

    Weights are random by their name and not trivial: averages and scales of batch norms are not 0 and 1.
    """

    def __init__(self, *, gamma: bool, epsilon: float = 1e-3, relu=tf.nn.relu) -> None:
        self.gamma, self.epsilon, self.relu = gamma, epsilon, relu
        self.values: dict[str, np.ndarray] = {}  # in the order of making

    def variable(self, name: str, shape: tuple[int, ...], middle: float, spread: float) -> tf.Tensor:
        full = f"{v1.get_variable_scope().name}/{name}"
        random = np.random.default_rng(zlib.crc32(full.encode()))
        value = (middle + spread * random.standard_normal(shape, np.float32)).astype(np.float32)
        if name.endswith(("variance", "gamma")):
            value = np.abs(value) + 0.2
        self.values[full] = value
        return v1.get_variable(name, shape, initializer=v1.zeros_initializer(), use_resource=True).read_value()

    def norm(self, x: tf.Tensor, scope: str = "BatchNorm", relu: bool = True) -> tf.Tensor:
        count = x.shape[-1]
        with v1.variable_scope(scope):
            beta = self.variable("beta", (count,), 0.0, 0.1)
            gamma = self.variable("gamma", (count,), 0.8, 0.2) if self.gamma else None
            mean = self.variable("moving_mean", (count,), 0.0, 0.1)
            variance = self.variable("moving_variance", (count,), 0.8, 0.2)
        x = tf.nn.batch_normalization(x, mean, variance, beta, gamma, self.epsilon)
        return self.relu(x) if relu else x

    def conv(
        self,
        x: tf.Tensor,
        scope: str,
        count: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: object = "SAME",
        norm: bool = True,
        relu: bool = True,
    ) -> tf.Tensor:
        """A convolution with batch norm; `norm=False`: with biases instead."""
        h, w = (kernel, kernel) if isinstance(kernel, int) else kernel
        rows = h * w * x.shape[-1]
        with v1.variable_scope(scope):
            weights = self.variable("weights", (h, w, x.shape[-1], count), 0.0, (2 / rows) ** 0.5)
            x = tf.nn.conv2d(x, weights, stride, padding)
            if norm:
                return self.norm(x, relu=relu)
            x = x + self.variable("biases", (count,), 0.0, 0.1)
        return self.relu(x) if relu else x

    def depthwise(self, x: tf.Tensor, scope: str, stride: int) -> tf.Tensor:
        with v1.variable_scope(scope):
            weights = self.variable("depthwise_weights", (3, 3, x.shape[-1], 1), 0.0, 0.5)
            return self.norm(tf.nn.depthwise_conv2d(x, weights, (1, stride, stride, 1), "SAME"))

    def dense(self, x: tf.Tensor, scope: str, count: int) -> tf.Tensor:
        with v1.variable_scope(scope):
            weights = self.variable("weights", (x.shape[-1], count), 0.0, x.shape[-1] ** -0.5)
            return x @ weights + self.variable("biases", (count,), 0.0, 0.1)

    def mean_rgb(self) -> None:
        """What the checkpoints that came from Caffe hold beside the weights."""
        self.variable("mean_rgb", (3,), 120.0, 5.0)


def max_pool(x: tf.Tensor, kernel: int = 3, stride: int = 2, padding: str = "VALID") -> tf.Tensor:
    return tf.nn.max_pool2d(x, kernel, stride, padding)


def avg_pool(x: tf.Tensor, kernel: int = 3, stride: int = 1, padding: str = "SAME") -> tf.Tensor:
    return tf.nn.avg_pool2d(x, kernel, stride, padding)
