"""The contract that every metric file keeps, and each metric against an independent computation.

The contract runs over all files of ``gazebench/metrics``. The portraits of the other tests are
drawn: smooth coloured texture, with a finer one in the eye boxes.
"""

import itertools

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d
from torch.nn import functional
from torchmetrics.image.kid import poly_mmd

from gazebench import metrics, plugins, weights
from gazebench.contract import METRIC_CHECKS, Bench
from gazebench.dataset.batches import Batch, eye_patches, to_float, to_uint8
from gazebench.errors import InputError, MissingPartError
from gazebench.metrics import _open_model_zoo as zoo
from gazebench.metrics._eth_xgaze import XGAZE
from gazebench.metrics._networks import Instruments, resize_patches
from gazebench.metrics.fid_eyes import FidEyes
from gazebench.metrics.kid_eyes import KidEyes, _others, _Sums
from gazebench.metrics.lpips_outside import LpipsOutside
from gazebench.metrics.ms_ssim_outside import MsSsimOutside
from gazebench.results import jackknife_error
from gazebench.weights.fetch import offline

NAMES = plugins.names(metrics)
SIDE = 176
EYES = torch.tensor([[40, 60, 76, 82], [100, 60, 136, 82]])  # left, top, right, bottom


def drawn(seeds, side=SIDE):
    """A batch of portraits, one for each seed."""
    pictures = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        coarse = torch.rand(1, 3, 9, 9, generator=generator)
        fine = torch.rand(1, 3, 44, 44, generator=generator)
        layers = [functional.interpolate(t, (side, side), mode="bicubic") for t in (coarse, fine)]
        pictures.append(0.8 * layers[0] + 0.2 * layers[1])
    image = to_float(torch.cat(pictures).mul(255).round().clamp(0, 255))
    mask = torch.zeros(len(image), 1, side, side)
    for left, top, right, bottom in EYES.tolist():
        mask[..., top:bottom, left:right] = 1
    eyes = EYES.expand(len(image), 2, 4)
    return Batch(tuple(f"p{seed:03}" for seed in seeds), image, mask, eyes)


def noisy(image, level):
    """8-bit ``image`` with Gaussian noise of ``level`` grey values everywhere."""
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    return to_float(to_uint8(image + noise * level / 127.5))


def built():
    """Instruments with real weights, or a skip where the network is forbidden."""
    instruments = Instruments()
    try:
        for name in ("lpips_alexnet", "inception_fid"):
            weights.path(name)
    except MissingPartError as error:
        if offline():
            pytest.skip(str(error))
        raise
    return instruments


@pytest.fixture(scope="module")
def instruments():
    return built()


@pytest.fixture(scope="module")
def bench(instruments):
    """What the contract checks with; skipped with ``instruments``."""
    made = Bench()
    made.instruments = instruments
    return made


def fetched(name):
    """Whether a metric needs weights that do not come with a dependency."""
    card = metrics.load(metrics, name).card
    cards = map(weights.describe, card.weights)
    return card.on_request or any("://" in card.sources[0] for card in cards)


@pytest.mark.parametrize("name", [name for name in NAMES if fetched(name)])
def test_missing_weights_show_before_any_work(name, tmp_path, monkeypatch):
    monkeypatch.setenv("GAZEBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("GAZEBENCH_OFFLINE", "1")
    with pytest.raises(MissingPartError, match="gazebench weights fetch"):
        metrics.load(metrics, name)(Instruments())


# of the first, eight portraits are eighty pictures; the others have a sister by the same network
SLOWEST = {
    "animation_fid",
    "eye_contact_xgaze",
    "fid_eyes",
    "fid_eyes_test",
    "reconstruction_lpips",
}


@pytest.mark.parametrize("check", METRIC_CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.long if n in SLOWEST else ()) for n in NAMES]
)
def test_metric_keeps_the_contract(name, check, bench, request):
    kind = metrics.load(metrics, name)
    if zoo.GAZE in kind.card.weights:
        request.getfixturevalue("gaze_weights")
    if XGAZE in kind.card.weights:
        request.getfixturevalue("xgaze_weights")
    if check.concerns(kind):
        check.run(kind, bench)


