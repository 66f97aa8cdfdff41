"""The methods, metrics and sources that exist, as Markdown for a README."""

from collections.abc import Iterable, Mapping

from gazebench import config
from gazebench.cards import MethodCard, MetricCard
from gazebench.config import Settings
from gazebench.reports.grid import MISSING, place
from gazebench.reports.writers import markdown
from gazebench.sources import Source


def methods_table(cards: Mapping[str, MethodCard]) -> str:
    """A Markdown table of methods by name, in the order given."""
    heads = ("name", "method", "kind", "paper", "year", "code", "licence", "supervision", "differs")
    return _table(heads, (_method_line(name, card) for name, card in cards.items()))


def metrics_table(cards: Mapping[str, MetricCard]) -> str:
    """A Markdown table of metrics by name, in the order of a table's columns."""
    heads = ("about", "metric", "name", "better", "measured on")
    return _table(heads, (_metric_line(name, card) for name, card in _in_order(cards)))


def metrics_text(cards: Mapping[str, MetricCard]) -> str:
    """What each metric says and needs, a Markdown section for each, in the same order."""
    return "\n".join(_metric_section(name, card) for name, card in _in_order(cards))


def sources_table(sources: Mapping[str, type[Source]]) -> str:
    """A Markdown table of source layouts by name, in the order given."""
    rows = (
        [f"`{name}`", markdown.escape(source.title), source.layout, f"`{source.alignment}`"]
        for name, source in sources.items()
    )
    return _table(("name", "source", "what to give", "--align"), rows)


def settings_table(name: str, model: type[Settings]) -> str:
    """The settings of the method ``name`` with their defaults and descriptions, as TOML.

    It is a table of a settings file; a setting without a value is written as a comment.
    """
    values = model().model_dump(mode="json")
    lines = {key: _setting(key, value) for key, value in values.items()}
    width = max(map(len, lines.values()), default=0)
    rows = (f"{line:<{width}}  {_help(model, key)}".rstrip() for key, line in lines.items())
    return "\n".join((f"[methods.{name}]", *rows)) + "\n"


def _setting(key: str, value: object) -> str:
    return f"# {key} =" if value is None else config.dump({key: value}).strip()


def _help(model: type[Settings], key: str) -> str:
    description = model.model_fields[key].description
    return f"# {description}" if description else ""


def _method_line(name: str, card: MethodCard) -> list[str]:
    return [
        f"`{name}`",
        markdown.escape(card.title),
        card.kind,
        _link(card.paper, card.url),
        str(card.year or ""),
        _link("code" if "://" in card.code else "", card.code),
        markdown.escape(card.license),
        markdown.escape(card.supervision),
        markdown.escape(card.differs),
    ]


def _in_order(cards: Mapping[str, MetricCard]) -> list[tuple[str, MetricCard]]:
    return sorted(cards.items(), key=lambda item: place(*item))


def _metric_line(name: str, card: MetricCard) -> list[str]:
    return [
        card.group,
        markdown.escape(card.title),
        f"`{name}`",
        "↑ higher" if card.higher_is_better else "↓ lower",
        markdown.escape(card.region),
    ]


def _metric_section(name: str, card: MetricCard) -> str:
    better = "↑ higher is better" if card.higher_is_better else "↓ lower is better"
    facts = [
        f"`{name}`",
        f"{better}, in {markdown.escape(card.unit)}" if card.unit else better,
        f"measured on {markdown.escape(card.region)}" if card.region else "",
        f"needs {', '.join(f'`{weight}`' for weight in card.weights)}" if card.weights else "",
        "on request" if card.on_request else "",
    ]
    line = " · ".join(fact for fact in facts if fact)
    return f"### {markdown.escape(card.title)}\n\n{line}\n\n{markdown.escape(card.help)}\n"


def _link(text: str, address: str) -> str:
    safe = address.startswith(("https://", "http://")) and not set(address) & set(" ()<>|")
    return (
        f"[{markdown.escape(text)}]({address})"
        if text and safe
        else markdown.escape(text or address)
    )


def _table(heads: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(cell or MISSING for cell in row)} |" for row in rows) + "\n"
