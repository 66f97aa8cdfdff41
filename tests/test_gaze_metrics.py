"""Where eyes look, harm, sharpness and seams: hand-worked values, and damage with its direction."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_faces import synthetic
from torch.nn import functional

from gazebench import metrics, plugins
from gazebench.contract.portraits import drawn_dataset
from gazebench.dataset import Split
from gazebench.dataset.batches import Batch, eye_patches, paste_patches, to_float
from gazebench.errors import GazebenchError, InputError
from gazebench.metrics import _open_model_zoo as zoo
from gazebench.metrics._estimate import Scale, angles_of, mean_spread, nearest_heads
from gazebench.metrics._eye_contact import Judge, Standing, _by_head, equal_error
from gazebench.metrics._gaze import OpenModelZoo, angles_deg
from gazebench.metrics._networks import Instruments
from gazebench.metrics.blur_eyes import BlurEyes
from gazebench.metrics.eye_contact import EyeContact
from gazebench.metrics.gaze_bias import GazeBias
from gazebench.metrics.gaze_error import GazeError
from gazebench.metrics.seam_eyes import SeamEyes

OPENVINO = Path(__file__).parents[2] / "shared" / "weights" / "openvino"


@pytest.fixture(scope="module")
def instruments(gaze_weights):
    """Networks that are loaded once."""
    return Instruments()


@pytest.fixture(scope="module")
def faces():
    """Sixteen synthetic faces of four people, half of them looking at the camera."""
    return synthetic(range(16))


@pytest.mark.parametrize(
    ("direction", "yaw", "pitch", "error"),
    [
        ((0, 0, 1), 0, 0, 0),
        ((0.5, 0, 0.75**0.5), 30, 0, 30),
        ((-0.5, 0, 0.75**0.5), -30, 0, 30),
        ((0, 0.5, 0.75**0.5), 0, 30, 30),
        ((0, 0, -1), 180, 0, 180),
        ((0.6**0.5, -(0.2**0.5), 0.2**0.5), 60, -26.565, 63.435),
    ],
)
def test_angles_by_hand(direction, yaw, pitch, error):
    found = [float(v) for v in angles_deg(torch.tensor([direction], dtype=torch.float64))]
    assert found == pytest.approx([yaw, pitch, error], abs=1e-3)


def test_tiny_angles_are_exact():
    direction = torch.tensor([[1e-6, 0.0, 1.0]], dtype=torch.float64)
    assert float(angles_deg(direction)[2]) == pytest.approx(np.degrees(1e-6), rel=1e-6)


def test_the_networks_are_those_of_their_publisher(instruments):
    ov = pytest.importorskip("openvino")
    if not OPENVINO.is_dir():
        pytest.skip("the publisher's graphs are not here")
    core, rng = ov.Core(), np.random.default_rng(0)
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    gaze, head = (
        core.compile_model(OPENVINO / f"{name.replace('_', '-')}.xml", "CPU", exact)
        for name in (zoo.GAZE, zoo.HEAD_POSE)
    )
    left, right = rng.uniform(0, 255, (2, 1, 3, 60, 60)).astype(np.float16)
    pose = rng.uniform(-30, 30, (1, 3)).astype(np.float16)
    inputs = {"left_eye_image": left, "right_eye_image": right, "head_pose_angles": pose}
    direction = next(iter(gaze(inputs).values()))[0].astype(np.float64)
    direction = direction / np.linalg.norm(direction) * [1, 1, -1]
    said = head(left)
    expected = [said[name].item() for name in ("angle_y_fc", "angle_p_fc", "angle_r_fc")]

    tensors = [torch.from_numpy(a.astype(np.float32)) for a in (left, right, pose)]
    ours = zoo.load(zoo.GazeNetwork(), instruments.file(zoo.GAZE))
    np.testing.assert_allclose(ours(*tensors)[0], direction, atol=1e-5)
    ours = zoo.load(zoo.HeadPoseNetwork(), instruments.file(zoo.HEAD_POSE))
    np.testing.assert_allclose(ours(tensors[0])[0], expected, atol=1e-3)


def correlations(instruments, batch, true):
    found = angles_of(instruments, batch, batch.image)
    angles = np.stack([found["yaw"], found["pitch"]], axis=1)
    return [float(np.corrcoef(angles[:, k], true[:, k])[0, 1]) for k in (0, 1)]


def test_estimated_gaze_follows_the_true_one(instruments, faces):
    yaw, pitch = correlations(instruments, *faces)
    assert yaw > 0.85
    assert pitch > 0.3  # of sixteen faces; the slow test below has enough


@pytest.mark.slow
def test_estimated_gaze_follows_the_true_one_on_300_faces(instruments):
    yaw, pitch = correlations(instruments, *synthetic(range(300)))
    assert yaw >= 0.9
    assert pitch == pytest.approx(0.77, abs=0.03)  # as the card of gaze_error says; below 0.8


def test_a_mirrored_portrait_looks_to_the_other_side(instruments, faces):
    batch, _ = faces
    width = batch.image.shape[-1]
    boxes = batch.eyes.flip(1)[..., [2, 1, 0, 3]].clone()
    boxes[..., ::2] = width - boxes[..., ::2]
    mirror = Batch(batch.ids, batch.image.flip(-1), batch.mask.flip(-1), boxes)
    estimator = OpenModelZoo(instruments)
    there, back = (estimator.directions(b, b.image) for b in (batch, mirror))
    torch.testing.assert_close(back * torch.tensor([-1.0, 1, 1]), there, atol=1e-4, rtol=0)


def test_a_larger_portrait_looks_where_it_did(instruments):
    (small, _), (large, _) = synthetic(range(4)), synthetic(range(4), side=512)
    found = [angles_of(instruments, b, b.image)["error"] for b in (small, large)]
    assert found[0] == pytest.approx(found[1], abs=4)


def test_equal_error_lies_where_both_domains_err_alike():
    x, y = torch.tensor([3.0, 4, 5, 1]), torch.tensor([0.0, 1, 2, 3.5])
    line = equal_error(x, y)
    assert float((x < line).double().mean()) == float((y >= line).double().mean()) == 0.25


def test_standing_by_hand():
    found = Standing.of(torch.tensor([2.0, 3.0]), torch.tensor([1.0, 2.0]), threshold=2.0)
    # of four pairs three are in order and one is level
    assert found == Standing(auc=0.875, real_x=1.0, real_y=0.5)


def test_standing_without_a_domain_says_so():
    found = Standing.of(torch.tensor([2.0]), torch.zeros(0), threshold=2.0)
    assert found == Standing(auc=None, real_x=1.0, real_y=None)
    assert "real test Y - (floor)" in found.sentence("Eye contact")


def test_what_x_has_with_heads_turned_as_those_of_y_stands_beside_the_ceiling():
    found = replace(Standing(auc=0.9, real_x=1.0, real_y=0.0), x_turned=0.75)
    beside = "(ceiling), real training X with heads turned as those of test Y 0.750, real test Y"
    assert beside in found.sentence("Eye contact")


def turned(*turns):
    """Portraits whose heads are turned by yaw and pitch."""
    portraits = drawn_dataset(64, count=len(turns)).manifest.portraits
    return [
        replace(p, measures=replace(p.measures, yaw_deg=yaw, pitch_deg=pitch))
        for p, (yaw, pitch) in zip(portraits, turns, strict=True)
    ]


def test_heads_that_are_turned_alike_are_found_by_yaw_and_pitch():
    found = turned((0, 0), (20, 0), (0, -20), (19, 2))
    nearest = nearest_heads(found, turned((25, 0), (1, -15)), 2)
    assert nearest is not None
    assert nearest.tolist() == [[1, 3], [2, 0]]
    assert nearest_heads(found, turned((None, 3)), 2) is None
    assert nearest_heads(found, [], 2) is None
    fewer = nearest_heads(found[:1], turned((9, 9)), 4)
    assert fewer is not None
    assert fewer.tolist() == [[0]]


def test_the_judge_needs_labels():
    with pytest.raises(InputError, match="20 labelled training portraits of each domain"):
        Judge.of(drawn_dataset(64), Instruments())


def test_the_judge_is_the_same_every_time_and_leaves_random_numbers_alone():
    pixels = drawn_dataset(64, count=40)
    before = torch.random.get_rng_state()
    one, other = (Judge.of(pixels, Instruments()) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    batch = pixels.batch(pixels.manifest.portraits)
    assert torch.equal(one.scores(batch, batch.image), other.scores(batch, batch.image))
    assert one.threshold == other.threshold
    around = replace(batch, image=batch.image.where(batch.mask > 0, -batch.image))
    assert torch.equal(one.scores(batch, around.image), one.scores(batch, batch.image))


def test_how_far_the_turn_of_the_head_alone_goes_stands_beside_the_judge():
    found = replace(Standing(auc=0.9, real_x=1.0, real_y=0.0), auc_by_head=0.8)
    assert "AUC on them 0.900 (0.800 by the turn of the head alone)" in found.sentence("Eyes")
    manifest = drawn_dataset(64, count=8).manifest
    turned = tuple(
        replace(
            p,
            split=Split.TEST,
            measures=replace(p.measures, yaw_deg=-40.0 if p.domain == "Y" else 5.0),
        )
        for p in manifest.portraits
    )
    assert _by_head(replace(manifest, portraits=turned)) == 1.0
    assert _by_head(replace(manifest, portraits=())) is None


def test_eye_contact_without_a_dataset_is_a_named_dash(faces):
    batch, _ = faces
    with pytest.raises(InputError, match="needs a dataset with labels"):
        EyeContact(Instruments()).update(batch, batch.image)


def test_gaze_error_says_what_real_portraits_have(instruments):
    metric, pixels = GazeError(instruments), drawn_dataset(256)
    metric.prepare(pixels)
    batch = pixels.batch(pixels.manifest.portraits)
    metric.update(batch, batch.image)
    assert metric.compute().note == ""  # no test half there
    scale = Scale.of(pixels, instruments)
    assert scale.real_x["error"] is None


def plain(value=100, side=64):
    """One grey portrait with two eye boxes of 10x20."""
    image = to_float(torch.full((1, 3, side, side), float(value)))
    eyes = torch.tensor([[[8, 20, 28, 30], [36, 20, 56, 30]]])
    mask = torch.zeros(1, 1, side, side)
    mask[..., 20:30, 8:28] = mask[..., 20:30, 36:56] = 1
    return Batch(("grey",), image, mask, eyes)


def value_of(metric, source, corrected):
    metric.update(source, corrected)
    return metric.compute().value


def striped(amplitude):
    """Columns of 100 and of 100 plus ``amplitude``, turn by turn."""
    batch = plain()
    batch.image[..., ::2] += amplitude / 127.5
    return batch


def test_blur_by_hand():
    # a column's Laplacian is twice the amplitude up or down: the variance is 4 amplitudes squared
    found = value_of(BlurEyes(Instruments()), striped(60), striped(30).image)
    assert found == pytest.approx(4)


def test_blur_of_a_single_point_by_hand():
    one, two = plain(), plain()
    for batch, height in ((one, 40), (two, 80)):
        for left in (18, 46):  # off the patch's edges, in both eyes
            batch.image[0, :, 25, left] += height / 127.5
    # Laplacian: -4 h at the point, h at its four neighbours, their mean 0; variance goes by h²
    assert value_of(BlurEyes(Instruments()), one, two.image) == pytest.approx(1 / 4, rel=1e-6)


def test_eyes_of_one_colour_have_no_sharpness():
    with pytest.raises(InputError, match="grey: its eyes are of one colour"):
        BlurEyes(Instruments()).update(striped(30), plain().image)


def test_seam_by_hand():
    source = plain()
    lighter = source.image + source.mask * 10 / 127.5
    assert value_of(SeamEyes(Instruments()), source, lighter) == pytest.approx(10, abs=1e-4)
    assert value_of(SeamEyes(Instruments()), source, source.image) == 0


def test_a_box_at_the_edge_has_fewer_sides():
    source = plain()
    source.eyes[0, 0] = torch.tensor([0, 0, 20, 10])
    lighter = source.image.clone()
    lighter[..., :10, :20] += 10 / 127.5
    # 20 pixels below and 10 to the right have a step, the other box's 60 have none
    found = value_of(SeamEyes(Instruments()), source, lighter)
    assert found == pytest.approx(10 * 30 / 90, abs=1e-4)


def blurred(batch):
    patches = eye_patches(batch.image, batch.eyes)
    soft = functional.avg_pool2d(patches.flatten(0, 1), 5, 1, 2, count_include_pad=False)
    return paste_patches(batch.image, batch.eyes, soft.reshape(patches.shape))


def shifted(batch):
    patches = eye_patches(batch.image, batch.eyes)
    return paste_patches(batch.image, batch.eyes, patches.roll(2, dims=-1))


def without_catch_light(batch):
    patches = eye_patches(batch.image, batch.eyes)
    return paste_patches(batch.image, batch.eyes, patches.clamp(max=0.3))


def framed(batch):
    return (batch.image + batch.mask * 24 / 127.5).clamp(-1, 1)


def of_others(batch):
    patches = eye_patches(batch.image, batch.eyes)
    return paste_patches(batch.image, batch.eyes, patches.roll(2, dims=0))  # two of one person each


def tinted(batch):
    red = torch.tensor([0.2, 0.0, -0.1]).view(1, 3, 1, 1)
    return (batch.image + batch.mask * red).clamp(-1, 1)


def larger(batch):
    """The eyes a sixth larger, in boxes of the old size."""
    patches = eye_patches(batch.image, batch.eyes)
    height, width = patches.shape[-2:]
    top, left = height // 14, width // 14
    middle = patches.flatten(0, 1)[..., top : height - top, left : width - left]
    enlarged = functional.interpolate(middle, (height, width), mode="bilinear")
    return paste_patches(batch.image, batch.eyes, enlarged.reshape(patches.shape))


# damage → metric → 1 where it must rise, -1 where it must fall
DAMAGE = {
    blurred: {"blur_eyes": 1, "harm_lpips": 1, "harm_ms_ssim": -1, "identity_cosine": -1},
    shifted: {"harm_lpips": 1, "harm_ms_ssim": -1, "seam_eyes": 1, "identity_cosine": -1},
    without_catch_light: {
        "blur_eyes": 1,
        "catch_light": -1,
        "harm_lpips": 1,
        "harm_ms_ssim": -1,
    },
    larger: {"iris_size": 1, "harm_lpips": 1, "harm_ms_ssim": -1},
    framed: {"seam_eyes": 1, "harm_lpips": 1, "harm_ms_ssim": -1, "identity_cosine": -1},
    of_others: {"seam_eyes": 1, "harm_lpips": 1, "harm_ms_ssim": -1, "identity_cosine": -1},
    tinted: {"seam_eyes": 1, "harm_lpips": 1, "harm_ms_ssim": -1, "identity_cosine": -1},
}


@pytest.fixture(scope="module")
def few(faces):
    """Two faces of each of the first two people."""
    batch, _ = faces
    rows = [0, 1, 4, 5]
    ids = tuple(batch.ids[row] for row in rows)
    return Batch(ids, batch.image[rows], batch.mask[rows], batch.eyes[rows])


@pytest.fixture(scope="module")
def undamaged(instruments, few):
    """The value of a metric for portraits that nothing changed, computed once."""
    return functools.cache(lambda name: of_metric(name, instruments, few, few.image))


def of_metric(name, instruments, source, corrected):
    metric = metrics.load(metrics, name)(instruments)
    getattr(metric, "update_camera", metric.update)(source, corrected)
    return metric.compute().value


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda d: d.__name__)
def test_damage_shows_in_the_right_direction(damage, instruments, few, undamaged):
    damaged = damage(few)
    for name, sign in DAMAGE[damage].items():
        value = of_metric(name, instruments, few, damaged)
        assert sign * (value - undamaged(name)) > 0, name


@pytest.mark.parametrize("name", [n for n in plugins.names(metrics) if n.startswith("harm_")])
def test_harm_counts_portraits_of_the_camera_alone(name, instruments, faces):
    batch, _ = faces
    metric = metrics.load(metrics, name)(instruments)
    metric.update(batch, batch.image)
    with pytest.raises(GazebenchError, match="no finite value for any portrait"):
        metric.compute()


@pytest.mark.parametrize("name", ["catch_light", "iris_size"])
def test_a_source_whose_irises_are_not_found_counts_nowhere(name, instruments, few):
    hidden = replace(few, image=few.image.where(few.mask == 0, torch.zeros(())))
    metric = metrics.load(metrics, name)(instruments)
    metric.update(few, few.image)
    alone = metric.compute().value
    metric.update(replace(hidden, ids=tuple(f"{id_}_hidden" for id_ in few.ids)), few.image)
    assert metric.compute().value == alone


def test_the_interval_of_a_bias_holds_it_where_there_is_none_too():
    """Yaw and pitch of normal scatter; both the corrected and the real portraits are few."""
    rng = np.random.default_rng(5)
    mix, metric = np.array([[7.0, 0.0], [2.0, 4.0]]), GazeBias.__new__(GazeBias)
    for bias, n, real in ((0.0, 12, 30), (0.0, 100, 100), (4.0, 100, 100)):
        held = []
        for _ in range(400):
            rows = rng.normal(size=(n, 2)) @ mix + (bias, 0.0)
            others = rng.normal(size=(real, 2)) @ mix
            means = dict(zip(("yaw", "pitch"), others.mean(0), strict=True))
            metric._scale = replace(
                SCALE, real_x=means, real_x_spread=mean_spread(others), real_x_n=real
            )
            metric._angles = {str(i): tuple(row) for i, row in enumerate(rows)}
            low, high = metric.compute().interval or (np.nan, np.nan)
            held.append(low <= bias <= high)
        assert np.mean(held) > 0.95
    metric._angles = {"0": (0.0, 0.0), "1": (1.0, 1.0)}
    assert metric.compute().interval is None


SCALE = Scale(
    zero_deg=None,
    threshold_deg=None,
    standing=Standing(auc=None, real_x=None, real_y=None),
    real_x={},
    real_x_spread=None,
    real_x_n=0,
    error_x_turned=None,
)
