"""How long it takes to open a checkpoint of 100 MB and read all of it, against TensorFlow.

Both sides are whole processes, from the start of Python to its end, and take turns. Both check every checksum, read
every tensor and add up its numbers; the sums must agree. Memory is what the process needs beyond Python and numpy.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.results import write_section

ROOT = Path(__file__).parent.parent
ORACLE = ROOT / ".oracle/bin/python"
PAIRS = 7
TITLE = "Reading a checkpoint of 100 MB"

WRITE = """
import sys
import numpy as np
import tensorflow.compat.v1 as tf
tf.disable_eager_execution()
random = np.random.RandomState(0)
shapes = {"dense/kernel": (4096, 1024), "dense/kernel/Momentum": (4096, 1024)}
for block in range(24):
    shapes |= {f"block{block}/conv/weights": (3, 3, 256, 256), f"block{block}/conv/biases": (256,)}
shapes |= {"logits/weights": (2048, 1001), "logits/weights/Momentum": (2048, 1001), "global_step": ()}
arrays = {name: np.asarray(random.standard_normal(shape), np.float32) for name, shape in shapes.items()}
holders = [tf.placeholder(tf.float32, array.shape) for array in arrays.values()]
save = tf.raw_ops.SaveV2(
    prefix=sys.argv[1], tensor_names=list(arrays), shape_and_slices=[""] * len(arrays), tensors=holders)
tf.Session().run(save, dict(zip(holders, arrays.values())))
"""

OURS = """
import json, resource, sys
import numpy
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from pathlib import Path
from regraft.formats.tf1.checkpoint import open_checkpoint
checkpoint = open_checkpoint(Path(sys.argv[1]))
values = [checkpoint[name] for name in checkpoint]
total = sum(float(array.sum(dtype="float64")) for array in values)
print(json.dumps([len(values), total, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before]))
"""

THEIRS = """
import json, resource, sys
import numpy
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
import tensorflow as tf
reader = tf.train.load_checkpoint(sys.argv[1])
values = [reader.get_tensor(name) for name in reader.get_variable_to_shape_map()]
total = sum(float(array.sum(dtype="float64")) for array in values)
print(json.dumps([len(values), total, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before]))
"""


def main() -> None:
    """Measure and write the section."""
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder) / "model.ckpt"
        run(ORACLE, WRITE, prefix)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        pairs = [(run(sys.executable, OURS, prefix), run(ORACLE, THEIRS, prefix)) for _ in range(PAIRS + 1)][1:]
    for (_, (count, total, _)), (_, (their_count, their_total, _)) in pairs:
        if count != their_count or abs(total - their_total) > 1e-6 * abs(total):
            raise SystemExit(f"the two do not read the same: {count}, {total} and {their_count}, {their_total}")
    write_section(TITLE, "python -m benchmarks checkpoint_reading", report(pairs, size))


def run(python: str | Path, script: str, prefix: Path) -> tuple[float, list[float]]:
    """Seconds a whole process takes, and what it prints."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "src"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
    }
    start = time.perf_counter()
    done = subprocess.run(
        [python, "-c", script, prefix], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, check=True
    )
    seconds = time.perf_counter() - start
    return seconds, json.loads(done.stdout or "[]")


def report(pairs: list[tuple[tuple[float, list[float]], tuple[float, list[float]]]], size: int) -> str:
    """The table."""
    ratios = [theirs[0] / ours[0] for ours, theirs in pairs]
    lines = [
        f"{size / 1e6:.0f} MB, {pairs[0][0][1][0]:.0f} tensors, {len(pairs)} pairs, the first of all not counted.",
        "",
        "| | seconds, median (least to most) | memory beyond Python and numpy, MB | memory / file |",
        "|---|---|---|---|",
    ]
    for name, side in (("regraft", 0), ("TensorFlow", 1)):
        seconds = [pair[side][0] for pair in pairs]
        memory = max(pair[side][1][2] for pair in pairs) * 1024
        spread = f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"
        lines.append(f"| {name} | {spread} | {memory / 1e6:.0f} | {memory / size:.2f} |")
    spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
    return "\n".join(
        [*lines, "", f"regraft is **{statistics.median(ratios):.1f} times** as fast ({spread} over the pairs)."]
    )


if __name__ == "__main__":
    main()
