"""Prototxts of the classic networks, written by short code: as their authors built them, thinner where that is said."""

from __future__ import annotations

from formats.caffe.making import layer, net


def conv(top: str, bottom: str, width: int, size: int, options: str = "") -> str:
    return layer("Convolution", bottom, top, convolution_param=f"num_output: {width} kernel_size: {size} {options}")


def relu(blob: str) -> str:
    return layer("ReLU", blob, blob, f"relu_{blob}")


def conv_relu(top: str, bottom: str, width: int, size: int, options: str = "") -> str:
    return conv(top, bottom, width, size, options) + "\n" + relu(top)


def pool(top: str, bottom: str, options: str) -> str:
    return layer("Pooling", bottom, top, pooling_param=options)


def dense(top: str, bottom: str, width: int) -> str:
    return layer("InnerProduct", bottom, top, inner_product_param=f"num_output: {width}")


def dropped(blob: str) -> str:
    return relu(blob) + "\n" + layer("Dropout", blob, blob, f"drop_{blob}")


def alexnet() -> str:
    """CaffeNet: response normalisation behind the pools, groups; dense layers of 100."""
    lrn = "local_size: 5 alpha: 0.0001 beta: 0.75"
    return net(
        conv_relu("conv1", "data", 96, 11, "stride: 4"),
        pool("pool1", "conv1", "pool: MAX kernel_size: 3 stride: 2"),
        layer("LRN", "pool1", "norm1", lrn_param=lrn),
        conv_relu("conv2", "norm1", 256, 5, "pad: 2 group: 2"),
        pool("pool2", "conv2", "pool: MAX kernel_size: 3 stride: 2"),
        layer("LRN", "pool2", "norm2", lrn_param=lrn),
        conv_relu("conv3", "norm2", 384, 3, "pad: 1"),
        conv_relu("conv4", "conv3", 384, 3, "pad: 1 group: 2"),
        conv_relu("conv5", "conv4", 256, 3, "pad: 1 group: 2"),
        pool("pool5", "conv5", "pool: MAX kernel_size: 3 stride: 2"),
        dense("fc6", "pool5", 100),
        dropped("fc6"),
        dense("fc7", "fc6", 100),
        dropped("fc7"),
        dense("fc8", "fc7", 100),
        layer("Softmax", "fc8", "prob"),
        shape=(1, 3, 227, 227),
    )


def vgg16() -> str:
    """VGG's thirteen convolutions at a quarter of their width, on 96 x 96 pictures."""
    parts, last = list[str](), "data"
    for stage, (count, width) in enumerate(((2, 16), (2, 32), (3, 64), (3, 128), (3, 128)), start=1):
        for k in range(1, count + 1):
            parts.append(conv_relu(f"conv{stage}_{k}", last, width, 3, "pad: 1"))
            last = f"conv{stage}_{k}"
        parts.append(pool(f"pool{stage}", last, "pool: MAX kernel_size: 2 stride: 2"))
        last = f"pool{stage}"
    parts += [dense("fc6", last, 256), dropped("fc6"), dense("fc7", "fc6", 256), dropped("fc7")]
    return net(*parts, dense("fc8", "fc7", 100), layer("Softmax", "fc8", "prob"), shape=(1, 3, 96, 96))


def _inception(name: str, bottom: str, widths: tuple[int, ...]) -> list[str]:
    one, three_in, three, five_in, five, pooled = widths
    tops = [f"{name}/1x1", f"{name}/3x3", f"{name}/5x5", f"{name}/pool_proj"]
    return [
        conv_relu(tops[0], bottom, one, 1),
        conv_relu(f"{name}/3x3_reduce", bottom, three_in, 1),
        conv_relu(tops[1], f"{name}/3x3_reduce", three, 3, "pad: 1"),
        conv_relu(f"{name}/5x5_reduce", bottom, five_in, 1),
        conv_relu(tops[2], f"{name}/5x5_reduce", five, 5, "pad: 2"),
        pool(f"{name}/pool", bottom, "pool: MAX kernel_size: 3 stride: 1 pad: 1"),
        conv_relu(tops[3], f"{name}/pool", pooled, 1),
        layer("Concat", " ".join(tops), f"{name}/output"),
    ]


