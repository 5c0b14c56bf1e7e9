"""Convolution, pooling, normalisation, resizing: operations on pictures."""

import itertools

import numpy as np

from operation_cases.case import Cases, ints, normal, positive, tied

CASES = Cases()
ONE, TWO, WIDE = (1, 1, 1, 1), (1, 2, 2, 1), (1, 3, 2, 1)


def nchw(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2))


for padding, strides, (height, width) in itertools.product(("SAME", "VALID"), (ONE, TWO), ((7, 6), (8, 5))):
    CASES.add("Conv2D", normal(2, height, width, 3), normal(3, 2, 3, 4), strides=strides, padding=padding)
    CASES.add(
        "DepthwiseConv2dNative", normal(2, height, width, 3), normal(3, 2, 3, 2), strides=strides, padding=padding
    )
    for kind in ("MaxPool", "AvgPool"):
        CASES.add(kind, tied(2, height, width, 3), ksize=(1, 3, 2, 1), strides=strides, padding=padding)
        CASES.add(kind, normal(2, height, width, 3), ksize=(1, 2, 3, 1), strides=strides, padding=padding)
CASES.add(
    "Conv2D",
    normal(2, 7, 9, 3),
    normal(3, 2, 3, 4),
    strides=ONE,
    padding="SAME",
    dilations=(1, 2, 3, 1),
    gradient=False,
)
CASES.add("Conv2D", normal(2, 7, 9, 3), normal(3, 2, 3, 4), strides=WIDE, padding="VALID")
CASES.add("Conv2D", normal(2, 5, 6, 3), normal(1, 1, 3, 4), strides=TWO, padding="SAME")
CASES.add("Conv2D", normal(3, 5, 6, 4), normal(3, 3, 2, 6), strides=ONE, padding="SAME", gradient=False)  # two groups
EXPLICIT = {"padding": "EXPLICIT", "explicit_paddings": (0, 0, 1, 2, 3, 0, 0, 0)}
CASES.add("Conv2D", normal(2, 5, 6, 3), normal(3, 2, 3, 4), strides=TWO, **EXPLICIT)
CASES.add("DepthwiseConv2dNative", normal(2, 5, 6, 3), normal(3, 2, 3, 1), strides=TWO, **EXPLICIT)
for kind in ("Conv2D", "DepthwiseConv2dNative"):
    options = {"strides": (1, 1, 2, 2), "padding": "SAME", "data_format": "NCHW"}
    CASES.add(kind, nchw(normal(2, 7, 6, 3)), normal(3, 2, 3, 4), **options)
CASES.add("Conv2D", nchw(normal(2, 7, 6, 3)), normal(3, 2, 3, 4), strides=ONE, data_format="NCHW",
          padding="EXPLICIT", explicit_paddings=(0, 0, 0, 0, 1, 2, 3, 0))  # fmt: skip

