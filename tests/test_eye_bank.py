from dataclasses import replace

import pytest
import torch

from gazebench import plugins
from gazebench.baselines import eye_bank
from gazebench.baselines.eye_bank import EyeBank
from gazebench.dataset.batches import Batch, eye_patches, paste_patches, to_float, to_uint8
from gazebench.errors import InputError, MethodError
from gazebench.methods import Task

TASK = Task(resolution=64, window=(8, 12))
BOXES = torch.tensor([[14, 20, 26, 28], [36, 20, 48, 28]])


def portraits(ids: str, seed: int = 0, boxes: torch.Tensor = BOXES) -> Batch:
    """One blurred random picture per letter, eye boxes in the same place; a letter has its look."""
    pictures = []
    for letter in ids:
        generator = torch.Generator().manual_seed(1000 * seed + ord(letter))
        coarse = torch.rand(1, 3, 9, 9, generator=generator) * 1.6 - 0.8
        pictures.append(torch.nn.functional.interpolate(coarse, size=(64, 64), mode="bilinear")[0])
    mask = torch.zeros(len(ids), 1, 64, 64)
    for left, top, right, bottom in boxes.tolist():
        mask[:, :, max(top, 0) : bottom, max(left, 0) : right] = 1
    eyes = boxes.expand(len(ids), 2, 4).clone()
    image = to_float(to_uint8(torch.stack(pictures)))  # a bank keeps 8 bits
    return Batch(tuple(ids), image, mask, eyes)


def bank(*batches: Batch, **settings: float) -> EyeBank:
    method = EyeBank(EyeBank.Config.model_validate(settings), TASK)
    method.prepare(batches)
    return method


def picks(method: EyeBank, batch: Batch) -> list[str]:
    return [method.ids[row] for row in method.nearest(batch)]


def averted(batch: Batch, ids: str) -> Batch:
    """The same faces under other ids, the middle of each eye mirrored."""
    patches = eye_patches(batch.image, batch.eyes)
    patches[..., 2:6, 2:10] = patches[..., 2:6, 2:10].flip(-1)
    return replace(batch, ids=tuple(ids), image=paste_patches(batch.image, batch.eyes, patches))


def test_every_pixel_outside_the_boxes_is_the_sources():
    away = portraits("xyz", seed=1)
    corrected = bank(portraits("abcd")).correct(away)
    outside = (away.mask == 0).expand_as(away.image)
    assert torch.equal(corrected[outside], away.image[outside])


def test_the_eyes_change_and_stay_in_range():
    away = portraits("xyz", seed=1)
    corrected = bank(portraits("abcd")).correct(away)
    middle = corrected[:, :, 24, [20, 42]] - away.image[:, :, 24, [20, 42]]
    assert (middle.abs().amax((1, 2)) > 0.02).all()
    assert corrected.abs().max() <= 1


def test_the_edge_of_a_box_hardly_changes():
    away = portraits("xyz", seed=1)
    change = eye_patches(bank(portraits("abcd")).correct(away) - away.image, away.eyes).abs()
    edge = torch.cat([change[..., 0, :].flatten(), change[..., 0].flatten()])
    assert edge.max() < 0.05 * change.max()


def test_finds_the_same_face_when_only_its_gaze_differs():
    looking = portraits("abcdefgh")
    assert picks(bank(looking), averted(looking, "stuvwxyz")) == list("abcdefgh")


def test_both_eyes_come_from_the_nearest_portrait():
    looking = portraits("abcd")
    away = averted(looking, "wxyz")
    center = eye_patches(bank(looking).correct(away), away.eyes)[..., 3:5, 5:7]
    expected = eye_patches(looking.image, looking.eyes)[..., 3:5, 5:7]
    assert torch.allclose(center, expected, atol=1e-5)


def test_a_portrait_never_gets_its_own_eyes():
    looking = portraits("abcdef")
    chosen = picks(bank(looking), looking)
    assert all(own != other for own, other in zip(looking.ids, chosen, strict=True))


