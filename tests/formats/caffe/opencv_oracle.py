"""Run by the oracle: computes Caffe networks with OpenCV.

python opencv_oracle.py FOLDER: reads FOLDER/*.prototxt, *.caffemodel and *.npz (inputs by name) of the same stems, and
writes FOLDER/answers.npz: "STEM/LAYER" -> what the layer gives, or "STEM/error" -> why OpenCV refuses the network.
A network's npz may name the layers wanted under "/layers"; else those at its ends are.
"""

import sys
from pathlib import Path

import cv2
import numpy as np


def computed(stem: Path) -> dict[str, np.ndarray]:
    model = stem.with_suffix(".caffemodel")
    net = cv2.dnn.readNetFromCaffe(str(stem.with_suffix(".prototxt")), *([str(model)] if model.exists() else []))
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    net.enableFusion(False)
    arrays = dict(np.load(stem.with_suffix(".npz")))
    layers = [str(name) for name in arrays.pop("/layers", net.getUnconnectedOutLayersNames())]
    for name, array in arrays.items():
        net.setInput(array, name)
    return {f"{stem.name}/{name}": value for name, value in zip(layers, net.forward(layers), strict=True)}


answers: dict[str, np.ndarray] = {"/version": np.array(cv2.__version__)}
for path in sorted(Path(sys.argv[1]).glob("*.prototxt")):
    try:
        answers |= computed(path.with_suffix(""))
    except Exception as error:  # what OpenCV cannot do is the test's to judge
        answers[f"{path.stem}/error"] = np.array(str(error))
np.savez(Path(sys.argv[1]) / "answers.npz", **answers)
