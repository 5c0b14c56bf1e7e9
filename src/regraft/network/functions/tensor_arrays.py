"""TensorFlow's arrays of tensors, which loops read and fill row by row.

Outside of loops an array is a tensor with its rows along the first dimension; one without any row yet is (size 0).
Inside it is Rows, so that a row is read or written without touching the others, in gradients too.
The handle that TensorFlow passes along says here whether the array may grow. TensorFlow 2 has no handles, and calls
arrays lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from regraft.errors import UnreadableFile
from regraft.network.functions.operands import dtype_named, number, numbers, sizes, together

# Functions that read a row -> which of their arguments is the array.
READING = {"tensor_array_read": 2, "tensor_list_get_item": 0}


class Rows:
    """The rows of an array, by their place; those that are not there yet are zeros."""

    def __init__(self, size: int, rows: Mapping[int, Tensor]) -> None:
        self.size = size
        self._rows = rows

    @classmethod
    def of(cls, array: Tensor | Rows) -> Rows:
        """An array as rows."""
        if isinstance(array, Rows):
            return array
        return cls(len(array), {} if _is_empty(array) else dict(enumerate(array.unbind())))

    def read(self, place: int) -> Tensor:
        """One row.

        Raises:
            UnreadableFile: it is outside of the array, or none has been written.
        """
        self._require(place, self.size)
        if place not in self._rows and not self._rows:
            raise UnreadableFile("a loop reads an array before anything is written to it", got=f"row {place}")
        return self._rows[place] if place in self._rows else torch.zeros_like(next(iter(self._rows.values())))

    def written(self, place: int, row: Tensor, *, grows: bool) -> Rows:
        """The array with a row replaced; one that grows takes it behind its end too.

        Raises:
            UnreadableFile: it is outside of the array.
        """
        self._require(place, self.size + grows)
        return Rows(max(self.size, place + 1), {**self._rows, place: row})

    def stacked(self) -> Tensor:
        """The array as one tensor."""
        if not self._rows:
            return torch.empty(self.size, 0)
        return torch.stack(together(*(self.read(place) for place in range(self.size))))

    def _require(self, place: int, size: int) -> None:
        if not 0 <= place < size:
            raise UnreadableFile(
                "a loop goes beyond the end of an array", expected=f"a row from 0 to {size - 1}", got=f"row {place}"
            )


def tensor_array(
    size: Tensor, *, dtype: str, element_shape: tuple[int | None, ...] | None = None, dynamic_size: bool = False
) -> tuple[Tensor, Tensor]:
    """An array without rows yet: its handle, and the array itself.

    Args:
        dynamic_size: whether it may grow.
    """
    return torch.tensor(dynamic_size), torch.empty(*sizes([number(size)]), 0, dtype=dtype_named(dtype))


def tensor_array_read(handle: Tensor, index: Tensor, flow_in: Tensor | Rows, *, dtype: str = "") -> Tensor:
    """One row of an array."""
    return Rows.of(flow_in).read(number(index))


def tensor_array_write(handle: Tensor, index: Tensor, value: Tensor, flow_in: Tensor | Rows) -> Rows | Tensor:
    """The array with a row replaced."""
    made = Rows.of(flow_in).written(number(index), value, grows=bool(handle))
    return made if isinstance(flow_in, Rows) else made.stacked()


def tensor_array_scatter(handle: Tensor, indices: Tensor, value: Tensor, flow_in: Tensor | Rows) -> Tensor:
    """The array with the rows of a tensor put where the indices say."""
    places, rows = indices.tolist(), Rows.of(flow_in)
    if places == list(range(rows.size)) and len(value) == rows.size:
        return value
    for place, row in zip(places, value.unbind(), strict=True):
        rows = rows.written(place, row, grows=bool(handle))
    return rows.stacked()


def tensor_array_gather(
    handle: Tensor,
    indices: Tensor,
    flow_in: Tensor | Rows,
    *,
    dtype: str,
    element_shape: tuple[int | None, ...] | None = None,
) -> Tensor:
    """The rows of an array that the indices name."""
    array = _whole(flow_in)
    if _is_empty(array):
        return torch.zeros(len(indices), *_known(element_shape), dtype=dtype_named(dtype))
    array, indices = together(array, indices)
    return array.index_select(0, indices)


def tensor_array_size(handle: Tensor, flow_in: Tensor | Rows) -> Tensor:
    """How many rows an array has."""
    return torch.tensor(flow_in.size if isinstance(flow_in, Rows) else len(flow_in), dtype=torch.int32)


def tensor_list_reserve(element_shape: Tensor, num_elements: Tensor, *, element_dtype: str) -> Tensor:
    """A list without rows yet."""
    return torch.empty(*sizes([number(num_elements)]), 0, dtype=dtype_named(element_dtype))


def empty_tensor_list(element_shape: Tensor, max_num_elements: Tensor, *, element_dtype: str) -> Tensor:
    """A list of length 0."""
    return torch.empty(0, 0, dtype=dtype_named(element_dtype))


def tensor_list_from_tensor(tensor: Tensor, element_shape: Tensor, *, element_dtype: str) -> Tensor:
    """The rows of a tensor as a list."""
    return tensor


def tensor_list_get_item(
    input_handle: Tensor | Rows, index: Tensor, element_shape: Tensor, *, element_dtype: str
) -> Tensor:
    """One row of a list."""
    return Rows.of(input_handle).read(number(index))


def tensor_list_set_item(
    input_handle: Tensor | Rows,
    index: Tensor,
    item: Tensor,
    *,
    element_dtype: str,
    resize_if_index_out_of_bounds: bool = False,
) -> Rows:
    """The list with a row replaced."""
    return Rows.of(input_handle).written(number(index), item, grows=resize_if_index_out_of_bounds)


def tensor_list_push_back(input_handle: Tensor | Rows, tensor: Tensor, *, element_dtype: str) -> Rows:
    """The list with a row more."""
    rows = Rows.of(input_handle)
    return rows.written(rows.size, tensor, grows=True)


def tensor_list_stack(
    input_handle: Tensor | Rows, element_shape: Tensor, *, element_dtype: str, num_elements: int = -1
) -> Tensor:
    """The rows of a list as one tensor."""
    array = _whole(input_handle)
    if not _is_empty(array):
        return array
    known = sizes([max(size, 0) for size in numbers(element_shape)])
    return torch.zeros(len(array), *known, dtype=dtype_named(element_dtype))


def tensor_list_length(input_handle: Tensor | Rows) -> Tensor:
    """How many rows a list has."""
    return tensor_array_size(torch.tensor(False), input_handle)


def _whole(array: Tensor | Rows) -> Tensor:
    return array.stacked() if isinstance(array, Rows) else array


def _is_empty(array: Tensor) -> bool:
    return array.ndim == 2 and array.shape[1] == 0


def _known(shape: Sequence[int | None] | None) -> list[int]:
    return sizes([size or 0 for size in shape or ()])


FUNCTIONS = {
    "tensor_array": tensor_array,
    "tensor_array_read": tensor_array_read,
    "tensor_array_write": tensor_array_write,
    "tensor_array_scatter": tensor_array_scatter,
    "tensor_array_gather": tensor_array_gather,
    "tensor_array_size": tensor_array_size,
    "tensor_list_reserve": tensor_list_reserve,
    "empty_tensor_list": empty_tensor_list,
    "tensor_list_from_tensor": tensor_list_from_tensor,
    "tensor_list_get_item": tensor_list_get_item,
    "tensor_list_set_item": tensor_list_set_item,
    "tensor_list_push_back": tensor_list_push_back,
    "tensor_list_stack": tensor_list_stack,
    "tensor_list_length": tensor_list_length,
}
