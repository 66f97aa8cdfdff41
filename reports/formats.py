"""A table as Markdown, CSV and JSON (LaTeX: ``latex``).

The paper's numbers stand on lines or in columns of their own, marked as such.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from gazebench.dataset import csv_text
from gazebench.reports.columns import Cell, Column
from gazebench.reports.tables import Row, Table
from gazebench.reports.texts import csv_cell, markdown

_OF_THE_TABLE = ("group", "order", "sees_eyes", "noise_hurts")  # fields of a metric's card


def as_markdown(table: Table) -> str:
    """A pipe table with its caption and footnotes."""
    heads = [
        f"{markdown(c.card.title)} {c.arrow}{in_brackets(markdown(c.facts))}" for c in table.columns
    ]
    lines = [
        f"**Table I. Gaze correction.** {markdown(table.caption)}",
        "",
        f"| {' | '.join(['Method', *heads])} |",
        f"|---{'|---:' * len(heads)}|",
    ]
    for row in table.all_rows:
        lines += _markdown_row(row, table)
    lines.append("")
    lines += [f"{i}. {markdown(text)}" for i, text in enumerate(table.footnotes, 1)]
    if table.has_paper:
        lines += ["", f"*{table.paper.label}*: {markdown(about_paper(table))}"]
    return "\n".join(lines).rstrip("\n") + "\n"


def _markdown_row(row: Row, table: Table) -> Iterator[str]:
    aside = [text for text in ("control" if row.control else "", row.share) if text]
    name = markdown(row.label) + "".join(f" *({text})*" for text in aside)
    cells = [_markdown_cell(row.cells[c.key]) for c in table.columns]
    yield f"| {' | '.join([name + _superscript(row.marks), *cells])} |"
    if row.paper:
        printed = [f"*{row.paper[c.key]}*" if c.key in row.paper else "" for c in table.columns]
        yield f"| {' | '.join([f'*{table.paper.label}*', *printed])} |"


def _markdown_cell(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    text = " ".join(part for part in (text, cell.spread, in_brackets(cell.size).strip()) if part)
    # "[1, 2]" right before "(" would be a link
    return text.replace("[", "\\[").replace("]", "\\]") + _superscript(cell.marks, cell.letter)


def _superscript(marks: tuple[int, ...], letter: str = "") -> str:
    text = ", ".join([*([letter] if letter else []), *map(str, marks)])
    return f"<sup>{text}</sup>" if text else ""


def in_brackets(text: str) -> str:
    """The text in brackets after a space; nothing for nothing."""
    return f" ({text})" if text else ""


def about_paper(table: Table) -> str:
    """Where the paper's numbers come from and why they do not compare."""
    return f"{table.paper.source}. {' '.join(table.paper.caveats)}"


def as_csv(table: Table) -> str:
    """One line per run, full precision; the paper's numbers are columns that end in "_paper"."""
    rows = [_csv_row(row, table) for row in table.all_rows]
    used = {key for row in rows for key, value in row.items() if value != ""}
    always = {"run", "method", "title", "kind", "ranked", "n_predicted", "n_test"}
    keys = [key for key in rows[0] if key in used | always] if rows else []
    return csv_text(map(csv_cell, keys), ([row[key] for key in keys] for row in rows))


def _csv_row(row: Row, table: Table) -> dict[str, Any]:
    result = row.result
    cells: dict[str, Any] = {
        "run": csv_cell(result.run),
        "method": csv_cell(result.name),
        "title": csv_cell(row.label),
        "kind": result.method.kind,
        "ranked": int(result.ranked),
        "n_predicted": result.n_predicted,
        "n_test": result.dataset.n_test,
    }
    for column in table.columns:
        cells |= _csv_cells(column, row)
    missing = [f"{key}: {why}" for key, why in sorted(result.skipped.items())]
    return cells | {
        "missing": csv_cell("; ".join(missing)),
        "notes": csv_cell("; ".join(result.notes)),
    }


def _csv_cells(column: Column, row: Row) -> dict[str, Any]:
    key, cell, score = column.key, row.cells[column.key], row.cells[column.key].score
    low, high = (score.interval if score else None) or ("", "")
    stderr = score.stderr if score and score.stderr is not None else ""
    counted = score and column.n is not None
    return {
        key: score.value if score else "",
        f"{key}_low": low,
        f"{key}_high": high,
        f"{key}_stderr": stderr,
        f"{key}_n": score.n if score and counted else "",
        f"{key}_tie": cell.letter,
        f"{key}_paper": row.paper.get(key, ""),
    }


def as_json(table: Table) -> str:
    """All that the table rests on, except per-portrait values, which stay in ``scores.json``."""
    content = {
        "format": 1,
        "table": "I",
        "benchmark": table.benchmark,
        "dataset": asdict(table.dataset),
        "columns": [_json_column(c) for c in table.columns],
        "rows": [_json_row(row) for row in table.all_rows],
        "footnotes": table.footnotes,
        "paper": asdict(table.paper),
    }
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _json_column(column: Column) -> dict[str, Any]:
    """The column with its card, but for what the card says to the table itself."""
    card = asdict(column.card)
    told = {k: v for k, v in card.items() if k not in _OF_THE_TABLE}
    return {"key": column.key, "n": column.n, **told}


def _json_row(row: Row) -> dict[str, Any]:
    result = row.result
    return {
        "run": result.run,
        "method": result.name,
        "label": row.label,
        "card": asdict(result.method),
        "ranked": result.ranked,
        "n_predicted": result.n_predicted,
        "scores": {k: _json_score(cell) for k, cell in row.cells.items() if cell.score},
        "skipped": result.skipped,
        "notes": result.notes,
        "provenance": result.provenance,
    }


def _json_score(cell: Cell) -> dict[str, Any]:
    score = cell.score
    assert score is not None
    return {
        "value": score.value,
        "n": score.n,
        "interval": score.interval,
        "stderr": score.stderr,
        "competes": cell.ranked,
        "best": cell.best,
        "tie": cell.letter or None,
    }