def ms_ssim_by_hand(a, b):
    """MS-SSIM of two (H, W, 3) pictures, 0-255, as Wang et al. 2003 write it."""
    ticks = np.arange(11) - 5
    window = np.exp(-(ticks**2) / (2 * 1.5**2))
    window /= window.sum()

    def local(values):  # weighted means of whole windows
        rows = correlate1d(values, window, axis=0)[5:-5]
        return correlate1d(rows, window, axis=1)[:, 5:-5]

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    total = np.ones(3)
    weights_ = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    for scale, weight in enumerate(weights_):
        mean_a, mean_b = local(a), local(b)
        var_a, var_b = local(a * a) - mean_a**2, local(b * b) - mean_b**2
        covariance = local(a * b) - mean_a * mean_b
        term = (2 * covariance + c2) / (var_a + var_b + c2)
        if scale == len(weights_) - 1:
            term = term * (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
        total *= term.mean(axis=(0, 1)) ** weight
        a, b = halved(a), halved(b)
    return total.mean()


def halved(x):
    """Means of 2x2 pixels."""
    height, width = (side // 2 for side in x.shape[:2])
    return x[: 2 * height, : 2 * width].reshape(height, 2, width, 2, 3).mean(axis=(1, 3))


def test_ms_ssim_agrees_with_its_formula(instruments):
    source = drawn(range(2))
    corrected = noisy(source.image, 20)
    metric = MsSsimOutside(instruments)
    metric.update(source, corrected)
    pictures = [
        ((image * (1 - source.mask) + 1) * 127.5).double().permute(0, 2, 3, 1).numpy()
        for image in (source.image, corrected)
    ]
    expected = np.mean([ms_ssim_by_hand(*pair) for pair in zip(*pictures, strict=True)])
    assert metric.compute().value == pytest.approx(expected, abs=1e-6)


def test_ms_ssim_refuses_small_portraits(instruments):
    with pytest.raises(InputError, match="over 160 pixels, these are 160x160"):
        MsSsimOutside(instruments).update(drawn([0], side=160), drawn([0], side=160).image)


def lpips_by_hand(a, b, linear):
    """LPIPS of (1, 3, H, W) in [-1, 1] from the stored tensors, as in Zhang et al. 2018, eq. 1."""
    net = weights.tensors("lpips_alexnet")
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    x = (torch.cat([a, b]) - shift) / scale
    total = torch.zeros(())
    layers = [(0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)]  # place, stride, padding
    for number, (place, stride, padding) in enumerate(layers):
        if place in (3, 6):
            x = functional.max_pool2d(x, 3, 2)
        kernel, bias = (net[f"features.{place}.{part}"] for part in ("weight", "bias"))
        x = functional.conv2d(x, kernel, bias, stride, padding).relu()
        unit = x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)
        squared = (unit[0] - unit[1]).square()  # (C, h, w)
        total = total + (linear[number].view(-1, 1, 1) * squared).sum(dim=0).mean()
    return float(total)


def test_lpips_agrees_with_its_formula(instruments):
    source = drawn([0])
    corrected = noisy(source.image, 30)
    metric = LpipsOutside(instruments)
    metric.update(source, corrected)
    linear = [getattr(instruments.lpips, f"lin{n}").model[1].weight.flatten() for n in range(5)]
    before, after = (image * (1 - source.mask) for image in (source.image, corrected))
    assert metric.compute().value == pytest.approx(lpips_by_hand(before, after, linear), abs=1e-6)


def test_instruments_name_the_weights_they_loaded(instruments):
    _ = instruments.lpips
    digest = weights.digest("lpips_alexnet")
    assert instruments.used_weights["lpips_alexnet"] == digest


def test_building_networks_leaves_the_random_numbers_alone():
    fresh = built()
    before = torch.random.get_rng_state()
    _ = fresh.lpips, fresh.inception_features(torch.zeros(0, 3, 8, 8, dtype=torch.uint8))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_inception_sees_the_network_of_the_first_fid_code(instruments):
    ramp = torch.arange(30 * 50 * 3).remainder(256).reshape(1, 3, 30, 50).to(torch.uint8)
    features = instruments.inception_features(ramp)
    assert features.shape == (1, 2048)
    # what the TorchScript archive itself says, run as it is: sum, largest, its place
    assert features.sum() == pytest.approx(571.0046, rel=1e-4)
    assert features.max() == pytest.approx(3.61221, rel=1e-4)
    assert features.argmax() == 662


def test_equal_patches_have_equal_features(instruments):
    patch = torch.full((1, 3, 20, 30), 90, dtype=torch.uint8)
    both = instruments.inception_features(torch.cat([patch, patch]))
    np.testing.assert_array_equal(both[0], both[1])
    np.testing.assert_array_equal(instruments.inception_features(patch)[0], both[0])


def test_resizing_keeps_a_patch_that_has_the_size_already():
    patch = torch.randint(0, 256, (1, 3, 299, 299), dtype=torch.uint8)
    assert torch.equal(resize_patches(patch), patch)


def test_reference_work_is_done_once(instruments):
    calls = []
    for _ in range(2):
        instruments.kept("once", lambda: calls.append(1))
    assert calls == [1]


def seen(cache, monkeypatch):
    """How many patches the network is shown for portraits of a dataset, with that cache."""
    shown = []
    instruments = Instruments(cache=cache)
    infer = instruments._infer
    monkeypatch.setattr(instruments, "_infer", lambda some: shown.append(len(some)) or infer(some))
    batch = drawn(range(3))
    patches = eye_patches(to_uint8(batch.image), batch.eyes).flatten(0, 1)
    features = instruments.inception_features(patches, real=True)
    instruments.store_features()
    return features, sum(shown)


def test_the_next_evaluation_finds_the_features_of_real_portraits(tmp_path, monkeypatch):
    first, shown = seen(tmp_path, monkeypatch)
    assert shown == 6
    second, shown = seen(tmp_path, monkeypatch)
    assert shown == 1  # to see that they are those of this network
    np.testing.assert_array_equal(first, second)


def test_one_process_finds_what_another_wrote_meanwhile(tmp_path, monkeypatch):
    ours, theirs = (Instruments(cache=tmp_path) for _ in range(2))
    with ours.shared():  # which has read the cache now, empty as it is
        ours.inception_features(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), real=True)
    patches = torch.arange(4 * 3 * 8 * 8, dtype=torch.uint8).reshape(4, 3, 8, 8)
    with theirs.shared():
        wanted = theirs.inception_features(patches, real=True)
    monkeypatch.setattr(ours, "_infer", lambda some: pytest.fail("computed again"), raising=True)
    with ours.shared():
        first = ours.inception_features(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), real=True)
        np.testing.assert_array_equal(ours.inception_features(patches, real=True), wanted)
    assert len(first) == 1
    (path,) = tmp_path.glob("*.npz")
    assert len(np.load(path)["hashes"]) == 5


