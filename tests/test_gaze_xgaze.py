"""The second gaze estimator: the virtual camera by hand, signs, and the network where it is."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from synthetic_faces import synthetic
from torchvision.models import resnet18

from gazebench import weights
from gazebench.contract.portraits import drawn_dataset, synthetic_dataset
from gazebench.dataset import Domain, Split
from gazebench.dataset.batches import Batch, Pixels, eye_patches, paste_patches
from gazebench.errors import InputError
from gazebench.irises import mean_head
from gazebench.metrics._estimate import ByEstimator, Scale, angles_of
from gazebench.metrics._eth_xgaze import XGAZE, EthXGaze, direction_of, normalised, view_of
from gazebench.metrics._gaze import GazeEstimator, OpenModelZoo, angles_deg, to_image
from gazebench.metrics._networks import Instruments
from gazebench.metrics.eye_contact_xgaze import EyeContactXGaze
from gazebench.metrics.gaze_error_xgaze import GazeErrorXGaze
from gazebench.reading import sha256_of
from gazebench.weights import catalogue

OUTER = (33, 263)  # outer corners of the eyes, 90 mm apart in the generic face
APART = 144.0  # pixels: 90 mm at 600 mm with a focal length of 960 pixels


def face(apart=APART, roll=0.0, yaw=0.0, at=(150.0, 140.0)):
    """The generic face as a mesh (468, 3), its corners ``apart`` pixels before it is turned."""
    mesh = mean_head()
    mesh = mesh * apart / np.linalg.norm(mesh[OUTER[1]] - mesh[OUTER[0]])
    turn = Rotation.from_euler("z", roll, degrees=True) * Rotation.from_euler(
        "y", yaw, degrees=True
    )
    return turn.apply(mesh) + np.array([*at, 0])


def middle(mesh):
    """Of eyes and nose, edges counted from 0."""
    eyes, nose = mesh[[33, 133, 362, 263], :2].mean(0), mesh[[240, 460], :2].mean(0)
    return (eyes + nose) / 2 + 0.5


def test_a_frontal_face_at_the_cameras_distance_keeps_its_size():
    mesh = face()
    center, across = view_of(mesh)
    assert across == pytest.approx([1, 0], abs=1e-6)
    assert center == pytest.approx(middle(mesh))
    assert center[0] == pytest.approx(150.5)  # a symmetric face: on its axis


def test_a_face_twice_as_large_is_seen_at_half_the_size():
    assert view_of(face(2 * APART))[1] == pytest.approx([2, 0], abs=1e-6)


@pytest.mark.parametrize("roll", [-40, 25, 90])
def test_the_camera_turns_with_the_head(roll):
    center, across = view_of(face(roll=roll))
    angle = np.radians(roll)
    assert across == pytest.approx([np.cos(angle), np.sin(angle)], abs=1e-6)
    assert center == pytest.approx(middle(face(roll=roll)))


@pytest.mark.parametrize("yaw", [-50, 30])
def test_a_face_turned_aside_is_as_far_away_as_before(yaw):
    _, across = view_of(face(yaw=yaw))
    # its eyes are nearer to each other in the picture, which is no matter of distance
    assert across == pytest.approx([1, 0], abs=1e-6)


def seen(image, mesh):
    center, across = (torch.from_numpy(part).float()[None] for part in view_of(mesh))
    return normalised(image, center, across)


def test_the_face_centre_is_the_pictures_centre():
    image = torch.rand(1, 3, 300, 300)
    mesh = face(at=(150.0, 140.0))
    mesh[:, :2] += np.array([150.0, 140.0]) - middle(mesh)  # a whole pixel's edge
    torch.testing.assert_close(seen(image, mesh), image[..., 28:252, 38:262], atol=1e-4, rtol=0)


def test_a_rolled_face_is_upright_in_the_picture():
    mesh = face(apart=180, roll=30)
    image = torch.zeros(1, 3, 300, 300)
    rows, columns = np.mgrid[:300, :300]
    for x, y in mesh[list(OUTER), :2]:
        spot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18)
        image += torch.from_numpy(spot).float()
    found = seen(image, mesh)[0, 0].double()
    ticks = torch.arange(224, dtype=torch.float64) + 0.5
    halves = (found[:, :112], ticks[:112]), (found[:, 112:], ticks[112:])
    places = [
        (float((h.sum(0) * t).sum() / h.sum()), float((h.sum(1) * ticks).sum() / h.sum()))
        for h, t in halves
    ]
    assert places[0][1] == pytest.approx(places[1][1], abs=0.05)  # one row
    assert places[1][0] - places[0][0] == pytest.approx(APART, abs=0.1)
    assert places[0][0] + places[1][0] == pytest.approx(224, abs=0.1)  # around the middle


@pytest.mark.parametrize(
    ("pitch", "yaw", "expected"),
    [
        (0, 0, (0, 0, 0)),
        (20, 0, (0, 20, 20)),
        (0, 30, (-30, 0, 30)),  # the network's yaw is positive to the image's left
        (-10, -40, (40, -10, 41.03)),
    ],
)
def test_what_the_network_says_becomes_yaw_to_the_right_and_pitch_upwards(pitch, yaw, expected):
    said = torch.deg2rad(torch.tensor([[pitch, yaw]], dtype=torch.float64))
    found = [float(v) for v in angles_deg(direction_of(said))]
    assert found == pytest.approx(expected, abs=0.01)


def test_a_direction_in_an_upright_picture_turns_back_with_the_head():
    up = torch.tensor([[0.0, 0.6, 0.8]])
    right = torch.tensor([[0.0, 1.0]])  # the head lies on its side: its right is below
    torch.testing.assert_close(to_image(up, right), torch.tensor([[0.6, 0.0, 0.8]]))


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A network that always says 0.2 upwards and 0.3 to the left, as if it was the pinned one."""
    mesh = weights.path("face_mesh_468")
    shutil.copy(mesh, tmp_path / mesh.name)
    state = {name: torch.zeros_like(v) for name, v in resnet18(num_classes=2).state_dict().items()}
    state["fc.bias"] = torch.tensor([0.2, 0.3])
    entry = catalogue.ENTRIES[XGAZE]
    assert isinstance(entry, catalogue.Member)
    path = tmp_path / entry.file
    torch.save({"model": state}, path)
    sha256 = sha256_of(path)
    monkeypatch.setitem(catalogue.ENTRIES, XGAZE, replace(entry, sha256=sha256))
    monkeypatch.setenv("GAZEBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("GAZEBENCH_OFFLINE", "1")
    return EthXGaze(Instruments())


def test_a_picture_turned_by_a_quarter_looks_a_quarter_further(stand_in):
    batch, _ = synthetic(range(2))
    upright = stand_in.directions(batch, batch.image)
    side = batch.image.shape[-1]
    left, top, right, bottom = batch.eyes.unbind(-1)
    boxes = torch.stack([side - bottom, left, side - top, right], dim=-1)  # clockwise
    turned = Batch(
        batch.ids, batch.image.rot90(-1, (-2, -1)), batch.mask.rot90(-1, (-2, -1)), boxes
    )
    x, up, towards = upright.unbind(1)
    expected = torch.stack([up, -x, towards], dim=1)
    found = stand_in.directions(turned, turned.image)
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0)
    assert (x < -0.2).all()


