"""The rules of the house that a machine can check."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("gazebench", "annotation", "baselines", "reports")
BIN = Path(sys.executable).parent
CODE = sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.py")
    if not any(parent.is_symlink() for parent in path.parents)
)


def run(*words: str) -> str:
    """Output of a development tool that must succeed."""
    done = subprocess.run([BIN / words[0], *words[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_format_and_lint_are_clean() -> None:
    run("ruff", "format", "--check", ".")
    run("ruff", "check", ".")


def test_imports_point_down() -> None:
    assert "0 broken" in run("lint-imports")


def test_types_are_clean() -> None:
    assert "0 errors" in run("pyright")


@pytest.mark.parametrize(
    "heavy", ["torch", "fiftyone", "dask", "matplotlib", "sklearn", "pandas", "numpy"]
)
def test_help_imports_nothing_heavy(heavy: str) -> None:
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from gazebench.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        f"sys.exit({heavy!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


WRITES = {"write_text", "write_bytes", "mkdir", "unlink", "rename", "touch", "rmtree", "savez"}
WRITES |= {"SummaryWriter"}
WRITERS = {"store.py", "monitor.py"}  # monitor.py: TensorBoard writes its files itself


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_store_writes_files(path: Path) -> None:
    if path.name in WRITERS:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            assert not _writes(node), f"{path.name}:{node.lineno} writes a file"


def _writes(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
    into_memory = call.args and ast.unparse(call.args[0]) == "buffer"
    if name in WRITES:
        return not into_memory
    modes = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return name == "open" and any(re.fullmatch(r"[rwxab+t]*[wxa+][b+t]*", mode) for mode in modes)


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_functions_and_files_stay_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 300, f"{path.name} has {text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 60, f"{path.name}:{node.lineno} {node.name} has {length} lines"


def test_no_vague_module_names() -> None:
    vague = {"utils", "helpers", "common", "core", "base", "misc"}
    assert not [path for path in CODE if path.stem in vague or path.parent.name in vague]