def test_features_of_another_network_are_refused(tmp_path, monkeypatch):
    seen(tmp_path, monkeypatch)
    (path,) = tmp_path.glob("*.npz")
    with np.load(path) as arrays:
        np.savez(path, hashes=arrays["hashes"], features=arrays["features"] + 1)
    instruments = Instruments(cache=tmp_path)
    batch = drawn(range(3))
    patches = eye_patches(to_uint8(batch.image), batch.eyes).flatten(0, 1)
    for _ in range(2):  # the next metric is not given them either
        with pytest.raises(InputError, match="damaged cache; delete it"):
            instruments.inception_features(patches, real=True)


@pytest.mark.parametrize("damage", ["", "not an archive"])
def test_a_damaged_cache_of_features_is_named(damage, tmp_path, monkeypatch):
    seen(tmp_path, monkeypatch)
    (path,) = tmp_path.glob("*.npz")
    path.write_text(damage)
    with pytest.raises(InputError, match=path.name):
        seen(tmp_path, monkeypatch)


def set_metric(kind, instruments, portraits=(0, 1, 2, 3)):
    metric = kind(instruments)
    metric.update_reference(drawn(range(10, 14)))
    source = drawn(portraits)
    metric.update(source, noisy(source.image, 20))
    return metric


@pytest.mark.parametrize("kind", [FidEyes, KidEyes])
def test_set_metrics_count_patches(kind, instruments):
    found = set_metric(kind, instruments).compute()
    assert found.n == 8
    assert found.per_portrait is None


@pytest.mark.parametrize(("kind", "few"), [(FidEyes, 1), (KidEyes, 2)])
def test_the_fewest_portraits_have_a_value_and_no_interval(kind, few, instruments):
    found = set_metric(kind, instruments, portraits=tuple(range(few))).compute()
    assert found.n == 2 * few
    assert found.interval is None