def test_loading_the_network_leaves_random_numbers_alone(stand_in):
    before = torch.random.get_rng_state()
    EthXGaze(Instruments())
    assert torch.equal(torch.random.get_rng_state(), before)


class Biased(GazeEstimator):
    """Takes brightness for a gaze to the right, and looks 20° too low."""

    name, zeroed, most = "biased", True, 500

    def __init__(self, instruments):
        pass

    def directions(self, batch, image):
        yaw = torch.deg2rad(30 * image.mean((1, 2, 3)).double())
        pitch = torch.full_like(yaw, np.radians(-20.0))
        return torch.stack([pitch.cos() * yaw.sin(), pitch.sin(), pitch.cos() * yaw.cos()], dim=1)


class OfBiased(ByEstimator):
    """The gaze error by it."""

    card = GazeErrorXGaze.card
    kind = Biased

    def measure(self, source, corrected):
        return self.errors(source, corrected)


@pytest.fixture
def grey():
    """Portraits of one grey each: X -0.1 to 0.1, Y lighter, in both halves."""
    pixels = drawn_dataset(64, count=24)
    portraits = tuple(
        replace(
            p,
            split=(Split.TRAIN, Split.TEST)[n % 2],
            domain=list(Domain)[n % 4 // 2],
            measures=replace(p.measures, yaw_deg=float(n), pitch_deg=0.0),
        )
        for n, p in enumerate(pixels.manifest.portraits)
    )
    levels = [121 + n % 3 * 6 + 80 * (p.domain == Domain.AWAY) for n, p in enumerate(portraits)]
    array = np.stack([np.full_like(pixels.array[0], level) for level in levels])
    return Pixels(replace(pixels.manifest, portraits=portraits), array, pixels.rows)


def test_what_an_estimator_says_of_real_x_counts_as_the_camera(grey):
    scale = Scale.of(grey, Instruments(), Biased)
    assert scale.zero_deg
    assert scale.zero_deg[1] == pytest.approx(-20)
    assert scale.standing.auc == 1
    assert scale.standing.real_x == 1
    assert scale.real_x["pitch"] == pytest.approx(0, abs=1e-9)
    assert scale.real_x["error"] == pytest.approx(0, abs=2)
    assert scale.standing.x_turned == 1
    assert scale.error_x_turned == pytest.approx(0, abs=2)
    metric = OfBiased(Instruments())
    metric.prepare(grey)
    lighter = grey.batch(grey.manifest.select(domain=Domain.AWAY, split=Split.TEST))
    metric.update(lighter, lighter.image)
    assert metric.compute().value == pytest.approx(30 * 160 / 255, abs=1)


def test_without_real_x_the_camera_is_not_known(grey):
    away = tuple(p for p in grey.manifest.portraits if p.domain == Domain.AWAY)
    without = Pixels(replace(grey.manifest, portraits=away), grey.array, grey.rows)
    metric, batch = OfBiased(Instruments()), without.batch(away)
    with pytest.raises(InputError, match="needs a dataset with labels"):
        metric.update(batch, batch.image)
    metric.prepare(without)
    with pytest.raises(InputError, match="training portraits of domain X"):
        metric.update(batch, batch.image)


@pytest.fixture(scope="module")
def instruments(xgaze_weights, gaze_weights):
    """Both estimators' real weights."""
    return Instruments()


@pytest.fixture(scope="module")
def faces():
    """Sixteen synthetic faces of four people, half of them looking at the camera."""
    return synthetic(range(16))


def angles(instruments, batch, image=None, kind: type[GazeEstimator] = EthXGaze):
    """(N, 2): yaw, pitch."""
    found = angles_of(instruments, batch, batch.image if image is None else image, kind)
    return np.stack([found["yaw"], found["pitch"]], axis=1)


def correlations(one, other):
    return [float(np.corrcoef(one[:, k], other[:, k])[0, 1]) for k in (0, 1)]


def test_both_estimators_mean_the_same_by_yaw_and_pitch(instruments, faces):
    batch, true = faces
    found = angles(instruments, batch)
    assert correlations(found, true)[0] > 0.9
    assert min(correlations(found, angles(instruments, batch, kind=OpenModelZoo))) > 0.8


@pytest.mark.parametrize("way", [-3, 3])
def test_shifted_irises_look_to_that_side(instruments, faces, way):
    batch, _ = faces
    shifted = paste_patches(
        batch.image, batch.eyes, eye_patches(batch.image, batch.eyes).roll(way, dims=-1)
    )
    moved = angles(instruments, batch, shifted) - angles(instruments, batch)
    assert moved[:, 0].mean() * np.sign(way) > 0.5


def test_the_scores_of_portraits_that_nothing_changed_are_those_of_real_ones(instruments):
    pixels = synthetic_dataset(256)
    halves = tuple(
        replace(p, split=(Split.TRAIN, Split.TEST)[n // 2 % 2])
        for n, p in enumerate(pixels.manifest.portraits)
    )
    pixels = Pixels(replace(pixels.manifest, portraits=halves), pixels.array, pixels.rows)
    real = pixels.batch(pixels.manifest.select(domain=Domain.CAMERA, split=Split.TEST))
    scale = Scale.of(pixels, instruments, EthXGaze)
    for kind, expected in (
        (GazeErrorXGaze, scale.real_x["error"]),
        (EyeContactXGaze, scale.standing.real_x),
    ):
        metric = kind(instruments)
        metric.prepare(pixels)
        metric.update(real, real.image)
        assert metric.compute().value == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
def test_the_estimate_follows_the_true_gaze_of_300_faces_as_the_card_says(instruments):
    batch, true = synthetic(range(300))
    yaw, pitch = correlations(angles(instruments, batch), true)
    assert yaw == pytest.approx(0.92, abs=0.02)
    assert pitch == pytest.approx(0.61, abs=0.03)
