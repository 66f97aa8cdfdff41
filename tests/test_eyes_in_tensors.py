"""Eye windows in tensors: against TensorFlow's formula, and as round trips."""

from typing import Any

import numpy as np
import pytest
import torch
from gaze_batches import noise, portraits
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from gazebench.baselines._cfm import Fine, crop_size
from gazebench.baselines._gazegan_shared import (
    around,
    crop_resized,
    doubled,
    halved,
    joined,
    mask_of,
    mirrored,
    parted,
    seen,
    snapped,
)
from gazebench.dataset.batches import eye_patches, paste_patches, to_uint8
from gazebench.methods import Task

pytestmark = pytest.mark.usefixtures("one_thread")
SIDE, WINDOW = 48, (6, 10)
BOX = tuple[int, int, int, int]


def corners() -> st.SearchStrategy[Any]:
    """Two corners whose windows do not overlap and lie in the image."""
    half, last = SIDE // 2, SIDE - WINDOW[0]
    return st.tuples(
        st.tuples(st.integers(0, half - WINDOW[1]), st.integers(0, last)),
        st.tuples(st.integers(half, SIDE - WINDOW[1]), st.integers(0, last)),
    )


def sampled(start: int, end: int, side: int, size: int) -> NDArray[np.float64]:
    """Where crop_and_resize reads, in pixels, for a box normalised by the image's side."""
    first, last = start / side, end / side
    return first * (side - 1) + np.arange(size) * (last - first) * (side - 1) / (size - 1)


def crop_and_resize(image: NDArray[Any], box: BOX, size: int) -> NDArray[np.float64]:
    """TensorFlow's, (3, S, S) of (3, H, W); NaN less than a pixel outside the image."""
    side, (left, top, right, bottom) = image.shape[-1], box
    places = [sampled(*ends, side, size) for ends in ((top, bottom), (left, right))]
    near = [np.clip(p, 0, side - 1) for p in places]
    low = [np.floor(p).astype(int) for p in near]
    high = [np.ceil(p).astype(int) for p in near]
    (y, x), (y0, x0), (y1, x1) = [n - lo for n, lo in zip(near, low, strict=True)], low, high
    upper = image[:, y0][:, :, x0] * (1 - x) + image[:, y0][:, :, x1] * x
    lower = image[:, y1][:, :, x0] * (1 - x) + image[:, y1][:, :, x1] * x
    cut = upper * (1 - y)[:, None] + lower * y[:, None]
    far = [(p < -1e-4) | (p > side - 1 + 1e-4) for p in places]
    gone = [(p <= -1) | (p >= side) for p in places]
    cut[:, far[0][:, None] | far[1]] = np.nan
    cut[:, gone[0][:, None] | gone[1]] = 0
    return cut


@settings(deadline=None)
@given(st.tuples(st.integers(-9, 40), st.integers(-9, 40), st.integers(2, 30), st.integers(2, 30)))
def test_resized_crops_are_those_of_tensorflow(place: BOX) -> None:
    left, top, width, height = place
    box = left, top, left + width, top + height
    image = torch.rand(1, 3, 40, 40, generator=noise()) * 2 - 1
    found = crop_resized(image, torch.tensor([[box, box]]), 16)[0]
    expected = crop_and_resize(image[0].numpy(), box, 16)
    # grid_sample fades to zero over the pixel beyond the border, crop_and_resize is zero at once
    known = ~np.isnan(expected)
    assert np.abs(found[0].numpy() - expected)[known].max(initial=0) < 1e-4
    assert torch.equal(found[0], found[1])


def test_a_window_of_the_size_of_its_patch_is_read_in_place() -> None:
    batch = portraits(SIDE, (SIDE, SIDE), [((0, 0), (0, 0))])
    assert torch.allclose(
        crop_resized(batch.image, batch.eyes, SIDE)[0, 0], batch.image[0], atol=1e-5
    )


@settings(deadline=None, max_examples=30)
@given(corners())
def test_crops_are_the_eye_patches_and_go_back_where_they_were(pair: Any) -> None:
    batch = portraits(SIDE, WINDOW, [pair])
    patches = eye_patches(batch.image, batch.eyes, WINDOW)
    assert torch.equal(patches, eye_patches(batch.image, batch.eyes))
    for eye, (left, top, right, bottom) in enumerate(batch.eyes[0].tolist()):
        assert torch.equal(patches[0, eye], batch.image[0, :, top:bottom, left:right])
    assert torch.equal(paste_patches(batch.image, batch.eyes, patches), batch.image)
    other = paste_patches(batch.image, batch.eyes, -patches)
    outside = mask_of(batch.eyes, SIDE) == 0
    assert torch.equal(other * outside, batch.image * outside)
    assert torch.equal(eye_patches(other, batch.eyes, WINDOW), -patches)


def test_gradients_come_back_through_crop_and_paste() -> None:
    batch = portraits(SIDE, WINDOW, [((1, 3), (30, 5))])
    image = batch.image.clone().requires_grad_()
    eye_patches(image, batch.eyes, WINDOW).sum().backward()
    assert image.grad is not None
    assert torch.equal(image.grad, batch.mask.expand(-1, 3, -1, -1))


def test_joined_is_undone_by_parted() -> None:
    pairs = torch.rand(2, 2, 3, 4, 5)
    assert joined(pairs).shape == (2, 6, 4, 5)
    assert torch.equal(joined(pairs)[:, 3:], pairs[:, 1])
    assert torch.equal(parted(joined(pairs)), pairs)


@settings(deadline=None, max_examples=30)
@given(corners())
def test_the_mask_of_windows_is_the_batchs(pair: Any) -> None:
    batch = portraits(SIDE, WINDOW, [pair])
    assert torch.equal(mask_of(batch.eyes, SIDE), batch.mask)


