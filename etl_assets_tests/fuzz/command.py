"""Charter: the options of `make fuzz`, and what it prints."""

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from etl_assets_tests.fuzz.case import Case
from etl_assets_tests.fuzz.comparing import Difference
from etl_assets_tests.fuzz.facts import read_facts
from etl_assets_tests.fuzz.hunting import Hunt, Score, has_kind, try_case
from etl_assets_tests.fuzz.trying import Place, place
from etl_assets_tests.support.servers import URL_VARIABLE, Server, running_server

COMMAND_EVERY = 200
"""One case in so many goes through the whole command line."""
_SHRINK_SECONDS = 30.0
_TOLD_EVERY = 60.0
_LONG_LINE = 3000


def main() -> int:
    """Hunt, and tell what was found; 1 where anything was."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=1_000)
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first case's number")
    parser.add_argument("--case", type=int, help="this case alone")
    parser.add_argument("--only", choices=("all", "split-text"), default="all")
    parser.add_argument("--server", default="private", help="a URL, or private")
    parser.add_argument("--minutes", type=float, help="at most so long")
    parser.add_argument("--no-shrink", action="store_true", help="tell cases as they are")
    options = parser.parse_args()
    if options.case is not None:
        options.first, options.cases = options.case, 1
    with _server(options.server) as server, place(server) as where:
        return hunt(where, options)


@contextmanager
def _server(given: str) -> Iterator[Server]:
    if given != "private":
        os.environ[URL_VARIABLE] = given
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, running_server(Path(folder)) as one:
        yield one


def hunt(where: Place, options: argparse.Namespace) -> int:
    """Try the cases that are asked for."""
    warnings.simplefilter("ignore")
    game = Hunt(read_facts(where.server), options.seed, options.only)
    score = Score()
    began = told = time.monotonic()
    known: set[str] = set()
    for number, drawn in islice(game.numbered(options.first), options.cases):
        if options.minutes and time.monotonic() > began + options.minutes * 60:
            break
        case = as_command(drawn) if number % COMMAND_EVERY == COMMAND_EVERY - 1 else drawn
        found = try_case(where, case, score)
        for difference in found:
            print(f"case {number}: {difference}"[:_LONG_LINE])
        for difference in found[:1]:
            # Each kind is made small once: the next case of it is most often the same.
            if difference.kind in known:
                continue
            known.add(difference.kind)
            if case is drawn and not options.no_shrink:
                small = game.smallest(
                    number, has_kind(where, difference.kind), case, _SHRINK_SECONDS
                )
            else:
                small = case
            _show(where, small, difference)
        if time.monotonic() > told + _TOLD_EVERY:
            told = time.monotonic()
            rate = score.cases / (told - began)
            print(f"-- {score.cases} cases, {rate:.1f} a second, to case {number}")
        sys.stdout.flush()
    print(score)
    print(f"{time.monotonic() - began:.0f} s, seed {options.seed}")
    return 1 if score.found else 0


def as_command(case: Case) -> Case:
    """The case through the whole command line: of a day, or else today's snapshot."""
    tables = tuple(replace(t, name=f"t{number}") for number, t in enumerate(case.tables))
    case = replace(case, tables=tables, limit=None, writes=(), whole_command=True)
    partition = case.settings["partition"]
    is_past = case.window.end < datetime.now(UTC)
    if partition["every"] == "day" and "column" in partition and is_past:
        return case
    snapshot = {"every": "day", "start": "2026-11-01"}
    return replace(
        case,
        settings={**case.settings, "partition": snapshot},
        window=replace(case.window, key=datetime.now(UTC).strftime("%Y-%m-%d")),
    )


def _show(where: Place, case: Case, difference: Difference) -> None:
    try:
        found = next(
            (one for one in where.differences(case) if one.kind == difference.kind), difference
        )
    except Exception as error:  # it was found once
        print(f"   (not again: {error})")
        found = difference
    print(f"== {found}"[:_LONG_LINE])
    for line in case.lines():
        print(f"   {line}"[:_LONG_LINE])
