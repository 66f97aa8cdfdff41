"""CONTRIBUTING.md adds a method in one file; here that is done in a copy of the project."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gazebench.contract import CHECKS

ROOT = Path(__file__).parents[1]
CODE = ("gazebench", "annotation", "baselines", "reports", "tests", "docs", "pyproject.toml")
DOCUMENTS = ("README.md", "CONTRIBUTING.md")


def example() -> str:
    """The method's file as CONTRIBUTING.md prints it."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    found = re.search(r"<!-- example: baselines/brighter.py -->\n```python\n(.*?)```", text, re.S)
    assert found is not None
    return found.group(1)


def copy_of_project(folder: Path) -> Path:
    """The project's code in ``folder``, with its links, without the shipped portraits."""
    for name in (*CODE, *DOCUMENTS):
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "portraits", "golden")
            shutil.copytree(source, folder / name, symlinks=True, ignore=ignore)
        else:
            shutil.copy(source, folder / name)
    return folder


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the copy, not on the installed package."""
    return subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.long
def test_one_new_file_is_a_method(tmp_path: Path) -> None:
    project = copy_of_project(tmp_path)
    (project / "baselines" / "brighter.py").write_text(example())

    listed = python(project, "-m", "gazebench", "methods")
    assert re.search(r"(?m)^brighter +method +Brighter", listed.stdout), listed.stderr

    contract = python(project, "-m", "pytest", "-q", "tests/test_methods.py", "-k", "brighter")
    assert f"{len(CHECKS)} passed" in contract.stdout, contract.stdout + contract.stderr