_MODULES = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64), "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64), "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128), "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}  # fmt: skip


def googlenet() -> str:
    """GoogLeNet as it is deployed, at half its width, on 128 x 128 pictures."""
    lrn = "local_size: 5 alpha: 0.0001 beta: 0.75"
    ceil = "pool: MAX kernel_size: 3 stride: 2"
    parts = [
        conv_relu("conv1/7x7_s2", "data", 32, 7, "stride: 2 pad: 3"),
        pool("pool1/3x3_s2", "conv1/7x7_s2", ceil),
        layer("LRN", "pool1/3x3_s2", "pool1/norm1", lrn_param=lrn),
        conv_relu("conv2/3x3_reduce", "pool1/norm1", 32, 1),
        conv_relu("conv2/3x3", "conv2/3x3_reduce", 96, 3, "pad: 1"),
        layer("LRN", "conv2/3x3", "conv2/norm2", lrn_param=lrn),
        pool("pool2/3x3_s2", "conv2/norm2", ceil),
    ]
    last = "pool2/3x3_s2"
    for module, widths in _MODULES.items():
        parts += _inception(f"inception_{module}", last, tuple(width // 2 for width in widths))
        last = f"inception_{module}/output"
        if module in ("3b", "4e"):
            parts.append(pool(f"pool{module[0]}/3x3_s2", last, ceil))
            last = f"pool{module[0]}/3x3_s2"
    parts += [
        pool("pool5/7x7_s1", last, "pool: AVE kernel_size: 4 stride: 1"),
        layer("Dropout", "pool5/7x7_s1", "pool5/7x7_s1", "pool5/drop", dropout_param="dropout_ratio: 0.4"),
        dense("loss3/classifier", "pool5/7x7_s1", 100),
        layer("Softmax", "loss3/classifier", "prob"),
    ]
    return net(*parts, shape=(1, 3, 128, 128))


def _normed(top: str, bottom: str, width: int, size: int, options: str = "") -> str:
    return "\n".join(
        [
            conv(top, bottom, width, size, f"bias_term: false {options}"),
            layer("BatchNorm", top, top, f"bn_{top}"),
            layer("Scale", top, top, f"scale_{top}", scale_param="bias_term: true"),
        ]
    )


def resnet50() -> str:
    """ResNet-50 as its authors released it: BatchNorm and Scale pairs in place, sums; at a quarter of its width."""
    parts = [
        _normed("conv1", "data", 16, 7, "stride: 2 pad: 3"),
        relu("conv1"),
        pool("pool1", "conv1", "pool: MAX kernel_size: 3 stride: 2"),
    ]
    last = "pool1"
    for stage, (blocks, width) in enumerate(((3, 16), (4, 32), (6, 64), (3, 128)), start=2):
        for k in range(blocks):
            name, stride = f"res{stage}{'abcdef'[k]}", 2 if k == 0 and stage > 2 else 1
            short = last
            if k == 0:
                short = f"{name}_branch1"
                parts.append(_normed(short, last, 4 * width, 1, f"stride: {stride}"))
            a, b, c = (f"{name}_branch2{letter}" for letter in "abc")
            parts += [_normed(a, last, width, 1, f"stride: {stride}"), relu(a)]
            parts += [_normed(b, a, width, 3, "pad: 1"), relu(b), _normed(c, b, 4 * width, 1)]
            parts += [layer("Eltwise", f"{short} {c}", name), relu(name)]
            last = name
    parts += [pool("pool5", last, "pool: AVE kernel_size: 7 stride: 1"), dense("fc1000", "pool5", 100)]
    return net(*parts, layer("Softmax", "fc1000", "prob"), shape=(1, 3, 224, 224))


ZOO = {"alexnet": alexnet, "vgg16": vgg16, "googlenet": googlenet, "resnet50": resnet50}
