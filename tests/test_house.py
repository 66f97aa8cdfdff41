"""The rules of the house that a machine can check."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from gazebench import baselines, plugins

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


def test_no_method_imports_another_not_even_through_a_third_module() -> None:
    graph = grimp.build_graph("gazebench")
    methods = {f"gazebench.baselines.{name}" for name in plugins.names(baselines)}
    for method in methods:
        assert not methods & graph.find_upstream_modules(method), method


def test_import_gazebench_imports_only_the_standard_library() -> None:
    code = (
        "import sys, gazebench\n"
        "gazebench.build_dataset, dir(gazebench)\n"
        "sys.exit(bool({'torch', 'numpy', 'pydantic', 'click', 'PIL'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


HEAVY = {"torch", "fiftyone", "dask", "matplotlib", "sklearn", "pandas", "numpy"}


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from gazebench.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


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


PARSES = re.compile(r"(json|tomllib)\.loads?\([^\n]*\.read_(text|bytes)\(|np\.load\(")
# what these read lies in the package
READERS = {"reading.py", "_head.py", "_iris_target.py", "examples/__init__.py"}


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_guarded_reader_parses_files(path: Path) -> None:
    found = PARSES.search(path.read_text())
    assert not found or any(str(path).endswith(name) for name in READERS), found


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_functions_and_files_stay_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 500, f"{path.name} has {text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            said = ast.get_docstring(node, clean=False) or ""  # a command's is its help
            length = (node.end_lineno or node.lineno) - node.lineno + 1 - said.count("\n")
            assert length <= 50, f"{path.name}:{node.lineno} {node.name} has {length} lines"


def test_no_vague_module_names() -> None:
    vague = {"utils", "helpers", "common", "core", "base", "misc"}
    assert not [path for path in CODE if path.stem in vague or path.parent.name in vague]


ROOMS = [ROOT / folder / "__init__.py" for folder in FOLDERS[1:]]
ROOMS += sorted(p for p in (ROOT / "gazebench").glob("*/__init__.py") if p in CODE)


@pytest.mark.parametrize("path", ROOMS, ids=lambda p: p.parent.name)
def test_every_room_says_in_two_sentences_what_is_in_it_and_what_it_may_use(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text())) or ""
    first, _, rest = said.partition("\n\n")
    assert first.endswith("."), path
    assert re.search(r"\buses?\b", rest.partition("\n\n")[0]), f"{path}: what may it use?"


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_module_imports_what_is_private_to_another_room(path: Path) -> None:
    room = _room(path)
    for node in ast.walk(ast.parse(path.read_text())):
        for name in _imported(node):
            parts = name.split(".")
            if any(part[0] == "_" and part[:2] != "__" for part in parts):
                assert parts[: len(room)] == room, f"{path.name} imports {name}"


@pytest.mark.parametrize("folder", ["annotation", "reports", "gazebench/study"])
def test_a_readme_with_a_map_names_every_file_of_its_room(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text()
    names = {path.name for path in (ROOT / folder).glob("[!_]*.py")}
    assert not {name for name in names if f"`{name}`" not in text}


def _room(path: Path) -> list[str]:
    folders = path.relative_to(ROOT).parent.parts
    return ["gazebench", *(folders[1:2] if folders[0] == "gazebench" else folders[:1])]


def _imported(node: ast.AST) -> list[str]:
    """Full names of what a statement imports from this project."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        return []
    return [name for name in names if name.startswith("gazebench.")]
