"""What the documents say is what the code does."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from docs import before_after, generate
from gazebench import cli

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


@pytest.mark.parametrize("name", generate.PARTS)
def test_the_generated_parts_of_the_documents_are_the_code(name: str) -> None:
    document, make = generate.PARTS[name]
    found = generate.pattern(name).search(document.read_text())
    assert found, f"{document}: no part {name}"
    assert found[2] == make(), f"{document} differs from the code; run `make docs`"


SMALL_METHODS = [
    word
    for name, kind in generate.KINDS.items()
    for key, value in getattr(kind, "small_settings", {}).items()
    for word in ("--set", f"methods.{name}.{key}={value}")
]


def commands(text: str) -> list[list[str]]:
    """Words of each gazebench command in the code blocks of a document."""
    blocks = re.findall(r"```(\w*)\n(.*?)```", text, re.S)
    plain = [line for language, block in blocks if not language for line in block.splitlines()]
    lines = [shlex.split(line, comments=True) for line in plain]
    return [words[1:] for words in lines if words[:1] == ["gazebench"]]


ROAD = commands(README.read_text())
SMALL = {
    "train": ["--steps", "2", *SMALL_METHODS],
    "build-dataset": ["--res", "256", "--test-fraction", "0.4"],  # 512 takes four times as long
}


@pytest.mark.long
def test_the_commands_of_the_readme_run_in_order(
    demo_portraits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _celeba_hq(demo_portraits, tmp_path)
    shutil.copy(next(demo_portraits.glob("*.jpg")), tmp_path / "me.jpg")
    (tmp_path / "holiday").mkdir()
    shutil.copy(demo_portraits / "00030.jpg", tmp_path / "holiday")
    monkeypatch.chdir(tmp_path)
    for words in ROAD:
        if words[0] == "score" and "--list" not in words:
            shutil.copytree("runs/eye_bank/predictions", "out/mine")
        if words[:2] == ["submit", "check"]:
            shutil.copytree("runs/eye_bank/predictions", "out/theirs/predictions")
            Path("out/theirs/card.toml").write_text('title = "Theirs"')
        words = _without_a_server(words)
        result = CliRunner().invoke(cli.main, [*words, *SMALL.get(words[0], [])])
        assert result.exit_code == 0, f"{words}: {result.output}"
    table = (tmp_path / "board" / "tables" / "table-1.csv").read_text()
    for title in ("PRGAN", "Eye bank", "Identity", "My method"):
        assert title in table


def _without_a_server(words: list[str]) -> list[str]:
    """The command; where people would label or answer, a file or invented answers do."""
    match words[:2]:
        case ["label", "prepare"]:
            return [*words, "--no-app"]
        case ["label", "serve"]:
            rows = Path("labels.csv").read_text().split()[1:]
            votes = "".join(f"{row},{name}\n" for row in rows for name in ("ana", "bo", "chen"))
            Path("votes.csv").write_text(f"id,vote,annotator\n{votes}")
            return ["label", "import", words[2], "votes.csv"]
        case ["study", "serve"]:
            return ["study", "simulate", *words[2:]]
        case ["label", "status"]:
            return [word for word in words if word != "--watch"]
    return words


def _celeba_hq(portraits: Path, folder: Path) -> None:
    """A tree in the layout of CelebAMask-HQ, with lists and labels, of shipped portraits."""
    labels = dict(row.split(",") for row in (portraits / "labels.csv").read_text().split()[1:])
    images = folder / "CelebAMask-HQ" / "CelebA-HQ-img"
    images.mkdir(parents=True)
    chosen = [n for n in labels if labels[n] == "X"][:8] + [n for n in labels if labels[n] == "Y"][
        :8
    ]
    for index, name in enumerate(chosen):
        shutil.copy(portraits / name, images / f"{index}.jpg")
    names = [f"{index:06}.jpg" for index in range(len(chosen))]
    mapping = "".join(f"{i} {i} {name}\n" for i, name in enumerate(names))
    lists = {
        "CelebA-HQ-to-CelebA-mapping.txt": f"idx orig_idx orig_file\n{mapping}",
        "identity_CelebA.txt": "".join(f"{name} {i}\n" for i, name in enumerate(names)),
        "list_eval_partition.txt": "".join(f"{name} 0\n" for name in names),
    }
    for name, text in lists.items():
        (folder / "CelebAMask-HQ" / name).write_text(text)
    rows = "".join(f"{index},{labels[name]}\n" for index, name in enumerate(chosen))
    (folder / "labels.csv").write_text(f"id,label\n{rows}")


@pytest.mark.long
def test_the_picture_of_a_correction_is_what_the_code_makes() -> None:
    shown = np.asarray(Image.open(before_after.FILE).convert("RGB"), np.int16)
    made = np.asarray(before_after.sheet(), np.int16)
    assert shown.shape == made.shape
    corrected = np.abs(made[: before_after.SIDE] - made[-before_after.SIDE :])
    compressed = np.abs(shown - made)
    assert np.quantile(compressed, 0.999) < 25 < np.quantile(corrected, 0.999)


def test_links_to_files_lead_somewhere() -> None:
    for document in [
        *ROOT.glob("*.md"),
        *ROOT.glob("*/README.md"),
        *ROOT.glob("gazebench/study/*.md"),
    ]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
