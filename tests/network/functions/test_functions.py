"""Every operation, its values and its gradients, against TensorFlow; and its shapes without values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import operation_cases
import pytest
import torch
from operation_cases.case import FLOAT32_ONLY, Case
from torch import Tensor

from regraft.formats.tf1.operation import attributes
from regraft.formats.tf1.ops import OPS
from regraft.network import functions
from regraft.network.functions import FUNCTIONS, curves, merged, noise, recurrent, scaling, steps, tensor_arrays

TOLERANCES = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-10}
WITH_GRADIENT = sorted({case.type for case in operation_cases.ALL if case.gradient})


def compute(case: Case, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    op = OPS[case.type]
    result = FUNCTIONS[op.function](*inputs, **attributes(op, case.attrs))
    return (result if isinstance(result, tuple) else (result,))[: case.outputs]


def tensors(case: Case) -> list[Tensor]:
    return [torch.from_numpy(array.copy()) for array in case.inputs]


def of_type(type: str) -> list[Case]:
    return [case for case in operation_cases.ALL if case.type == type]


def assert_close(got: Tensor, wanted: np.ndarray, label: str, tolerance: float | None = None) -> None:
    values = got.detach().numpy()
    assert values.shape == wanted.shape, label
    tolerance = tolerance or TOLERANCES.get(wanted.dtype, 0)
    if not tolerance:
        np.testing.assert_array_equal(values, wanted, err_msg=label)
    else:
        greatest = float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0))
        np.testing.assert_allclose(values, wanted, rtol=tolerance, atol=tolerance * greatest, err_msg=label)


@pytest.mark.parametrize("type", sorted(OPS))
def test_values_are_those_of_tensorflow(type: str, tensorflow: Mapping[str, np.ndarray]) -> None:
    for case in of_type(type):
        for k, output in enumerate(compute(case, tensors(case))):
            wanted = tensorflow[f"{case.name}/output/{k}"]
            label = f"{case.name} output {k} {case.attrs}"
            assert output.numpy().dtype == wanted.dtype, label
            if case.values:
                assert_close(output, wanted, label)
            else:
                assert output.shape == wanted.shape, label


@pytest.mark.parametrize("type", WITH_GRADIENT)
def test_gradients_are_those_of_tensorflow(type: str, tensorflow: Mapping[str, np.ndarray]) -> None:
    for case in of_type(type):
        if case.gradient:
            for k, gradient in gradients(case).items():
                wanted = tensorflow.get(f"{case.name}/gradient/{k}", np.zeros_like(case.inputs[k]))
                assert_close(gradient, wanted, f"{case.name} gradient {k} {case.attrs}")


@pytest.mark.parametrize("type", sorted(type for type in FLOAT32_ONLY if not type.startswith("FakeQuant")))
def test_float64_too_where_tensorflow_has_float32_only(type: str, tensorflow: Mapping[str, np.ndarray]) -> None:
    """Not so for fake quantisation: the last bit decides there how its zero is rounded."""
    for case in of_type(type):
        wide = case.as_float64()
        for k, output in enumerate(compute(wide, tensors(wide))):
            wanted = tensorflow[f"{case.name}/output/{k}"]
            if wanted.dtype == np.float32 and case.inputs[0].dtype == np.float32:
                assert output.dtype == torch.float64
            assert_close(output, wanted, f"{case.name} output {k} {case.attrs}", tolerance=1e-5)


def gradients(case: Case) -> dict[int, Tensor]:
    """The gradient in each floating point input, of the outputs weighted as the oracle does."""
    inputs = tensors(case)
    floats = {k: one.requires_grad_() for k, one in enumerate(inputs) if one.is_floating_point()}
    tops = {k: output for k, output in enumerate(compute(case, inputs)) if output.requires_grad}
    if not tops:
        return {k: torch.zeros_like(one) for k, one in floats.items()}
    starts = [cotangent(top, k) for k, top in tops.items()]
    found = torch.autograd.grad(
        list(tops.values()), list(floats.values()), starts, allow_unused=True, materialize_grads=True
    )
    return dict(zip(floats, found, strict=True))


def cotangent(top: Tensor, k: int) -> Tensor:
    steps = torch.arange(top.numel(), dtype=torch.float64)
    return torch.sin(steps * (k + 1) + 1).to(top.dtype).reshape(top.shape)


# Functions of which TensorFlow has no operation; tests/formats/caffe/test_layers.py tries them, against OpenCV.
CAFFES = {
    *("add_along", "affine_exp", "affine_log", "affine_pow", "arg_max_k", "avg_pool_padded", "crop", "deconvolution"),
    *("flatten", "inner_product", "lrn_within", "max_pool_padded", "mean_variance_norm", "mul_along", "prelu"),
    *("reshape_part", "threshold", "weighted_sum"),
}
# Those of torch's programs; tests/formats/pytorch tries them, against torch.
TORCHS = {name for name in FUNCTIONS if name.partition(".")[0] in ("aten", "operator", "sym")} | {
    *("alpha_dropout", "attention_dropout", "batch_norm_in_training", "channel_dropout"),
}


# Those of ONNX; tests/formats/onnx/test_conformance.py tries them.
ONNXS = {"det", "dropout_by"} | {
    name
    for module in vars(functions).values()
    if getattr(module, "__name__", "").rpartition(".")[2].startswith("onnx_")
    for name in module.FUNCTIONS
}


# Those of Keras's layers are compared with Keras in tests/formats/keras.
KERASES = {name for family in (curves, noise, recurrent, scaling, steps) for name in family.FUNCTIONS}

# Arrays are read and written in loops; tests/formats/tf1/test_loops.py runs whole ones.
ARRAYS = set(tensor_arrays.FUNCTIONS)


def test_every_operation_is_tried() -> None:
    assert {case.type for case in operation_cases.ALL} == set(OPS)
    elsewhere = {"dropout"} | CAFFES | ONNXS | TORCHS | KERASES | ARRAYS
    assert {op.function for op in OPS.values()} == set(FUNCTIONS) - elsewhere


# Their results have as many numbers as the values say, or are computed from a scalar's value.
NEED_VALUES = {"Unique", "Where", "Range", "LinSpace", "InvertPermutation"}


@pytest.mark.parametrize("type", sorted(set(OPS) - NEED_VALUES))
def test_shapes_are_found_without_values(type: str) -> None:
    """Data on the meta device, shapes and axes as real tensors: what shape propagation runs."""
    for case in of_type(type):
        inputs = tensors(case)
        meta = [one.to("meta") if one.is_floating_point() and one.ndim else one for one in inputs]
        for real, shaped in zip(compute(case, inputs), compute(case, meta), strict=True):
            assert (shaped.shape, shaped.dtype) == (real.shape, real.dtype), f"{case.name} {case.attrs}"


def test_shapes_read_from_tensors_without_values_are_real() -> None:
    data = torch.empty((2, 3), device="meta")
    assert FUNCTIONS["shape"](data).tolist() == [2, 3]
    assert [one.tolist() for one in FUNCTIONS["shape_n"](data, data)] == [[2, 3], [2, 3]]
    assert (FUNCTIONS["size"](data).item(), FUNCTIONS["rank"](data).item()) == (6, 2)


def test_a_name_in_two_tables_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^two functions are called relu$"):
        merged({"relu": torch.relu}, {"relu": torch.relu})


def test_of_equal_values_caffe_takes_the_last() -> None:
    found = FUNCTIONS["arg_max_k"](torch.tensor([[0.0, 2.0, 2.0, 1.0]]), top_k=3)
    assert found.tolist() == [[[2, 1, 3]]]
