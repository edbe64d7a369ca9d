"""This product beside the other ways: medians of runs in turn, and ratios.

    python -m benchmarks --list
    python -m benchmarks [--page scale] [--only NAME]… [--rows 250000] [--write docs/scale.md]

A private server is started and stopped. A way that is not installed is listed as such.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.bench import Sizes, started
from benchmarks.page import Page
from benchmarks.parts.encoder import encoder
from benchmarks.parts.reading import read, verify
from benchmarks.parts.scale import definitions, shards
from benchmarks.parts.shapes import compression, shapes, tls
from benchmarks.parts.whole import long, pool, startup, two
from benchmarks.provenance import provenance

PAGES = {
    page.name: page
    for page in (
        Page(
            "benchmarks",
            "Benchmarks",
            "Written by `make bench`; one part alone by `python -m benchmarks --only NAME --write "
            "docs/benchmarks.md`. All ways of a table run in turn on one machine, server included; "
            "figures are medians. What is best is bold, ours or not. Seconds depend on the machine "
            "and on what else it does: compare within a table.",
            (shapes, long, pool, startup, two, encoder, read, verify, compression, tls),
        ),
        Page(
            "scale",
            "Scale",
            "Written by `make scale`: what a small shard costs as shards grow. All ways of a table "
            "run in turn on one machine, server included; figures are medians. What is best is "
            "bold, ours or not.",
            (shards, definitions),
        ),
    )
}
PARTS = {part.__name__: part for page in PAGES.values() for part in page.parts}


@click.command()
@click.option("--list", "only_list", is_flag=True, help="Name the parts of each page, and end.")
@click.option("--page", type=click.Choice(list(PAGES)), help="All its parts, or those of --only.")
@click.option("--only", multiple=True, type=click.Choice(list(PARTS)), help="Parts of one page.")
@click.option("--rows", default=Sizes.rows, show_default=True, help="Of a shard table.")
@click.option("--long-rows", default=Sizes.long_rows, show_default=True, help="Of the long table.")
@click.option(
    "--shards",
    multiple=True,
    default=Sizes.shards,
    show_default=True,
    type=int,
    help="Numbers of small shards.",
)
@click.option("--runs", default=Sizes.runs, show_default=True, help="Of each way.")
@click.option(
    "--command-runs", default=Sizes.command_runs, show_default=True, help="Of each whole command."
)
@click.option("--write", type=click.Path(path_type=Path), help="The page's file, as Markdown.")
def main(
    *, only_list: bool, page: str | None, only: Sequence[str], write: Path | None, **sizes: Any
) -> None:
    """Compare the ways to export sharded MySQL tables as CSV, and to read it back."""
    if only_list:
        for each in PAGES.values():
            click.echo(f"{each.name}:")
            for part in each.parts:
                click.echo(f"  {part.__name__:12} {(part.__doc__ or '').strip()}")
        return
    pages = {*map(_page_of, only), *filter(None, [page])} or {"benchmarks"}
    if len(pages) > 1:
        raise click.UsageError(
            f"--only: expected parts of one page, got of {' and of '.join(pages)}"
        )
    (chosen,) = pages
    wanted = [part for part in PAGES[chosen].parts if not only or part.__name__ in only]
    with started(Sizes(**sizes)) as bench:
        for part in wanted:
            began = time.monotonic()
            section = part(bench)
            section.add(provenance(bench, part.__name__))
            click.echo(f"… {part.__name__} took {time.monotonic() - began:.0f} s")
            if write is not None:
                # After each part: an interrupt loses one, not all.
                PAGES[chosen].write(write, {part.__name__: section})


def _page_of(part: str) -> str:
    return next(
        page.name for page in PAGES.values() if part in [one.__name__ for one in page.parts]
    )


if __name__ == "__main__":
    main()
