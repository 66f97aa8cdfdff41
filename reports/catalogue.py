"""The methods and metrics that exist, as Markdown tables for a README."""

from collections.abc import Iterable, Mapping

from gazebench.cards import MethodCard, MetricCard
from gazebench.reports.columns import MISSING
from gazebench.reports.texts import markdown


def methods_table(cards: Mapping[str, MethodCard]) -> str:
    """A Markdown table of methods by name, in the order given."""
    heads = ("name", "method", "paper", "year", "code", "licence", "supervision", "differs")
    return _table(heads, (_method_line(name, card) for name, card in cards.items()))


def metrics_table(cards: Mapping[str, MetricCard]) -> str:
    """A Markdown table of metrics by name, in the order given."""
    heads = ("name", "metric", "better", "unit", "region", "weights", "what it says")
    return _table(heads, (_metric_line(name, card) for name, card in cards.items()))


def _method_line(name: str, card: MethodCard) -> list[str]:
    title = markdown(card.title) + (" (control)" if card.kind == "control" else "")
    return [
        f"`{name}`",
        title,
        _link(card.paper, card.url),
        str(card.year or ""),
        _link("code" if card.code else "", card.code),
        markdown(card.license),
        markdown(card.supervision),
        markdown(card.differs),
    ]


def _metric_line(name: str, card: MetricCard) -> list[str]:
    return [
        f"`{name}`",
        markdown(card.title),
        "↑ higher" if card.higher_is_better else "↓ lower",
        markdown(card.unit),
        markdown(card.region),
        ", ".join(f"`{weight}`" for weight in card.weights),
        markdown(card.help),
    ]


def _link(text: str, address: str) -> str:
    safe = address.startswith(("https://", "http://")) and not set(address) & set(" ()<>|")
    return f"[{markdown(text)}]({address})" if text and safe else markdown(text or address)


def _table(heads: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(cell or MISSING for cell in row)} |" for row in rows) + "\n"
