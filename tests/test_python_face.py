"""The functions of ``import gazebench``, as the notebook and the README use them."""

import ast
import inspect
import json
import re
from pathlib import Path
from typing import TypeGuard

import pytest

import gazebench
from gazebench import pipeline

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "first_steps.ipynb"


def code_cells() -> list[str]:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.long
def test_the_notebook_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for number, cell in enumerate(code_cells()):
        exec(compile(cell, f"{NOTEBOOK.name}, code cell {number}", "exec"), names)
    work = tmp_path / "first-steps"
    assert (work / "board" / "index.html").is_file()
    assert {path.name for path in (work / "runs").iterdir()} == {"identity", "prgan", "mine"}
    assert len(list((work / "corrected").glob("*.png"))) == 1


def test_the_notebook_uses_every_function_and_was_saved_without_output() -> None:
    text = "\n".join(code_cells())
    assert all(f"gazebench.{name}(" in text for name in gazebench.__all__)
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells)


@pytest.mark.parametrize("document", ["README.md", "gazebench/__init__.py"])
def test_the_calls_that_documents_show_fit_the_functions(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    lines = re.findall(r"^ *(gazebench\.\w+\(.*\))", text, re.MULTILINE)
    calls = [call for line in lines for call in ast.walk(ast.parse(line)) if _is_ours(call)]
    assert {ast.unparse(call.func) for call in calls} == {
        f"gazebench.{n}" for n in gazebench.__all__
    }
    for call in calls:
        function = getattr(pipeline, ast.unparse(call.func).removeprefix("gazebench."))
        keywords = {str(word.arg): None for word in call.keywords}
        inspect.signature(function).bind(*call.args, **keywords)


def _is_ours(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and ast.unparse(node.func).startswith("gazebench.")


@pytest.mark.parametrize("name", gazebench.__all__)
def test_every_function_says_what_its_arguments_are(name: str) -> None:
    function = getattr(gazebench, name)
    said = inspect.getdoc(function) or ""
    for argument in inspect.signature(function).parameters:
        assert re.search(rf"^    \**{argument}: ", said, re.MULTILINE), argument
    assert "Raises:" in said


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'buildd'"):
        _ = gazebench.buildd  # type: ignore[attr-defined]
