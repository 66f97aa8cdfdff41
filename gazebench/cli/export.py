"""``gazebench export``."""

import importlib.util
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gazebench.errors import counted

if TYPE_CHECKING:
    from gazebench.exports import ExportPlan


def _layouts() -> list[str]:
    # found by file name; importing them would make `gazebench --help` slow
    package = importlib.util.find_spec("gazebench.exports")
    folders = package.submodule_search_locations if package else None
    found = [m.name for m in pkgutil.iter_modules(folders) if m.name[0] != "_"]
    return sorted(name.replace("_", "-") for name in found)


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--to", type=click.Choice(_layouts()), required=True, help="Layout to write.")
@click.option(
    "--with-pixels/--without-pixels",
    default=None,
    help="Include the portraits. [default: only if the source is known to be free]",
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(dataset: Path, out: Path, to: str, with_pixels: bool | None, quiet: bool) -> None:
    """Export DATASET to the new folder OUT in a layout that other programs read.

    celebgaze: folders 0 and 1 with their lists, as CelebGaze was released. webdataset: tar
    shards. parquet: a table per half. hf-folder: a folder for the Hugging Face hub. Each has
    export.json: from which source face every portrait was cut, how, and its sha256, so that anyone
    who has the source can make the same portraits with `gazebench build-dataset --from-export`.

    CelebA may not be redistributed, and the terms of most folders are unknown. So labels, eye
    boxes, splits and digests are always included, but pixels only with --with-pixels, for your own
    use.
    If interrupted, run the same command again to resume.

    \b
    gazebench export data/hq out/hq-labels --to parquet
    gazebench export data/hq out/celebgaze --to celebgaze --with-pixels
    """
    from gazebench import exports

    plan = exports.plan(exports, to, dataset, with_pixels=with_pixels)
    _announce(plan, dataset, out)
    report = exports.write(plan, out, quiet=quiet)
    if report.written == 0:
        click.echo(f"{out} is complete already; nothing to do")
    else:
        click.echo(f"{out}: {counted(report.files, 'file')} and export.json")


def _announce(plan: "ExportPlan", dataset: Path, out: Path) -> None:
    pixels = "with" if plan.content.with_pixels else "without"
    portraits = len(plan.content.rows)
    click.echo(
        f"{dataset}: {counted(portraits, 'portrait')} → {out}, {plan.layout.title}, {pixels} pixels"
    )
    is_delicate = plan.content.with_pixels and not plan.is_free
    click.secho(f"note: {plan.content.notice}", err=is_delicate)