def test_kid_of_one_portrait_has_no_pair_of_independent_patches(instruments):
    with pytest.raises(InputError, match="at least 2 corrected"):
        set_metric(KidEyes, instruments, portraits=(0,)).compute()


@pytest.mark.parametrize("kind", [FidEyes, KidEyes])
def test_set_metrics_need_a_reference(kind, instruments):
    metric = kind(instruments)
    metric.update(drawn([0]), drawn([0]).image)
    with pytest.raises(InputError, match="of real training portraits"):
        metric.compute()


@pytest.mark.parametrize("kind", [FidEyes, KidEyes])
def test_set_metrics_need_corrected_portraits(kind, instruments):
    metric = kind(instruments)
    metric.update_reference(drawn(range(10, 14)))
    with pytest.raises(InputError, match="of corrected portraits"):
        metric.compute()


def test_fid_hands_out_its_features_by_portrait(instruments):
    found = set_metric(FidEyes, instruments).features()
    assert found["ids"].tolist() == [f"p{n:03}" for n in range(4)]
    source = drawn([3])
    patches = eye_patches(to_uint8(noisy(drawn(range(4)).image, 20))[3:4], source.eyes)[0]
    np.testing.assert_array_equal(found["inception"][3], instruments.inception_features(patches))


def rows(n, seed, shift=0.0):
    return np.random.default_rng(seed).random((n, 32)) + shift


def mmd(corrected, real):
    within_real = _others(real).sum() / (len(real) * (len(real) - 2))
    return _Sums.of(corrected, real, within_real)


def test_kid_is_torchmetrics_over_every_choice_of_one_eye_from_each_portrait():
    corrected, real = rows(8, 1, 0.1), rows(8, 2)

    def choices(patches):  # (P, d) each
        eyes = itertools.product((0, 1), repeat=len(patches) // 2)
        return [torch.from_numpy(patches[2 * np.arange(len(e)) + np.array(e)]) for e in eyes]

    pairs = itertools.product(choices(real), choices(corrected))
    expected = np.mean([float(poly_mmd(x, y)) for x, y in pairs])
    assert mmd(corrected, real).distance() == pytest.approx(expected, rel=1e-9)


def test_kid_of_sets_of_different_size_follows_its_definition():
    corrected, real = rows(6, 3, 0.1), rows(10, 4)

    def kernel(x, y):
        return (x @ y / 32 + 1) ** 3

    def mean(a, b, same):
        pairs = itertools.product(enumerate(a), enumerate(b))
        return np.mean([kernel(x, y) for (i, x), (j, y) in pairs if not same or i // 2 != j // 2])

    expected = mean(corrected, corrected, True) + mean(real, real, True)
    expected -= 2 * mean(corrected, real, False)
    assert mmd(corrected, real).distance() == pytest.approx(expected, rel=1e-9)


def test_kid_standard_error_is_the_jackknife_over_portraits():
    corrected, real = rows(12, 5, 0.1), rows(20, 6)
    left = [mmd(np.delete(corrected, [n, n + 1], axis=0), real).distance() for n in range(0, 12, 2)]
    expected = np.sqrt(5 / 6 * np.square(np.array(left) - np.mean(left)).sum())
    found = mmd(corrected, real).distances_without()
    assert found is not None
    assert jackknife_error(found) == pytest.approx(expected, rel=1e-9)


def test_kid_of_many_rows_counts_every_pair_once():
    many = rows(5000, 7)  # several blocks
    kernel = (many @ many.T / 32 + 1) ** 3
    kernel[np.arange(5000)[:, None] // 2 == np.arange(5000) // 2] = 0
    np.testing.assert_allclose(_others(many), kernel.sum(axis=1), rtol=1e-12)


def test_kid_of_equal_distributions_is_unbiased_though_a_portraits_eyes_are_alike():
    rng = np.random.default_rng(8)

    def drawn_eyes(portraits):  # two eyes that share most of their features
        common = np.repeat(rng.random((portraits, 32)), 2, axis=0)
        return common + 0.1 * rng.random((2 * portraits, 32))

    values = [mmd(drawn_eyes(6), drawn_eyes(30)).distance() for _ in range(400)]
    assert abs(np.mean(values)) < 4 * np.std(values) / 20  # four standard errors