def test_a_tie_goes_to_the_first_id():
    twins = replace(portraits("aaa"), ids=("q", "m", "t"))
    assert picks(bank(twins), replace(portraits("a"), ids=("m",))) == ["q"]
    assert picks(bank(twins), replace(portraits("a"), ids=("z",))) == ["m"]


def test_same_output_however_bank_and_portraits_are_split_and_ordered():
    away = portraits("xyz", seed=1)
    whole = bank(portraits("abcdef")).correct(away)
    method = bank(portraits("fd"), portraits("e"), portraits("bca"))
    single = [method.correct(portraits(letter, seed=1)) for letter in "xyz"]
    assert torch.equal(whole, torch.cat(single))
    assert torch.equal(whole, method.correct(away))


def test_the_batch_is_left_alone():
    away = portraits("xyz", seed=1)
    before = away.image.clone()
    bank(portraits("abcd")).correct(away)
    assert torch.equal(away.image, before)


def test_what_stays_in_a_small_bank_depends_on_ids_alone():
    one = bank(portraits("abcdefghij"), bank_size=4)
    other = bank(portraits("jihg"), portraits("fedcba"), bank_size=4)
    assert one.ids == other.ids
    assert len(one.ids) == 4


def test_a_flat_portrait_is_left_as_it_is_by_flat_eyes():
    looking = portraits("ab")
    flat = replace(looking, image=torch.full_like(looking.image, 0.5))
    corrected = bank(flat).correct(replace(flat, ids=("x", "y")))
    assert torch.equal(to_uint8(corrected), to_uint8(flat.image))


def test_works_where_a_box_touches_the_frame():
    corner = torch.tensor([[0, 0, 12, 8], [52, 56, 64, 64]])
    away = portraits("xy", seed=1, boxes=corner)
    assert bank(portraits("abc", boxes=corner)).correct(away).isfinite().all()


@pytest.mark.parametrize("window", [(1, 1), (3, 5), (31, 17)])
def test_works_with_any_window(window):
    height, width = window
    boxes = torch.tensor([[2, 20, 2 + width, 20 + height], [30, 20, 30 + width, 20 + height]])
    away = portraits("xy", seed=1, boxes=boxes)
    corrected = bank(portraits("abc", boxes=boxes)).correct(away)
    assert corrected.isfinite().all()
    assert corrected.shape == away.image.shape


def test_color_match_takes_over_the_skin_tone():
    own, other = torch.full((1, 3, 8, 12), -0.2), torch.full((1, 3, 8, 12), 0.3)
    assert torch.allclose(eye_bank.match_colors(own, other), own, atol=1e-5)


def test_brighter_light_does_not_make_the_white_of_an_eye_glow():
    other = torch.full((1, 3, 12, 20), -0.2)
    other[..., 5:7, 8:12] = 0.4  # 0.6 brighter than the skin
    own = torch.full((1, 3, 12, 20), 0.1)
    white = eye_bank.match_colors(own, other)[..., 5:7, 8:12]
    assert white.max() <= 0.1 + 0.6 + 1e-5


def test_without_portraits_says_how_to_label_some():
    with pytest.raises(MethodError, match="gazebench label import"):
        bank()


def test_correct_before_prepare_is_an_error_that_says_so():
    method = EyeBank(EyeBank.Config(), TASK)
    with pytest.raises(MethodError, match="prepare"):
        method.correct(portraits("x"))


def test_a_bank_of_the_portrait_alone_is_an_error():
    only = portraits("a")
    with pytest.raises(MethodError, match="only 'a'"):
        bank(only).correct(only)


def test_a_bank_size_of_none_is_refused():
    with pytest.raises(ValueError, match="bank_size"):
        EyeBank.Config(bank_size=0)


def test_both_controls_are_found_by_their_file_names():
    from gazebench import baselines

    for name in ("identity", "eye_bank"):
        card = plugins.load(baselines, name, marker="card").card
        assert card.kind == "control"
        assert card.keeps_outside
    with pytest.raises(InputError, match="eye_bank"):
        plugins.load(baselines, "eyebank", marker="card")
