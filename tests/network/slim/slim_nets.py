"""The nets of TF-slim, for the oracle: as its checkpoints name them."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
from slim_layers import Layers, avg_pool, max_pool

v1 = tf.compat.v1
# One layer of a branch: its name, channels, kernel and what else differs from stride 1 and SAME.
Step = tuple
POOL = "pool"


def branches(layers: Layers, x: tf.Tensor, scope: str, *ways: list[Step | str]) -> tf.Tensor:
    """An inception module: ways from the same tensor, side by side. A step that is a tuple of steps is a fork."""
    ends = []
    with v1.variable_scope(scope):
        for k, steps in enumerate(ways):
            with v1.variable_scope(f"Branch_{k}"):
                end = x
                for step in steps:
                    if step == POOL:
                        end = avg_pool(end)
                    elif step == "max":
                        end = max_pool(end)
                    elif isinstance(step[0], tuple):
                        end = tf.concat([convolved(layers, end, *one) for one in step], 3)
                    else:
                        end = convolved(layers, end, *step)
                ends.append(end)
    return tf.concat(ends, 3)


def convolved(layers: Layers, x: tf.Tensor, name: str, count: int, stride: int = 1, valid: bool = False) -> tf.Tensor:
    """A convolution whose name tells its kernel, as slim's mostly do: Conv2d_0b_1x7."""
    h, w = (int(side) for side in name.rpartition("_")[2].split("x"))
    if stride == 2:  # Mixed_6a of Inception v3 has 3x3 kernels under the name Conv2d_1a_1x1
        h = w = 3
    return layers.conv(x, name, count, (h, w), stride=stride, padding="VALID" if valid or stride == 2 else "SAME")


def down(name: str, count: int) -> Step:
    return (name, count, 2)


def stem(layers: Layers, x: tf.Tensor) -> tf.Tensor:
    """What Inception v3, v4 and ResNet v2 begin with."""
    x = convolved(layers, x, "Conv2d_1a_3x3", 32, 2)
    x = convolved(layers, x, "Conv2d_2a_3x3", 32, 1, True)
    return convolved(layers, x, "Conv2d_2b_3x3", 64)


def longer_stem(layers: Layers, x: tf.Tensor) -> tf.Tensor:
    x = max_pool(stem(layers, x))
    x = convolved(layers, x, "Conv2d_3b_1x1", 80, 1, True)
    return max_pool(convolved(layers, x, "Conv2d_4a_3x3", 192, 1, True))


def auxiliary(layers: Layers, x: tf.Tensor, classes: int) -> None:
    """The second classifier, which only training uses."""
    with v1.variable_scope("AuxLogits"):
        x = avg_pool(x, 5, 3, "VALID")
        x = layers.conv(x, "Conv2d_1b_1x1", 128, 1)
        x = layers.conv(x, "Conv2d_2a_5x5", 768, tuple(x.shape[1:3]), padding="VALID")
        layers.dense(tf.reshape(x, (-1, 768)), "Aux_logits", classes)


def vgg(repeats: tuple[int, ...], width: int = 4096) -> Callable[[tf.Tensor, int], tuple[tf.Tensor, Layers]]:
    def net(x: tf.Tensor, classes: int) -> tuple[tf.Tensor, Layers]:
        layers = Layers(gamma=False)
        layers.mean_rgb()
        for k, (times, count) in enumerate(zip(repeats, (64, 128, 256, 512, 512), strict=True), 1):
            with v1.variable_scope(f"conv{k}"):
                for n in range(1, times + 1):
                    x = layers.conv(x, f"conv{k}_{n}", count, 3, norm=False)
            x = max_pool(x, 2)
        x = layers.conv(x, "fc6", width, 7, padding="VALID", norm=False)
        x = layers.conv(x, "fc7", width, 1, norm=False)
        return tf.squeeze(layers.conv(x, "fc8", classes, 1, norm=False, relu=False), (1, 2)), layers

    return net