for padding, strides, (height, width) in itertools.product(("SAME", "VALID"), (ONE, TWO), ((7, 6), (8, 9))):
    steps = strides[1]
    rows, columns = (
        -(-size // steps) if padding == "SAME" else -(-(size - kernel + 1) // steps)
        for size, kernel in ((height, 3), (width, 2))
    )
    CASES.add(
        "Conv2DBackpropInput",
        ints(2, height, width, 3),
        normal(3, 2, 3, 4),
        normal(2, rows, columns, 4),
        strides=strides,
        padding=padding,
    )
CASES.add("Conv2DBackpropInput", ints(2, 3, 7, 6), normal(4, 4, 3, 5), nchw(normal(2, 4, 3, 5)),
          strides=(1, 1, 2, 2), padding="SAME", data_format="NCHW")  # fmt: skip

CASES.add("BiasAdd", normal(2, 3, 4, 5), normal(5))
CASES.add("BiasAdd", normal(2, 5), normal(5))
CASES.add("BiasAdd", normal(2, 5, 3, 4), normal(5), data_format="NCHW")
CASES.add("BiasAddV1", normal(2, 3, 4), normal(4))

for kind in ("MaxPool", "AvgPool"):
    CASES.add(kind, normal(2, 7, 9, 3), ksize=(1, 7, 9, 1), strides=ONE, padding="VALID")
    CASES.add(kind, -positive(2, 7, 9, 3), ksize=(1, 3, 3, 1), strides=WIDE, padding="SAME")
    CASES.add(kind, normal(2, 6, 5, 2), ksize=(1, 1, 1, 1), strides=TWO, padding="SAME")
    CASES.add(kind, normal(2, 6, 5, 2), ksize=(1, 2, 2, 1), strides=ONE, padding="SAME")
    CASES.add(
        kind, nchw(normal(2, 7, 6, 3)), ksize=(1, 1, 3, 2), strides=(1, 1, 2, 2), padding="SAME", data_format="NCHW"
    )
CASES.add(
    "MaxPool",
    -positive(2, 7, 6, 3),
    ksize=(1, 3, 2, 1),
    strides=TWO,
    padding="EXPLICIT",
    explicit_paddings=(0, 0, 1, 2, 0, 1, 0, 0),
)
CASES.add("MaxPool", normal(1, 5, 5, 1), ksize=(1, 2, 2, 1), strides=TWO, padding="EXPLICIT",
          explicit_paddings=(0, 0, 0, 1, 0, 0, 0, 0))  # fmt: skip
CASES.add("MaxPoolV2", normal(2, 7, 6, 3), ints(1, 3, 2, 1), ints(1, 2, 2, 1), padding="SAME")
for padding, strides, batched in itertools.product(("SAME", "VALID"), (ONE, TWO), (False, True)):
    CASES.add("MaxPoolWithArgmax", normal(2, 7, 6, 3), ksize=(1, 2, 3, 1), strides=strides, padding=padding,
              include_batch_in_index=batched, outputs=2)  # fmt: skip
CASES.add(
    "MaxPoolWithArgmax",
    normal(1, 4, 4, 2),
    ksize=TWO,
    strides=TWO,
    padding="SAME",
    Targmax="int32",
    outputs=2,
    gradient=False,
)

STATISTICS = normal(3), positive(3)
for kind, outputs in (("FusedBatchNorm", 5), ("FusedBatchNormV2", 5), ("FusedBatchNormV3", 5)):
    scaled = positive(3), normal(3)
    CASES.add(kind, 3 * normal(2, 5, 4, 3) + 1, *scaled, normal(0), normal(0), outputs=outputs)
    CASES.add(kind, normal(2, 5, 4, 3), *scaled, *STATISTICS, is_training=False, epsilon=1e-3, outputs=3)
CASES.add(
    "FusedBatchNormV3",
    nchw(normal(2, 5, 4, 3)),
    positive(3),
    normal(3),
    normal(0),
    normal(0),
    data_format="NCHW",
    outputs=5,
)
CASES.add("FusedBatchNormV3", nchw(normal(2, 5, 4, 3)), positive(3), normal(3), *STATISTICS, is_training=False,
          data_format="NCHW", outputs=3)  # fmt: skip
CASES.add("FusedBatchNormV3", normal(1, 1, 1, 3), positive(3), normal(3), normal(0), normal(0), outputs=5)
CASES.add(
    "FusedBatchNormV3", normal(4, 1, 1, 3), positive(3), normal(3), *STATISTICS, exponential_avg_factor=0.1, outputs=3
)
for scaled in (False, True):
    CASES.add("BatchNormWithGlobalNormalization", normal(2, 5, 4, 3), *STATISTICS, normal(3), positive(3),
              variance_epsilon=0.001, scale_after_normalization=scaled)  # fmt: skip
CASES.add("LRN", normal(2, 4, 3, 12))
CASES.add("LRN", 3 * normal(2, 4, 3, 7), depth_radius=2, bias=2.0, alpha=1e-2, beta=0.75)
CASES.add("LRN", normal(1, 2, 2, 3), depth_radius=4, bias=1.0, alpha=0.3, beta=1.0)

RULES = ({}, {"align_corners": True}, {"half_pixel_centers": True})
for rule, size in itertools.product(RULES, ((7, 9), (14, 5), (3, 4), (1, 1), (5, 6))):
    CASES.add("ResizeBilinear", normal(2, 5, 6, 3), ints(*size), **rule)
    CASES.add("ResizeNearestNeighbor", normal(2, 5, 6, 3), ints(*size), **rule)
    CASES.add("ResizeBicubic", normal(2, 5, 6, 3), ints(*size), **rule)
    if "half_pixel_centers" not in rule:
        CASES.add("ResizeArea", normal(2, 5, 6, 3), ints(*size), **rule, gradient=False)
CASES.add("ResizeBilinear", np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3), ints(6, 5), gradient=False)
CASES.add("ResizeBicubic", np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3), ints(6, 5), gradient=False)
CASES.add("ResizeArea", np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3), ints(3, 5), gradient=False)
CASES.add("ResizeNearestNeighbor", np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3), ints(6, 5), gradient=False)
