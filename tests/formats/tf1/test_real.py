"""Real nets: what was published, and what Keras builds, tensor for tensor against TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from formats.tf1.comparing import compare, difference, gradients, stored
from formats.tf1.conftest import made

from regraft.formats import tf1
from regraft.network.graph import InputSpec

pytestmark = pytest.mark.slow

MTCNN = {
    "PNet_landmark": ("PNet-18", ("cls_prob:0", "bbox_pred:0", "landmark_pred:0")),
    "RNet_landmark": ("RNet-14", ("cls_fc/Softmax:0", "bbox_fc/BiasAdd:0", "landmark_fc/BiasAdd:0")),
}
# Net -> tensors that are compared.
APPLICATIONS = {
    "DenseNet121": 430,
    "InceptionV3": 314,
    "MobileNet": 90,
    "MobileNetV2": 157,
    "ResNet50": 231,
    "VGG16": 54,
}


@pytest.fixture(scope="session")
def applications(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory, "applications_oracle.py")


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    return made(tmp_path_factory, "real_oracle.py", shared / "models")


@pytest.mark.parametrize("name", APPLICATIONS)
def test_nets_of_keras_applications(applications: Path, name: str) -> None:
    network = tf1.read(applications / name / "frozen.pb")

    assert len(compare(network, applications / name)) == APPLICATIONS[name]
    assert network.outputs == ("predictions/Softmax:0",)
    trained = (applications / name / "trained.txt").read_text().split()
    assert {p.name for p in network.parameters.values() if p.trainable} == set(trained)


@pytest.mark.parametrize("name", MTCNN)
def test_training_graphs_of_mtcnn(real: Path, shared: Path, name: str) -> None:
    prefix, outputs = MTCNN[name]
    network = tf1.read(shared / "models/mtcnn_tf1" / name / f"{prefix}.meta")
    feeds = stored(real / name, "feeds")

    assert network.outputs == outputs
    assert {"add_4:0", *outputs} <= compare(network, real / name)
    expected = stored(real / name, "gradients")
    got = gradients(network, feeds, "add_4:0")
    assert max(difference(got[parameter], expected[parameter]) for parameter in expected) <= 1e-4
    few = {tensor: value[:7] for tensor, value in feeds.items()}  # it was built for 256 or 384 at once
    whole = network.run(feeds, to=outputs[0])
    np.testing.assert_allclose(network.run(few, to=outputs[0]).reshape(7, 2), whole.reshape(-1, 2)[:7], atol=1e-6)
    assert np.isfinite(network.run(few, to="add_4:0"))


def test_how_mtcnn_was_trained(shared: Path) -> None:
    network = tf1.read(shared / "models/mtcnn_tf1/PNet_landmark/PNet-18")
    found = network.graph.training

    assert found is not None
    assert (found.loss, found.optimizer, found.clip) == ("add_4:0", "momentum", None)
    assert found.metrics == ("Mean_3:0",)
    assert found.counters == {"global_step": "Variable"}
    assert network.run({}, to=found.learning_rate) == pytest.approx(1e-4)
    assert set(found.parameters) == {p.name for p in network.parameters.values() if p.trainable}


def test_a_graph_of_retrain_py(real: Path, shared: Path) -> None:
    network = tf1.read(shared / "models/mobilenet_v1_imagenet_tf1/retrained_graph.pb")

    # 28 layers of float32: 1.05e-5 on another processor.
    assert len(compare(network, real / "mobilenet", tolerance=2e-5)) > 350
    assert network.graph.inputs == (
        InputSpec(name="input:0", shape=(None, 224, 224, 3), layout="NHWC", channels="rgb"),
    )
    assert network.outputs == ("final_result:0",)
    assert network.bottleneck() == "input_1/BottleneckInputPlaceholder:0"
    assert network.run(np.zeros((3, 224, 224, 3), np.float32)).shape == (3, 2)