def inception_v1(x: tf.Tensor, classes: int) -> tuple[tf.Tensor, Layers]:
    layers = Layers(gamma=False)
    x = layers.conv(x, "Conv2d_1a_7x7", 64, 7, stride=2)
    x = max_pool(x, padding="SAME")
    x = layers.conv(layers.conv(x, "Conv2d_2b_1x1", 64, 1), "Conv2d_2c_3x3", 192, 3)
    x = max_pool(x, padding="SAME")
    sizes = {
        "3b": (64, 96, 128, 16, 32, 32), "3c": (128, 128, 192, 32, 96, 64), "4b": (192, 96, 208, 16, 48, 64),
        "4c": (160, 112, 224, 24, 64, 64), "4d": (128, 128, 256, 24, 64, 64), "4e": (112, 144, 288, 32, 64, 64),
        "4f": (256, 160, 320, 32, 128, 128), "5b": (256, 160, 320, 32, 128, 128), "5c": (384, 192, 384, 48, 128, 128),
    }  # fmt: skip
    for name, (a, b, c, d, e, f) in sizes.items():
        if name in ("4b", "5b"):
            x = max_pool(x, 3 if name == "4b" else 2, padding="SAME")
        third = "Conv2d_0a_3x3" if name == "5b" else "Conv2d_0b_3x3"  # slim's own slip
        with v1.variable_scope(f"Mixed_{name}"):
            ends = []
            for k, steps in enumerate((
                [("Conv2d_0a_1x1", a)], [("Conv2d_0a_1x1", b), ("Conv2d_0b_3x3", c)],
                [("Conv2d_0a_1x1", d), (third, e)], [("Conv2d_0b_1x1", f)],
            )):  # fmt: skip
                with v1.variable_scope(f"Branch_{k}"):
                    end = tf.nn.max_pool2d(x, 3, 1, "SAME") if k == 3 else x
                    for step in steps:
                        end = convolved(layers, end, *step)
                ends.append(end)
        x = tf.concat(ends, 3)
    return head(layers, x, "Logits/Conv2d_0c_1x1", classes), layers


def head(layers: Layers, x: tf.Tensor, scope: str, classes: int) -> tf.Tensor:
    """The mean of all places, and a 1x1 convolution for the classes."""
    x = layers.conv(tf.reduce_mean(x, (1, 2), keepdims=True), scope, classes, 1, norm=False, relu=False)
    return tf.squeeze(x, (1, 2))


def inception_v3(x: tf.Tensor, classes: int) -> tuple[tf.Tensor, Layers]:
    layers = Layers(gamma=False)
    x = longer_stem(layers, x)
    for name, second, fifth, pooled in (
        ("5b", "0a", "Conv2d_0b", 32),
        ("5c", "0b", "Conv_1_0c", 64),
        ("5d", "0a", "Conv2d_0b", 64),
    ):
        x = branches(
            layers, x, f"Mixed_{name}", [("Conv2d_0a_1x1", 64)],
            [(f"Conv2d_{second}_1x1", 48), (f"{fifth}_5x5", 64)],
            [("Conv2d_0a_1x1", 64), ("Conv2d_0b_3x3", 96), ("Conv2d_0c_3x3", 96)],
            [POOL, ("Conv2d_0b_1x1", pooled)],
        )  # fmt: skip
    x = branches(
        layers, x, "Mixed_6a", [down("Conv2d_1a_1x1", 384)],
        [("Conv2d_0a_1x1", 64), ("Conv2d_0b_3x3", 96), down("Conv2d_1a_1x1", 96)], ["max"],
    )  # fmt: skip
    for name, n in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
        x = branches(
            layers, x, f"Mixed_{name}", [("Conv2d_0a_1x1", 192)],
            [("Conv2d_0a_1x1", n), ("Conv2d_0b_1x7", n), ("Conv2d_0c_7x1", 192)],
            [("Conv2d_0a_1x1", n), ("Conv2d_0b_7x1", n), ("Conv2d_0c_1x7", n),
             ("Conv2d_0d_7x1", n), ("Conv2d_0e_1x7", 192)],
            [POOL, ("Conv2d_0b_1x1", 192)],
        )  # fmt: skip
    auxiliary(layers, x, classes)
    x = branches(
        layers, x, "Mixed_7a", [("Conv2d_0a_1x1", 192), down("Conv2d_1a_3x3", 320)],
        [("Conv2d_0a_1x1", 192), ("Conv2d_0b_1x7", 192), ("Conv2d_0c_7x1", 192), down("Conv2d_1a_3x3", 192)], ["max"],
    )  # fmt: skip
    for name, second in (("7b", "0b"), ("7c", "0c")):
        x = branches(
            layers, x, f"Mixed_{name}", [("Conv2d_0a_1x1", 320)],
            [("Conv2d_0a_1x1", 384), (("Conv2d_0b_1x3", 384), (f"Conv2d_{second}_3x1", 384))],
            [("Conv2d_0a_1x1", 448), ("Conv2d_0b_3x3", 384), (("Conv2d_0c_1x3", 384), ("Conv2d_0d_3x1", 384))],
            [POOL, ("Conv2d_0b_1x1", 192)],
        )  # fmt: skip
    return head(layers, x, "Logits/Conv2d_1c_1x1", classes), layers


