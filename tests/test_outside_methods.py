"""A method's file from anywhere trains, is evaluated and is told apart when it changes."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from build_runs import gazebench
from click.testing import Result
from test_add_method import example
from test_check_method import TRAINED
from test_check_metric import CHANGE
from training_folders import make_dataset

from gazebench import baselines, methods, plugins
from gazebench.dataset import Domain, Manifest, Split
from gazebench.errors import InputError

pytestmark = pytest.mark.usefixtures("one_thread")


def file(folder: Path, text: str = TRAINED, name: str = "mine") -> Path:
    path = folder / f"{name}.py"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make_dataset(tmp_path_factory.mktemp("drawn"))


def train(drawn: Manifest, mine: Path, run: Path, *words: str) -> Result:
    flags = ("--steps", "2", "--device", "cpu", "--quiet", *words)
    return gazebench("train", "--method", mine, drawn.root, run, *flags)


def test_a_run_records_the_name_and_sha256_of_the_file(drawn: Manifest, tmp_path: Path) -> None:
    mine = file(tmp_path)
    done = train(drawn, mine, tmp_path / "runs" / "a", "--set", "methods.mine.batch=1")
    assert f"--method {mine}" in done.output.splitlines()[-1]
    recipe = tomllib.loads((tmp_path / "runs" / "a" / "config.toml").read_text())
    assert recipe["method"] == "mine"
    assert recipe["file_sha256"] == plugins.read_file(mine).sha256
    assert recipe["methods"]["mine"]["batch"] == 1


def test_a_shipped_method_records_no_file(tmp_path: Path) -> None:
    assert plugins.sha256(baselines, "identity") is None
    content, _ = plugins.extend(baselines, ["identity", str(file(tmp_path))])
    assert plugins.sha256(content, "identity") is None


def test_a_training_does_not_go_on_with_a_changed_file(drawn: Manifest, tmp_path: Path) -> None:
    mine, run = file(tmp_path), tmp_path / "run"
    assert train(drawn, mine, run).exit_code == 0
    assert "nothing to do" in train(drawn, mine, run).output
    file(tmp_path, TRAINED + "# changed\n")
    refused = train(drawn, mine, run)
    assert refused.exit_code == 7
    assert "file_sha256: " in refused.output


def test_a_crash_in_a_training_step_is_a_sentence_with_its_line(
    drawn: Manifest, tmp_path: Path
) -> None:
    mine = file(tmp_path, TRAINED.replace("noise = torch", "noise = torhc"))
    crashed = train(drawn, mine, tmp_path / "run")
    assert f"{mine}, line 27: NameError: name 'torhc' is not defined" in crashed.output
    assert crashed.exit_code == 3


@pytest.fixture
def dataset(dataset: Path) -> Path:
    """With three labels of each domain and half: what is scored does not matter here."""
    manifest = Manifest.load(dataset)
    cells = [manifest.select(split=half, domain=domain) for half in Split for domain in Domain]
    rows = "".join(f"{p.id},{p.domain}\n" for cell in cells for p in cell[:3])
    (dataset / "labels.csv").write_text(f"id,label\n{rows}")
    return dataset


def test_a_metrics_file_is_not_trained_but_told_apart(tmp_path: Path) -> None:
    mine = file(tmp_path, CHANGE, "change")
    content, _ = plugins.extend(baselines, [str(mine)])
    with pytest.raises(InputError, match=r"change\.py is a metric, not a method; .*check-metric"):
        methods.load(content, "change")


def trained_at(dataset: Path, mine: Path, run: Path) -> None:
    done = gazebench("train", "--method", mine, dataset, run, "--steps", "1", "--quiet")
    assert done.exit_code == 0, done.output


@pytest.mark.long
def test_runs_and_controls_of_outside_files_are_evaluated(
    dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    runs, mine = tmp_path / "runs", file(tmp_path)
    bright = file(tmp_path, example(), "bright")
    trained_at(dataset, mine, runs / "first")
    words = ("eval", dataset, runs, "--metric", "seam_eyes", "--quiet", "--device", "cpu")
    methods = ("--method", mine, "--method", bright)
    done = gazebench(*words, *methods)
    assert done.exit_code == 0, done.output
    scores = json.loads((runs / "first" / "scores.json").read_text())
    assert scores["method"]["title"] == "Trained"
    assert scores["provenance"]["file_sha256"] == plugins.read_file(mine).sha256

    file(tmp_path, TRAINED + "# changed\n")
    file(tmp_path, example() + "# changed\n", "bright")
    kept = gazebench(*words, *methods)
    assert kept.exit_code == 4
    assert kept.output.count("holds predictions of something else (file_sha256") == 2
    # said by the process that evaluates the file
    assert "mine is another file than the one it was trained with" in capfd.readouterr().err
    anew = gazebench(*words, *methods, "--overwrite")
    assert "note: the method's file has changed since the training" in anew.output
    assert anew.exit_code == 0

    forgotten = gazebench(*words, "--method", "mine")
    assert f"{runs / 'first'} was trained with a file from elsewhere" in forgotten.output
    assert forgotten.exit_code == 3


@pytest.mark.long
def test_one_crash_does_not_stop_an_evaluation(dataset: Path, tmp_path: Path) -> None:
    crash = file(tmp_path, example().replace(".clamp(-1, 1)", ".clamp('a')"), "crash")
    words = ("--method", crash, "--method", "identity", "--quiet", "--device", "cpu")
    done = gazebench("eval", dataset, tmp_path / "runs", *words, "--metric", "seam_eyes")
    assert re.search(r"^identity: .*Seam [0-9]", done.output, re.M)
    assert f"crash: {crash}, line " in done.output
    assert done.exit_code == 4


def test_all_takes_files_beside_the_shipped_methods(tmp_path: Path) -> None:
    content, names = plugins.extend(baselines, ["all", str(file(tmp_path))])
    assert names == ["all", "mine"]
    assert {"identity", "mine", "prgan"} <= set(plugins.names(content))


@pytest.mark.parametrize("name", ["prgan", "all", "two words", "_mine", "my.own"])
def test_a_name_that_is_taken_or_none_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rename the file|the file's name is the method's"):
        plugins.extend(baselines, [str(file(tmp_path, name=name))])


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    words = [str(file(folder)) for folder in (tmp_path, tmp_path / "b")]
    with pytest.raises(InputError, match="have the same name; rename one of them"):
        plugins.extend(baselines, words)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.py: no such file"):
        plugins.extend(baselines, [str(tmp_path / "nowhere.py")])


def test_loading_leaves_the_interpreter_as_it_was(tmp_path: Path) -> None:
    broken = file(tmp_path, "import sys\nsys.exit(5)\n", "json")
    good = file(tmp_path, example(), "torch")
    code = (
        "import sys, gazebench.methods as m\n"
        "from gazebench import plugins, baselines\n"
        f"content, names = plugins.extend(baselines, [{str(broken)!r}, {str(good)!r}])\n"
        "m.load(content, 'identity')\n"  # what loading itself needs
        "path, modules = list(sys.path), dict(sys.modules)\n"
        "try: m.load(content, 'json')\n"
        "except plugins.InputError as error: print(error)\n"
        "kind = m.load(content, 'torch')\n"
        "assert kind is m.load(content, 'torch')\n"
        "assert sys.path == path\n"
        "assert all(sys.modules[name] is module for name, module in modules.items())\n"
        "assert set(sys.modules) - set(modules) == {kind.__module__}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{broken}, line 2: SystemExit: 5" in done.stdout
    assert not (tmp_path / "__pycache__").exists()
