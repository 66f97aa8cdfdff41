"""What several tests share."""

import os
import shutil
from collections.abc import Iterator, Mapping
from itertools import islice, product
from pathlib import Path

import pytest
from hypothesis import settings

from gazebench import curation, sources, store, weights
from gazebench.annotation.labels import import_csv
from gazebench.curation.portraitist import assign_split
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset import read_csv
from gazebench.errors import MissingPartError
from gazebench.sources import SourceFace

settings.register_profile("gazebench", deadline=None)  # a busy machine is no fault
settings.load_profile("gazebench")
SETTINGS = DatasetSettings(resolution=256, align="none", test_fraction=0.3)
PER_CELL = 6  # portraits of each domain in each half
CELLS = tuple(product(("X", "Y"), ("train", "test")))


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--update-golden`` rewrites the golden files."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files")


# By a measurement on two cores. They begin first, so that no worker ends alone with one of them.
LONGEST = (
    "test_docs",
    "test_demo",
    "test_outside_methods",
    "test_types",
    "test_metrics",
    "test_cluster",
    "test_train_jobs",
    "test_evaluate",
    "test_methods",
    "test_page",
    "test_one_file",
    "test_python_face",
    "test_gaze_metrics",
    "test_train_queue",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores, up to four: a sixth of the time goes into waiting."""
    return min(4, (os.cpu_count() or 1) + 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others in their order."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


@pytest.fixture(scope="session")
def demo_portraits() -> Path:
    """The folder of portraits that ships with the package, with its labels.csv."""
    return Path(curation.__file__).parents[1] / "demo" / "portraits"


@pytest.fixture
def faces(demo_portraits: Path, tmp_path: Path) -> Path:
    """A folder with twelve of them."""
    folder = tmp_path / "faces"
    folder.mkdir()
    for path in sorted(demo_portraits.glob("*.jpg"))[:12]:
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="session")
def small_dataset(demo_portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built and labelled dataset at 256, both domains in both halves. Not to be written to.

    Of the processes that test side by side, the first that asks for it makes it.
    """
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "small"
    with store.turn(root.with_name("small.turn")):
        if not (root / "made").exists():
            shutil.rmtree(root, ignore_errors=True)
            _make_small(demo_portraits, root)
            (root / "made").touch()
    return root / "dataset"


def _make_small(portraits: Path, root: Path) -> None:
    chosen = choose(portraits, SETTINGS, dict.fromkeys(CELLS, PER_CELL))
    (root / "faces").mkdir(parents=True)
    for name in chosen:
        shutil.copy(portraits / name, root / "faces")
    lines = "".join(f"{name},{label}\n" for name, label in chosen.items())
    (root / "labels.csv").write_text(f"id,label\n{lines}")
    plan = curation.plan(sources, root / "faces", SETTINGS, source=None, limit=None)
    curation.build(plan, root / "dataset", workers=2, overwrite=False, quiet=True)
    import_csv(root / "dataset", root / "labels.csv")


@pytest.fixture(scope="session")
def small_faces(small_dataset: Path) -> Path:
    """The pictures that ``small_dataset`` was built from."""
    return small_dataset.with_name("faces")


@pytest.fixture
def dataset(small_dataset: Path, tmp_path: Path) -> Path:
    """A copy of ``small_dataset`` of one's own."""
    return Path(shutil.copytree(small_dataset, tmp_path / "dataset"))


@pytest.fixture
def bare(dataset: Path) -> Path:
    """The same without labels."""
    (dataset / "labels.csv").unlink()
    return dataset


def choose(
    portraits: Path, settings: DatasetSettings, wanted: Mapping[tuple[str, str], int]
) -> dict[str, str]:
    """Name and label of so many shipped portraits of each (label, half)."""
    cells: dict[tuple[str, str], list[str]] = {}
    for _, row in read_csv(portraits / "labels.csv", ("id", "label")):
        path = portraits / row["id"]
        split = assign_split(SourceFace(id=path.stem, name=path.name, path=path), settings)
        cells.setdefault((row["label"], split), []).append(row["id"])
    return {
        name: label
        for (label, split), names in cells.items()
        for name in islice(names, wanted.get((label, split), 0))
    }


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Torch on one core: small networks gain nothing from more, and lose much on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def xgaze_weights() -> None:
    """The second gaze estimator's weights, 45 MB that no test fetches; else a skip."""
    try:
        weights.path("eth_xgaze_resnet18", fetch=False)
    except MissingPartError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def gaze_weights() -> None:
    """The gaze estimator's weights, from ``../shared`` where they are not here; else a skip."""
    shared = Path(__file__).parents[2] / "shared" / "weights" / "openvino"
    for name in ("gaze_estimation_adas_0002", "head_pose_estimation_adas_0001"):
        try:
            weights.path(name, fetch=False)
        except MissingPartError:
            file = shared / weights.describe(name).sources[0].rpartition("/")[2]
            if not file.is_file():
                pytest.skip(f"{file.name} is not here")
            weights.cache_folder().mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, weights.cache_folder() / file.name)
