"""Operations on volumes."""

import itertools

from operation_cases.case import Cases, ints, normal, positive, tied

CASES = Cases()
ONE, TWO, MIXED = (1, 1, 1, 1, 1), (1, 2, 2, 2, 1), (1, 1, 3, 2, 1)

for padding, strides, size in itertools.product(("SAME", "VALID"), (ONE, TWO, MIXED), ((5, 6, 7), (4, 7, 6))):
    CASES.add("Conv3D", normal(2, *size, 3), normal(2, 3, 1, 3, 4), strides=strides, padding=padding)
    for kind in ("MaxPool3D", "AvgPool3D"):
        CASES.add(kind, normal(2, *size, 2), ksize=(1, 2, 3, 3, 1), strides=strides, padding=padding)
    steps = strides[1:4]
    kernel = (2, 3, 1)
    counts = [
        -(-length // step) if padding == "SAME" else -(-(length - one + 1) // step)
        for length, one, step in zip(size, kernel, steps, strict=True)
    ]
    CASES.add("Conv3DBackpropInputV2", ints(2, *size, 3), normal(*kernel, 3, 4), normal(2, *counts, 4),
              strides=strides, padding=padding)  # fmt: skip
CASES.add("MaxPool3D", -positive(1, 3, 3, 3, 2), ksize=(1, 3, 3, 3, 1), strides=ONE, padding="SAME")
CASES.add("MaxPool3D", tied(1, 3, 4, 3, 2), ksize=(1, 2, 2, 2, 1), strides=TWO, padding="SAME", gradient=False)
