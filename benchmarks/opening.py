"""How long it takes to open a network and get its first output, against the program each format comes from.

Both sides are processes that take turns. Two times are taken: the whole process from the start of Python, imports and
all, which is what a command costs; and opening with the first output alone, after the imports. Memory is what the
second part adds at its peak (Linux says it). The outputs of both sides must agree.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results import write_section

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("REGRAFT_SHARED", ROOT.parent / "shared"))
ORACLE = ROOT / ".oracle/bin/python"
PAIRS = 5
TITLE = "Opening a network"

# Around the code of a side, which sets `first`: (open and run once) -> array.
FRAME = r"""
import json, re, sys, time
import numpy as np
path = sys.argv[1]
def kilobytes(word):  # getrusage would count what the parent process had
    return int(re.search(word + r":\s+(\d+)", open("/proc/self/status").read())[1])
{imports}
open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew
before, start = kilobytes("VmHWM"), time.perf_counter()
{body}
seconds = time.perf_counter() - start
memory = kilobytes("VmHWM") - before
print(json.dumps([seconds, memory * 1024, np.asarray(first).ravel()[:50].tolist()]))
"""

OURS = ("import regraft, torch", "first = regraft.open(path).run(np.full({shape}, 0.5, np.float32))")


@dataclass(frozen=True)
class Case:
    """A file and the program it comes from.

    Attributes:
        make: writes or finds the file, given a folder for it.
        shape: of the input, filled with 0.5.
        ours, theirs: (imports, body) of the two sides.
    """

    format: str
    reader: str
    make: Callable[[Path], Path]
    shape: tuple[int, ...]
    theirs: tuple[str, str]
    python: Path = ORACLE
    ours: tuple[str, str] = OURS


def _found(name: str) -> Callable[[Path], Path]:
    return lambda _: SHARED / "models" / name


def _onnx(folder: Path) -> Path:
    import torch
    from torchvision.models import resnet50

    torch.manual_seed(0)
    path = folder / "resnet50.onnx"
    torch.onnx.export(resnet50().eval(), (torch.zeros(1, 3, 224, 224),), path, dynamo=False, opset_version=17)
    return path


def _keras(folder: Path) -> Path:
    path = folder / "mobilenet_v2.keras"
    code = (
        "import sys, keras; keras.utils.set_random_seed(0); "
        "keras.applications.MobileNetV2(weights=None).save(sys.argv[1])"
    )
    subprocess.run([ORACLE, "-c", code, path], check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return path


CASES = (
    Case(
        "Caffe: SqueezeNet, 5 MB",
        "OpenCV",
        _found("squeezenet_v1_imagenet_caffe/SqueezeNet_deploy.prototxt"),
        (1, 3, 227, 227),
        ("import cv2", "net = cv2.dnn.readNetFromCaffe(path, path.replace('deploy.prototxt', 'v1.0.caffemodel'))\n"
         "net.setInput(np.full({shape}, 0.5, np.float32)); first = net.forward()"),
    ),
    Case(
        "ONNX: ResNet-50, 102 MB",
        "onnxruntime",
        _onnx,
        (1, 3, 224, 224),
        ("import onnxruntime", "session = onnxruntime.InferenceSession(path)\n"
         "first = session.run(None, {{session.get_inputs()[0].name: np.full({shape}, 0.5, np.float32)}})[0]"),
        python=Path(sys.executable),
    ),
    Case(
        "Keras 3: MobileNetV2, 14 MB",
        "Keras",
        _keras,
        (1, 224, 224, 3),
        ("import keras", "first = keras.models.load_model(path)(np.full({shape}, 0.5, np.float32))"),
    ),
    Case(
        "Keras 2: FER, 1 MB",
        "Keras",
        _found("fer_emotion_keras_h5/emotion_model.hdf5"),
        (1, 64, 64, 1),
        ("import keras", "first = keras.models.load_model(path, compile=False)(np.full({shape}, 0.5, np.float32))"),
    ),
    Case(
        "PyTorch: weights of MobileNetV2, 14 MB",
        "torch.load",
        _found("mobilenet_v2_imagenet_torch/mobilenet_v2-b0353104.pth"),
        (),
        ("import torch", "first = torch.load(path)['classifier.1.weight'].numpy()"),
        python=Path(sys.executable),
        ours=("import regraft", "first = regraft.open(path).parameters['classifier.1.weight'].value"),
    ),
    Case(
        "TensorFlow 1: frozen MobileNetV1, 17 MB",
        "TensorFlow",
        _found("mobilenet_v1_imagenet_tf1/retrained_graph.pb"),
        (1, 224, 224, 3),
        ("import tensorflow.compat.v1 as tf", "graph = tf.GraphDef.FromString(open(path, 'rb').read())\n"
         "outputs = tf.import_graph_def(graph, return_elements=['final_result:0'], name='')\n"
         "first = tf.Session().run(outputs[0], {{'input:0': np.full({shape}, 0.5, np.float32)}})"),
    ),
)  # fmt: skip


def main() -> None:
    """Measure all formats and write the section."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(case, case.make(Path(folder))) for case in CASES]
    head = [
        f"{PAIRS} pairs for each file, the first of all not counted; regraft's number stands first. Seconds are",
        "medians; ratios stand with their least and most, above 1 regraft is faster. Memory: the most that a side",
        "added, in MB.",
        "",
        "| file | read by | whole process, s | ratio | opening and first output, s | ratio | memory |",
        "|---|---|---|---|---|---|---|",
    ]
    write_section(TITLE, "python -m benchmarks opening", "\n".join([*head, *rows]))


def row(case: Case, path: Path) -> str:
    """The line of one format."""
    pairs = [(run(Path(sys.executable), case.ours, case, path), run(case.python, case.theirs, case, path))
             for _ in range(PAIRS + 1)][1:]  # fmt: skip
    for ours, theirs in pairs:
        if any(abs(a - b) > 1e-3 * max(map(abs, theirs.first)) for a, b in zip(ours.first, theirs.first, strict=True)):
            raise SystemExit(f"{case.format}: the two sides differ: {ours.first[:5]} and {theirs.first[:5]}")
    whole = [(ours.whole, theirs.whole) for ours, theirs in pairs]
    opening = [(ours.opening, theirs.opening) for ours, theirs in pairs]
    memory = " to ".join(f"{max(side.memory for side in sides) / 1e6:.0f}" for sides in zip(*pairs, strict=True))
    return f"| {case.format} | {case.reader} | {compared(whole)} | {compared(opening)} | {memory} |"


def compared(pairs: list[tuple[float, float]]) -> str:
    """Medians of both sides, and the ratio with its spread: two cells."""
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratios = [their / our for our, their in pairs]
    return f"{ours:.2f} to {theirs:.2f} | **{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"


@dataclass(frozen=True)
class Taken:
    """What one process took: seconds in all, seconds and bytes of opening, and its first numbers."""

    whole: float
    opening: float
    memory: float
    first: list[float]


def run(python: Path, side: tuple[str, str], case: Case, path: Path) -> Taken:
    """Run one side in a process of its own."""
    code = FRAME.format(imports=side[0], body=side[1].format(shape=case.shape))
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "src"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
    }
    start = time.perf_counter()
    done = subprocess.run(
        [python, "-W", "ignore", "-c", code, path],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        check=True,
    )
    whole = time.perf_counter() - start
    return Taken(whole, *json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
