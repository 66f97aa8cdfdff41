"""Writes the parts of the READMEs that are made from code; `make docs` runs it.

A part stands between ``<!-- NAME -->`` and ``<!-- /NAME -->`` of its document.
"""

import re
from collections.abc import Callable
from pathlib import Path

from gazebench import baselines, methods, metrics, plugins, sources, store
from gazebench.reports.catalogue import (
    methods_table,
    metrics_table,
    metrics_text,
    settings_table,
    sources_table,
)
from gazebench.study.planning import size_table

ROOT = Path(__file__).parents[1]
METRICS = {name: metrics.load(metrics, name).card for name in plugins.names(metrics)}
KINDS = {name: methods.load(baselines, name) for name in plugins.names(baselines)}


def metrics_part() -> str:
    """The table of metrics in README.md."""
    return metrics_table(METRICS)


def metrics_text_part() -> str:
    """What each metric says, in docs/metrics.md."""
    return metrics_text(METRICS)


def methods_part() -> str:
    """The table of methods in baselines/README.md."""
    return methods_table({name: kind.card for name, kind in KINDS.items()})


def sources_part() -> str:
    """The table of source layouts in README.md."""
    found = {name: sources.load(sources, name) for name in plugins.names(sources)}
    return sources_table(dict(sorted(found.items(), key=lambda item: item[1].order)))


def settings_part() -> str:
    """The settings of every method in baselines/README.md."""
    kinds = {name: kind for name, kind in KINDS.items() if kind.Config.model_fields}
    blocks = (
        f"### {kind.card.title}\n\n```toml\n{settings_table(name, kind.Config)}```\n"
        for name, kind in kinds.items()
    )
    return "\n".join(blocks)


PARTS: dict[str, tuple[Path, Callable[[], str]]] = {
    "metrics": (ROOT / "README.md", metrics_part),
    "metrics-text": (ROOT / "docs" / "metrics.md", metrics_text_part),
    "sources": (ROOT / "README.md", sources_part),
    "methods": (ROOT / "baselines" / "README.md", methods_part),
    "settings": (ROOT / "baselines" / "README.md", settings_part),
    "study-size": (ROOT / "gazebench" / "study" / "README.md", size_table),
}


def pattern(name: str) -> re.Pattern[str]:
    """Matches a part: its opening marker, its text, its closing marker."""
    return re.compile(rf"(<!-- {name} -->\n)(.*?)(<!-- /{name} -->)", re.DOTALL)


def main() -> None:
    """Write every part that differs, and name its document."""
    for name, (document, make) in PARTS.items():
        before = document.read_text(encoding="utf-8")
        text = make()
        after = pattern(name).sub(lambda found, text=text: found[1] + text + found[3], before)
        if after != before:
            store.write(document, after)
            print(f"{document.relative_to(ROOT)}: {name} written")  # noqa: T201


if __name__ == "__main__":
    main()
