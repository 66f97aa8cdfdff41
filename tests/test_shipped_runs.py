"""Trained methods in the package: exported from a run, listed, loaded and evaluated by name."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from build_runs import gazebench
from training_folders import make_dataset

from gazebench import baselines, training
from gazebench.baselines.prgan import PRGAN
from gazebench.dataset import Manifest
from gazebench.dataset.batches import Pixels
from gazebench.errors import InputError, RefusedError
from gazebench.evaluation.contenders import find, ready
from gazebench.photographs import choosing
from gazebench.weights import trained

pytestmark = pytest.mark.usefixtures("one_thread")
DATA = "eight drawn faces"
NOTE = "blurs eyes"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make_dataset(tmp_path_factory.mktemp("dataset"), 256)


@pytest.fixture(scope="module")
def run(dataset: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "prgan"
    settings = {**PRGAN.small_settings, "batch": 1}
    training.train(
        dataset,
        folder,
        baselines,
        "prgan",
        settings=settings,
        steps=2,
        device="cpu",
        progress=False,
    )
    return folder


@pytest.fixture
def package(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the package's, with the run in it."""
    said = ("--data", DATA, "--license", "CC0-1.0", "--note", NOTE)
    done = gazebench("weights", "export", run, tmp_path / "w", *said)
    assert done.exit_code == 0, done.output
    monkeypatch.setattr(trained, "FOLDER", tmp_path / "w")
    return tmp_path / "w"


def test_what_ships_with_the_package_is_sound() -> None:
    for name in trained.names():
        card = trained.verify(name)
        assert card.data
        assert card.license
        assert card.images > 0
        method = training.load_shipped(baselines, name, device="cpu")
        assert method.name == name == card.recipe["method"]
    assert sum(trained.card(name).size for name in trained.names()) < 25e6


def test_a_card_says_what_the_weights_are(package: Path) -> None:
    card = trained.verify("prgan")
    assert (card.title, card.data, card.license) == ("PRGAN", DATA, "CC0-1.0")
    assert (card.step, card.images) == (2, 2 * 3 * 2)
    assert card.recipe["methods"]["prgan"]["width"] == 8
    listed = gazebench("weights", "list").output
    assert card.sha256 in listed
    assert "2 steps, 12 portraits seen" in listed


@torch.no_grad()
def test_a_method_by_name_corrects_as_its_run_but_for_half_precision(
    package: Path, run: Path, dataset: Manifest
) -> None:
    batch = Pixels.open(dataset).batch(dataset.portraits[:2])
    exact = training.load_trained(baselines, run, dataset, device="cpu")
    shipped = training.load_trained(baselines, Path("prgan"), dataset, device="cpu")
    ours, theirs = (m.method.correct(batch) for m in (shipped, exact))
    assert (ours - theirs).abs().max() < 0.02
    assert not torch.equal(ours, batch.image)
    assert shipped.facts["step"] == exact.facts["step"]
    assert shipped.weights_sha256 == trained.card("prgan").sha256


def test_an_evaluation_takes_what_ships_where_there_is_no_run(
    package: Path, dataset: Manifest, tmp_path: Path
) -> None:
    entries, missing = find(baselines, tmp_path / "runs", ["prgan", "cyclegan"], shipped=True)
    (entry,) = entries
    assert (entry.name, entry.shipped) == ("prgan", True)
    assert "cyclegan is not trained" in missing[0]
    found = ready(entry, baselines, dataset, torch.device("cpu"))
    assert found.checkpoint == trained.card("prgan").sha256
    assert found.notes == ()
    fewer = replace(dataset, portraits=dataset.portraits[:4])
    other = ready(entry, baselines, fewer, torch.device("cpu"))
    assert "learned from drawn: it has seen the portraits that are in both" in other.notes[0]
    assert not find(baselines, tmp_path / "runs", ["prgan"])[0]


def test_what_a_user_should_know_is_said_where_a_photograph_is_corrected(package: Path) -> None:
    found = choosing.of_name(baselines, "prgan", {}, None, torch.device("cpu"))
    assert found.notes == ("prgan: blurs eyes",)


def test_a_run_goes_before_what_ships(package: Path, run: Path) -> None:
    (entry,), _ = find(baselines, run.parent, ["prgan"], shipped=True)
    assert not entry.shipped


def test_a_folder_goes_before_a_name(
    package: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.parent)
    found = training.load_trained(baselines, Path("prgan"), None, device="cpu")
    assert found.weights_sha256 != trained.card("prgan").sha256


def test_portraits_of_another_size_are_refused(package: Path, tmp_path: Path) -> None:
    other = make_dataset(tmp_path / "other", 128)
    with pytest.raises(RefusedError, match=r"prgan as it ships: was trained .* 256 → 128"):
        training.load_shipped(baselines, "prgan", other)


def test_damaged_weights_and_unknown_names_are_sentences(package: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'prgan'"):
        trained.card("prgam")
    (package / "prgan.safetensors").write_bytes(b"x")
    with pytest.raises(InputError, match="damaged, not the sha256"):
        training.load_shipped(baselines, "prgan")
    (package / "prgan.toml").write_text("title = 3\n")
    with pytest.raises(InputError, match="damaged"):
        trained.card("prgan")


def test_the_card_is_toml_that_a_person_can_read(package: Path) -> None:
    values = tomllib.loads((package / "prgan.toml").read_text())
    assert list(values)[:4] == ["title", "data", "license", "note"]
    assert values["recipe"]["window"] == [30, 50]