def inception_v4(x: tf.Tensor, classes: int) -> tuple[tf.Tensor, Layers]:
    layers = Layers(gamma=False)
    x = stem(layers, x)
    x = branches(layers, x, "Mixed_3a", ["max"], [down("Conv2d_0a_3x3", 96)])
    x = branches(
        layers, x, "Mixed_4a", [("Conv2d_0a_1x1", 64), ("Conv2d_1a_3x3", 96, 1, True)],
        [("Conv2d_0a_1x1", 64), ("Conv2d_0b_1x7", 64), ("Conv2d_0c_7x1", 64), ("Conv2d_1a_3x3", 96, 1, True)],
    )  # fmt: skip
    x = branches(layers, x, "Mixed_5a", [down("Conv2d_1a_3x3", 192)], ["max"])
    for letter in "bcde":
        x = branches(
            layers, x, f"Mixed_5{letter}", [("Conv2d_0a_1x1", 96)], [("Conv2d_0a_1x1", 64), ("Conv2d_0b_3x3", 96)],
            [("Conv2d_0a_1x1", 64), ("Conv2d_0b_3x3", 96), ("Conv2d_0c_3x3", 96)], [POOL, ("Conv2d_0b_1x1", 96)],
        )  # fmt: skip
    x = branches(
        layers, x, "Mixed_6a", [down("Conv2d_1a_3x3", 384)],
        [("Conv2d_0a_1x1", 192), ("Conv2d_0b_3x3", 224), down("Conv2d_1a_3x3", 256)], ["max"],
    )  # fmt: skip
    for letter in "bcdefgh":
        x = branches(
            layers, x, f"Mixed_6{letter}", [("Conv2d_0a_1x1", 384)],
            [("Conv2d_0a_1x1", 192), ("Conv2d_0b_1x7", 224), ("Conv2d_0c_7x1", 256)],
            [("Conv2d_0a_1x1", 192), ("Conv2d_0b_7x1", 192), ("Conv2d_0c_1x7", 224),
             ("Conv2d_0d_7x1", 224), ("Conv2d_0e_1x7", 256)],
            [POOL, ("Conv2d_0b_1x1", 128)],
        )  # fmt: skip
    auxiliary(layers, x, classes)
    x = branches(
        layers, x, "Mixed_7a", [("Conv2d_0a_1x1", 192), down("Conv2d_1a_3x3", 192)],
        [("Conv2d_0a_1x1", 256), ("Conv2d_0b_1x7", 256), ("Conv2d_0c_7x1", 320), down("Conv2d_1a_3x3", 320)], ["max"],
    )  # fmt: skip
    for letter in "bcd":
        x = branches(
            layers, x, f"Mixed_7{letter}", [("Conv2d_0a_1x1", 256)],
            [("Conv2d_0a_1x1", 384), (("Conv2d_0b_1x3", 256), ("Conv2d_0c_3x1", 256))],
            [("Conv2d_0a_1x1", 384), ("Conv2d_0b_3x1", 448), ("Conv2d_0c_1x3", 512),
             (("Conv2d_0d_1x3", 256), ("Conv2d_0e_3x1", 256))],
            [POOL, ("Conv2d_0b_1x1", 256)],
        )  # fmt: skip
    return layers.dense(tf.reduce_mean(x, (1, 2)), "Logits/Logits", classes), layers