@settings(deadline=None, max_examples=30)
@given(corners())
def test_mirroring_swaps_the_eyes_and_twice_is_nothing(pair: Any) -> None:
    batch = portraits(SIDE, WINDOW, [pair])
    once, twice = mirrored(batch), mirrored(mirrored(batch))
    for name in ("image", "mask", "eyes"):
        assert torch.equal(getattr(twice, name), getattr(batch, name))
    eyes = eye_patches(batch.image, batch.eyes)
    assert torch.equal(eye_patches(once.image, once.eyes), eyes.flip(1).flip(-1))
    assert torch.equal(mask_of(once.eyes, SIDE), once.mask)
    assert (once.eyes[:, 0, 0] < once.eyes[:, 1, 0]).all()


@settings(deadline=None, max_examples=30)
@given(corners())
def test_windows_snap_up_and_left_to_even_corners(pair: Any) -> None:
    eyes = portraits(SIDE, WINDOW, [pair]).eyes
    moved = snapped(eyes)
    assert (moved[..., :2] % 2 == 0).all()
    assert ((eyes - moved >= 0) & (eyes - moved <= 1)).all()
    assert torch.equal(moved[..., 2:] - moved[..., :2], eyes[..., 2:] - eyes[..., :2])


@settings(deadline=None, max_examples=30)
@given(corners())
def test_a_window_at_half_size_covers_whole_pixels(pair: Any) -> None:
    batch = portraits(SIDE, WINDOW, [pair])
    image, eyes = seen(batch, 2)
    assert torch.equal(
        doubled(mask_of(eyes, SIDE // 2), "nearest"), mask_of(snapped(batch.eyes), SIDE)
    )
    assert torch.allclose(
        image, batch.image.unflatten(2, (-1, 2)).unflatten(4, (-1, 2)).mean((3, 5))
    )


@settings(deadline=None, max_examples=30)
@given(corners())
def test_the_refiners_crops_hold_their_windows_and_stay_in_the_image(pair: Any) -> None:
    task = Task(SIDE, WINDOW)
    eyes = portraits(SIDE, WINDOW, [pair]).eyes
    boxes = around(snapped(eyes), *crop_size(task), SIDE)
    assert (boxes[..., :2] >= 0).all()
    assert (boxes[..., 2:] <= SIDE).all()
    assert (boxes[..., :2] <= eyes[..., :2]).all()
    assert (boxes[..., 2:] >= eyes[..., 2:]).all()


@pytest.mark.parametrize(
    ("side", "window", "size"), [(256, (30, 50), (44, 64)), (512, (46, 80), (64, 96))]
)
def test_the_refiners_crops_have_the_published_sizes(side: int, window: Any, size: Any) -> None:
    assert crop_size(Task(side, window)) == size


def taken_apart(seed: int = 0, upsampling: str = "bilinear") -> tuple[Any, Fine]:
    batch = portraits(SIDE, WINDOW, [((3, 7), (31, 8)), ((0, 0), (38, 42))], seed)
    return batch, Fine.of(batch, Task(SIDE, WINDOW), upsampling)


@pytest.mark.parametrize("upsampling", ["bilinear", "nearest"])
def test_an_unchanged_coarse_image_gives_the_portrait_outside_its_windows(upsampling: str) -> None:
    batch, fine = taken_apart(upsampling=upsampling)
    rebuilt = fine.rebuilt(halved(batch.image))
    outside = (mask_of(snapped(batch.eyes), SIDE) == 0).expand_as(rebuilt)
    assert (rebuilt - batch.image)[outside].abs().max() < 1e-6
    assert torch.equal(to_uint8(rebuilt)[outside], to_uint8(batch.image)[outside])
    assert (to_uint8(rebuilt) != to_uint8(batch.image))[~outside].any()


def test_details_and_the_coarse_image_make_the_portrait_and_windows_lose_their_details() -> None:
    batch, fine = taken_apart()
    details = batch.image - doubled(halved(batch.image))
    assert torch.equal(to_uint8(doubled(halved(batch.image)) + details), to_uint8(batch.image))
    assert torch.equal(fine.rest, details * (1 - mask_of(snapped(batch.eyes), SIDE)))


def changed_outside(fine: Fine, before: Tensor, after: Tensor) -> tuple[int, int]:
    """Pixels outside the windows that another coarse image changes: rebuilt, and pasted."""
    outside = mask_of(snapped(fine.eyes), fine.image.shape[-1]) == 0
    rebuilt = [fine.rebuilt(coarse) for coarse in (before, after)]
    pasted = fine.pasted(fine.eyes_of(rebuilt[1]))
    leaked = (rebuilt[0] != rebuilt[1]).any(1, keepdim=True) & outside
    kept = mask_of(fine.eyes, fine.image.shape[-1]) == 0
    return int(leaked.sum()), int(((pasted != fine.image).any(1, keepdim=True) & kept).sum())


@pytest.mark.parametrize("corner", [((100, 180), (320, 180)), ((101, 181), (321, 179))])
@pytest.mark.parametrize(("upsampling", "leaked"), [("bilinear", 2 * 256), ("nearest", 0)])
def test_what_bilinear_upsampling_leaks_around_a_window_is_not_pasted(
    corner: Any, upsampling: str, leaked: int
) -> None:
    batch = portraits(512, (46, 80), [corner])
    fine = Fine.of(batch, Task(512, (46, 80)), upsampling)
    coarse, eyes = seen(batch, 2)
    inside = mask_of(eyes, 256)
    other = torch.where(inside > 0, 0.9 - coarse, coarse)
    assert changed_outside(fine, coarse, other) == (leaked, 0)
