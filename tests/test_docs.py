"""What the documents say is what the code does."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from gazebench import baselines, cli, methods, metrics, plugins
from gazebench.reports.catalogue import methods_table, metrics_table, settings_table

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def between(text: str, name: str) -> str:
    """The text between two markers of a document."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.S)
    assert found is not None
    return found.group(1)


def metrics_part() -> str:
    """The generated table of the README."""
    return metrics_table({n: metrics.load(metrics, n).card for n in plugins.names(metrics)})


KINDS = {name: methods.load(baselines, name) for name in plugins.names(baselines)}


def methods_part() -> str:
    """The generated table of baselines/README.md."""
    return methods_table({name: kind.card for name, kind in KINDS.items()})


def settings_part() -> str:
    """The generated blocks of baselines/README.md: a method's settings each."""
    kinds = {name: kind for name, kind in KINDS.items() if kind.Config.model_fields}
    blocks = (
        f"### {kind.card.title}\n\n```toml\n{settings_table(name, kind.Config)}```\n"
        for name, kind in kinds.items()
    )
    return "\n".join(blocks)


GENERATED = {
    "metrics": (README, metrics_part),
    "methods": (ROOT / "baselines" / "README.md", methods_part),
    "settings": (ROOT / "baselines" / "README.md", settings_part),
}


@pytest.mark.parametrize("name", GENERATED)
def test_the_generated_parts_of_the_documents_are_the_code(
    name: str, request: pytest.FixtureRequest
) -> None:
    document, part = GENERATED[name]
    text, wanted = document.read_text(), part()
    if request.config.getoption("--update-golden"):
        marker = f"<!-- {name} -->\n"
        document.write_text(text.replace(marker + between(text, name), marker + wanted))
    assert between(document.read_text(), name) == wanted


SMALL_METHODS = [
    word
    for name, kind in KINDS.items()
    for key, value in getattr(kind, "small_settings", {}).items()
    for word in ("--set", f"methods.{name}.{key}={value}")
]


def commands(text: str) -> list[list[str]]:
    """Words of each gazebench command in the code blocks of a document."""
    blocks = re.findall(r"```\n(.*?)```", text, re.S)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [words[1:] for words in lines if words[:1] == ["gazebench"]]


ROAD = commands(README.read_text())
SMALL = {"train": ["--steps", "2", *SMALL_METHODS], "build-dataset": ["--test-fraction", "0.4"]}


def test_the_commands_of_the_readme_run_in_order(
    demo_portraits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _celeba_hq(demo_portraits, tmp_path)
    shutil.copy(next(demo_portraits.glob("*.jpg")), tmp_path / "me.jpg")
    monkeypatch.chdir(tmp_path)
    for words in ROAD:
        if words[0] == "score" and "--list" not in words:
            shutil.copytree("runs/eye_bank/predictions", "out/mine")
        result = CliRunner().invoke(cli.main, [*words, *SMALL.get(words[0], [])])
        assert result.exit_code == 0, f"{words}: {result.output}"
    table = (tmp_path / "board" / "tables" / "table-1.csv").read_text()
    for title in ("PRGAN", "Eye bank", "Identity", "My method"):
        assert title in table


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


def test_links_to_files_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("*/README.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
