"""How far the gaze moves, or to where, as given on the command line."""

import math

import click

ENDS = "0:1:11"  # source to correction in steps of a tenth, as in the paper


class Numbers(click.ParamType):
    """Numbers as ``first:last:count`` or ``a,b,c``; a tuple of floats."""

    name = "A"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        text = str(value)
        try:
            numbers = _between(*text.split(":")) if ":" in text else _listed(text)
        except (ValueError, TypeError):
            self.fail(f"{text!r}: expected FIRST:LAST:COUNT or A,B,C, such as {ENDS} or 0,0.5,1")
        if not all(map(math.isfinite, numbers)):
            self.fail(f"{text!r}: these must be finite numbers")
        return numbers


def _between(first: str, last: str, count: str) -> tuple[float, ...]:
    low, high, steps = float(first), float(last), int(count) - 1
    if not 1 <= steps <= 10_000:
        raise ValueError
    return tuple(round(low + (high - low) * step / steps, 6) for step in range(steps + 1))


def _listed(text: str) -> tuple[float, ...]:
    return tuple(float(word) for word in text.split(","))
