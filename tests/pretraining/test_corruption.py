"""What is done to examples: how much changes, what stays, and that the dice are torch's."""

from __future__ import annotations

import pytest
import torch

from regraft.errors import BadArgument
from regraft.network import InputSpec
from regraft.pretraining import corruption
from regraft.pretraining.corruption import Change, changes, require_square

PICTURES = InputSpec(name="x", shape=(None, 12, 12, 2), layout="NHWC")
ROWS = InputSpec(name="x", shape=(None, 50), layout="flat")


def batch(spec: InputSpec) -> torch.Tensor:
    """Forty examples, every number of them another."""
    shape = (40, *(size or 0 for size in spec.shape[1:]))
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape) + 1


@pytest.mark.parametrize("spec", [PICTURES, ROWS])
def test_the_same_dice_give_the_same(spec: InputSpec) -> None:
    for change in (*changes(spec).values(), corruption.masked):
        found = list[torch.Tensor]()
        for seed in (0, 0, 1):
            torch.manual_seed(seed)
            found.append(change(batch(spec)))
        assert torch.equal(found[0], found[1])
        assert not torch.equal(found[0], found[2])
        assert not torch.equal(found[0], batch(spec))


def test_masking_makes_three_in_ten_zero() -> None:
    torch.manual_seed(0)
    found = corruption.masked(batch(ROWS))
    assert (found == 0).float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(found[found != 0], batch(ROWS)[found != 0])


def test_cells_come_from_their_column() -> None:
    torch.manual_seed(0)
    rows = batch(ROWS)
    found = corruption.with_cells_shuffled(rows)
    assert (found != rows).float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert all(set(found[:, column].tolist()) <= set(rows[:, column].tolist()) for column in range(rows.shape[1]))


@pytest.mark.parametrize("change", [corruption.with_patches_shuffled, corruption.turned])
def test_pixels_only_change_places(change: Change) -> None:
    torch.manual_seed(0)
    pictures = batch(PICTURES)
    found = change(pictures)
    assert torch.equal(found.flatten(1).sort(1).values, pictures.flatten(1).sort(1).values)


def test_patches_stay_whole() -> None:
    torch.manual_seed(0)
    pictures = batch(PICTURES)
    found = corruption.with_patches_shuffled(pictures)
    known = set(patches(pictures[0]))
    assert set(patches(found[0])) == known


def patches(picture: torch.Tensor) -> list[tuple[float, ...]]:
    """The nine patches of a picture (12 12 c)."""
    return [
        tuple(picture[4 * row : 4 * row + 4, 4 * column : 4 * column + 4].flatten().tolist())
        for row in range(3)
        for column in range(3)
    ]


def test_what_no_patch_covers_stays() -> None:
    pictures = torch.rand(5, 11, 10, 1)
    found = corruption.with_patches_shuffled(pictures)
    assert torch.equal(found[:, 9:], pictures[:, 9:])
    assert torch.equal(found[:, :, 9:], pictures[:, :, 9:])


def test_quarters_are_those_of_rot90() -> None:
    pictures = batch(PICTURES)[:4]
    found = corruption.turned_by(pictures, torch.arange(4))
    for quarter in range(4):
        assert torch.equal(found[quarter], torch.rot90(pictures[quarter], quarter, (0, 1)))


def test_an_oblong_picture_is_turned_upside_down() -> None:
    pictures = torch.rand(3, 4, 6, 1)
    assert torch.equal(corruption.turned(pictures), torch.rot90(pictures, 2, (1, 2)))


def test_a_moved_picture_stays_in_its_range_and_place() -> None:
    torch.manual_seed(0)
    pictures = torch.zeros(200, 20, 20, 1)
    pictures[:, 7:13, 7:13] = 1
    found = corruption.moved(pictures)
    assert found.min() >= 0
    assert found.max() <= 1
    assert found[:, 9:11, 9:11].min() > 0.9  # its middle moves by a pixel at most
    assert found[:, :3].max() == 0
    assert (found != pictures).flatten(1).any(1).all()
    torch.testing.assert_close(corruption.moved(torch.ones(3, 8, 6, 2)), torch.ones(3, 8, 6, 2))  # borders go on


def test_noise_is_half_as_wide_as_the_batch() -> None:
    torch.manual_seed(0)
    pictures = torch.randn(64, 12, 12, 2) * 7 + 3
    noise = corruption.with_noise(pictures) - pictures
    assert noise.std().item() == pytest.approx(3.5, rel=0.05)
    assert noise.mean().item() == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("spec", [ROWS, InputSpec(name="x", shape=(None, 4, 6, 1), layout="NHWC")])
def test_only_squares_make_further_classes(spec: InputSpec) -> None:
    with pytest.raises(BadArgument, match="only square pictures can be turned into further classes"):
        require_square(spec)