def inception_resnet_v2(x: tf.Tensor, classes: int) -> tuple[tf.Tensor, Layers]:
    layers = Layers(gamma=False)
    x = longer_stem(layers, x)
    x = branches(
        layers, x, "Mixed_5b", [("Conv2d_1x1", 96)], [("Conv2d_0a_1x1", 48), ("Conv2d_0b_5x5", 64)],
        [("Conv2d_0a_1x1", 64), ("Conv2d_0b_3x3", 96), ("Conv2d_0c_3x3", 96)], [POOL, ("Conv2d_0b_1x1", 64)],
    )  # fmt: skip

    def block(x: tf.Tensor, scope: str, scale: float, *ways: list[Step], relu: bool = True) -> tf.Tensor:
        mixed = branches(layers, x, scope, *ways)
        with v1.variable_scope(scope):
            up = layers.conv(mixed, "Conv2d_1x1", x.shape[-1], 1, norm=False, relu=False)
        return tf.nn.relu(x + scale * up) if relu else x + scale * up

    block35 = ([("Conv2d_1x1", 32)], [("Conv2d_0a_1x1", 32), ("Conv2d_0b_3x3", 32)],
               [("Conv2d_0a_1x1", 32), ("Conv2d_0b_3x3", 48), ("Conv2d_0c_3x3", 64)])  # fmt: skip
    block17 = ([("Conv2d_1x1", 192)], [("Conv2d_0a_1x1", 128), ("Conv2d_0b_1x7", 160), ("Conv2d_0c_7x1", 192)])
    block8 = ([("Conv2d_1x1", 192)], [("Conv2d_0a_1x1", 192), ("Conv2d_0b_1x3", 224), ("Conv2d_0c_3x1", 256)])
    for k in range(10):
        x = block(x, f"Repeat/block35_{k + 1}", 0.17, *block35)
    x = branches(
        layers, x, "Mixed_6a", [down("Conv2d_1a_3x3", 384)],
        [("Conv2d_0a_1x1", 256), ("Conv2d_0b_3x3", 256), down("Conv2d_1a_3x3", 384)], ["max"],
    )  # fmt: skip
    for k in range(20):
        x = block(x, f"Repeat_1/block17_{k + 1}", 0.1, *block17)
    auxiliary(layers, x, classes)
    x = branches(
        layers, x, "Mixed_7a", [("Conv2d_0a_1x1", 256), down("Conv2d_1a_3x3", 384)],
        [("Conv2d_0a_1x1", 256), down("Conv2d_1a_3x3", 288)],
        [("Conv2d_0a_1x1", 256), ("Conv2d_0b_3x3", 288), down("Conv2d_1a_3x3", 320)], ["max"],
    )  # fmt: skip
    for k in range(9):
        x = block(x, f"Repeat_2/block8_{k + 1}", 0.2, *block8)
    x = block(x, "Block8", 1.0, *block8, relu=False)
    x = convolved(layers, x, "Conv2d_7b_1x1", 1536)
    return layers.dense(tf.reduce_mean(x, (1, 2)), "Logits/Logits", classes), layers


