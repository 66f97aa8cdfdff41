"""Table VI as Markdown, CSV and LaTeX, from the ``upsampling.json`` of a run."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gazebench.dataset import csv_text
from gazebench.errors import InputError
from gazebench.reports.columns import MISSING
from gazebench.reports.latex import escape
from gazebench.reports.paper import PublishedUpsampling, table_6
from gazebench.reports.texts import csv_cell, markdown, published

HEADS = {  # score → heading, digits
    "ms_ssim_full": ("MS-SSIM ↑, full image", 4),
    "lpips_full": ("LPIPS ↓, full image", 4),
    "ms_ssim_eyes": ("MS-SSIM ↑, eyes", 4),
    "lpips_eyes": ("LPIPS ↓, eyes", 4),
    "fps": ("FPS ↑", 1),
    "parameters": ("Parameters, M", 2),
}
_PRINTED = {"ms_ssim_full": "ms_ssim", "lpips_full": "lpips"}  # the paper has one region


@dataclass(frozen=True, kw_only=True)
class Upsampling:
    """What ``gazebench eval-upsampling`` left."""

    facts: Mapping[str, Any]  # run, dataset, resolution, split, n, device
    rows: Mapping[str, Mapping[str, float]]  # title → score → value
    names: Mapping[str, str]  # title → up-sampler
    skipped: Mapping[str, str]  # title → why it was not measured

    @classmethod
    def load(cls, path: Path) -> "Upsampling":
        """Read ``upsampling.json``.

        Raises:
            InputError: missing or damaged.
        """
        try:
            row = published(json.loads(path.read_text(encoding="utf-8")))
            made = {
                n: {k: s["value"] for k, s in r["scores"].items()} for n, r in row["rows"].items()
            }
            titles = {name: r["title"] for name, r in row["rows"].items()}
            rows = {titles[name]: values for name, values in made.items()}
            names = {title: name for name, title in titles.items()}
            return cls(facts=row["facts"], rows=rows, names=names, skipped=row["skipped"])
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; run `gazebench eval-upsampling`") from None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"{path}: damaged ({error!r}); make it anew") from None


def as_markdown(table: Upsampling) -> str:
    """A pipe table with its caption, the paper's numbers on lines of their own."""
    heads = [head for head, _ in HEADS.values()]
    lines = [f"**Table VI. Up-sampling.** {markdown(caption(table))}", ""]
    lines += [f"| {' | '.join(['Up-sampler', *heads])} |", f"|---{'|---:' * len(heads)}|"]
    for cells, ours in _lines(table):
        shown = map(markdown, cells) if ours else (f"*{markdown(c)}*" if c else "" for c in cells)
        lines.append(f"| {' | '.join(shown)} |")
    notes = (f"\n{markdown(text)}" for text in _notes(table))
    return "\n".join([*lines, *notes]) + "\n"


def as_csv(table: Upsampling) -> str:
    """One line per up-sampler and one per printed row."""
    heads = ["upsampler", *HEADS, "source"]
    rows = [[*cells, "measured" if ours else "paper"] for cells, ours in _lines(table)]
    return csv_text(heads, ([csv_cell(cell) for cell in row] for row in rows))


def as_latex(table: Upsampling) -> str:
    """A booktabs table."""
    heads = " & ".join(escape(head) for head in ("Up-sampler", *(h for h, _ in HEADS.values())))
    lines = [" & ".join(map(escape, cells)) + r" \\" for cells, _ in _lines(table)]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{Up-sampling. {escape(' '.join([caption(table), *_notes(table)]))}}}",
            rf"\begin{{tabular}}{{l{'r' * len(HEADS)}}}",
            r"\toprule",
            heads + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def caption(table: Upsampling) -> str:
    """What was measured, on what."""
    facts = table.facts
    return (
        f"Reconstructions at half size of {facts['n']} portraits of domain Y ({facts['split']}) of "
        f"{facts['dataset']}, {facts['resolution']} px, by the run {facts['run']}, brought to full "
        f"size and compared with the source. Eyes are resized to 256x256. FPS and parameters are "
        f"of reconstruction and up-sampling together, on {facts['device']}."
    )


def _lines(table: Upsampling) -> Iterator[tuple[Sequence[str], bool]]:
    """Cells of every line, and whether they are ours."""
    printed = table_6().rows
    for title, values in table.rows.items():
        numbers = (
            f"{values[key]:.{digits}f}" if key in values else MISSING
            for key, (_, digits) in HEADS.items()
        )
        yield [title, *numbers], True
        if paper := printed.get(table.names[title]):
            cells = (paper.get(_PRINTED.get(key, key), "") for key in HEADS)
            yield [f"paper, {paper['title']}, not comparable", *cells], False


def _notes(table: Upsampling) -> list[str]:
    paper: PublishedUpsampling = table_6()
    skipped = [
        f"{title} was not measured: {why.rstrip('.')}." for title, why in table.skipped.items()
    ]
    return [*skipped, f"Paper: {paper.source}. {' '.join(paper.caveats)}"]
