"""What operations are tried with, and compared on, between TensorFlow and regraft."""

from operation_cases import arithmetic, grouping, lookups, passing, shapes, spatial, volumes
from operation_cases.case import Case

ALL: list[Case] = [
    *passing.CASES, *arithmetic.CASES, *shapes.CASES, *spatial.CASES, *lookups.CASES, *volumes.CASES, *grouping.CASES,
]  # fmt: skip