def resnet(version: int, units: tuple[int, ...]) -> Callable[[tf.Tensor, int], tuple[tf.Tensor, Layers]]:
    """Bottlenecks whose last unit of a block has the stride; strided kernels are padded alike on both sides."""

    def padded(layers: Layers, x: tf.Tensor, scope: str, count: int, kernel: int, stride: int, norm: bool) -> tf.Tensor:
        sides = (kernel // 2, kernel // 2)
        padding = [(0, 0), sides, sides, (0, 0)]
        return layers.conv(x, scope, count, kernel, stride=stride, padding=padding, norm=norm, relu=norm)

    def unit(layers: Layers, x: tf.Tensor, count: int, stride: int) -> tf.Tensor:
        first = layers.norm(x, "preact") if version == 2 else x
        if x.shape[-1] == 4 * count:
            short = max_pool(x, 1, stride) if stride > 1 else x
        else:
            short = layers.conv(first, "shortcut", 4 * count, 1, stride=stride, norm=version == 1, relu=False)
        x = layers.conv(first, "conv1", count, 1)
        x = padded(layers, x, "conv2", count, 3, stride, True)
        x = layers.conv(x, "conv3", 4 * count, 1, norm=version == 1, relu=False)
        return tf.nn.relu(short + x) if version == 1 else short + x

    def net(x: tf.Tensor, classes: int) -> tuple[tf.Tensor, Layers]:
        layers = Layers(gamma=True, epsilon=1e-5)
        layers.mean_rgb()
        x = padded(layers, x, "conv1", 64, 7, 2, version == 1)
        x = max_pool(x, padding="SAME")
        for block, times in enumerate(units, 1):
            for k in range(1, times + 1):
                with v1.variable_scope(f"block{block}/unit_{k}/bottleneck_v{version}"):
                    x = unit(layers, x, 32 * 2**block, 2 if k == times and block < 4 else 1)
        if version == 2:
            x = layers.norm(x, "postnorm")
        return head(layers, x, "logits", classes), layers

    return net


def mobilenet_v1(x: tf.Tensor, classes: int) -> tuple[tf.Tensor, Layers]:
    layers = Layers(gamma=True, relu=tf.nn.relu6)
    x = layers.conv(x, "Conv2d_0", 32, 3, stride=2)
    counts = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
    for k, count in enumerate(counts, 1):
        x = layers.depthwise(x, f"Conv2d_{k}_depthwise", 2 if k in (2, 4, 6, 12) else 1)
        x = layers.conv(x, f"Conv2d_{k}_pointwise", count, 1)
    return head(layers, x, "Logits/Conv2d_1c_1x1", classes), layers


def mobilenet_v2(width: float) -> Callable[[tf.Tensor, int], tuple[tf.Tensor, Layers]]:
    def rounded(count: float) -> int:
        new = max(8, int(count * width + 4) // 8 * 8)
        return new + 8 if new < 0.9 * count * width else new

    def net(x: tf.Tensor, classes: int) -> tuple[tf.Tensor, Layers]:
        layers = Layers(gamma=True, relu=tf.nn.relu6)
        x = layers.conv(x, "Conv", rounded(32), 3, stride=2)
        groups = ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1))
        number = 0
        for count, times, first in groups:
            for k in range(times):
                with v1.variable_scope(f"expanded_conv_{number}" if number else "expanded_conv"):
                    new = layers.conv(x, "expand", 6 * x.shape[-1], 1) if number else x
                    new = layers.depthwise(new, "depthwise", first if k == 0 else 1)
                    new = layers.conv(new, "project", rounded(count), 1, relu=False)
                    x = new + x if k else new
                number += 1
        x = layers.conv(x, "Conv_1", max(1280, rounded(1280)), 1)
        return head(layers, x, "Logits/Conv2d_1c_1x1", classes), layers

    return net


# File -> scope, net, side of the pictures, classes. At an even side SAME pads strided layers at the end only.
NETS = {
    "vgg_16": ("vgg_16", vgg((2, 2, 3, 3, 3), width=64), 224, 1000),
    "vgg_19": ("vgg_19", vgg((2, 2, 4, 4, 4), width=64), 224, 1000),
    "inception_v1": ("InceptionV1", inception_v1, 96, 1001),
    "inception_v3": ("InceptionV3", inception_v3, 139, 1001),
    "inception_v4": ("InceptionV4", inception_v4, 139, 1001),
    "inception_resnet_v2": ("InceptionResnetV2", inception_resnet_v2, 139, 1001),
    "resnet_v1_50": ("resnet_v1_50", resnet(1, (3, 4, 6, 3)), 96, 1000),
    "resnet_v2_50": ("resnet_v2_50", resnet(2, (3, 4, 6, 3)), 96, 1001),
    "mobilenet_v1": ("MobilenetV1", mobilenet_v1, 96, 1001),
    "mobilenet_v2": ("MobilenetV2", mobilenet_v2(1.0), 96, 1001),
    "mobilenet_v2_0.35": ("MobilenetV2", mobilenet_v2(0.35), 97, 1001),
}
