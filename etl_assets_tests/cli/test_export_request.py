"""Which windows are exported for what was asked, and the command that goes on."""

import shlex
from pathlib import Path

import pytest

from etl_assets.cli.command_lines import export_command
from etl_assets.cli.export_request import Export, ExportOptions, requested_exports
from etl_assets.errors import UsageError
from etl_assets_tests.support.shop import CONFIG, DAYS, Shop

SHARDS = "shards: [{host: demo, tables: shop_00.orders_00}]"
MORE_TABLES = f"""\
  weekly:
    {SHARDS}
    partition: {{every: week, start: 2026-11-01, column: created_at}}
  archive:
    {SHARDS}
    partition: {{every: day, start: 2026-11-01, column: created_at}}
  users:
    {SHARDS}
    partition: {{every: day, start: 2026-11-01}}
execution: {{processes: 2}}
"""
TUESDAYS = ("2026-11-03", "2026-11-10")
ENDS = ("--from", "--to")
MONDAYS = ("2026-11-02", "2026-11-09")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A configuration of three cadences and a snapshot."""
    shop = Shop(tmp_path)
    shop.configure(CONFIG.replace("execution: {processes: 2}\n", MORE_TABLES))
    return shop


def titles(exports: list[Export]) -> list[str]:
    """Tables and keys."""
    return [export.title for export in exports]


def keys(first: int, last: int, prefix: str = "2026-11-") -> list[str]:
    """Days of a month."""
    return [f"{prefix}{day:02}" for day in range(first, last + 1)]


# What is exported


def test_a_range_leaves_out_what_has_no_such_windows_and_says_so(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    exports = requested_exports(shop.config, ExportOptions(first=TUESDAYS[0], last=TUESDAYS[1]))
    days = keys(3, 10)
    assert titles(exports) == [f"{name} {day}" for name in ("orders", "archive") for day in days]
    weekly, users = capsys.readouterr().err.splitlines()
    assert weekly.startswith("left out: weekly: partition '2026-11-03': expected ")
    assert users.startswith("left out: users: --from and --to: expected ")


def test_a_range_takes_all_that_have_both_ends(shop: Shop) -> None:
    exports = requested_exports(shop.config, ExportOptions(first=MONDAYS[0], last=MONDAYS[1]))
    weeks = [title for title in titles(exports) if title.startswith("weekly")]
    assert weeks == [f"weekly {day}" for day in MONDAYS]
    assert len(exports) == 2 + 8 + 8


@pytest.mark.parametrize("name", ["users", "weekly"])
def test_a_table_that_was_named_has_to_have_the_range(
    shop: Shop, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    options = ExportOptions(("orders", name), first=TUESDAYS[0], last=TUESDAYS[1])
    with pytest.raises(UsageError, match=rf"^{name}: "):
        requested_exports(shop.config, options)
    assert capsys.readouterr().err == ""


def test_a_range_that_no_table_has_is_one_refusal(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="2025-01-01"):
        requested_exports(shop.config, ExportOptions(first="2025-01-01", last=DAYS[0]))
    assert capsys.readouterr().err == ""


def test_a_key_inside_the_range_is_exported_once(shop: Shop) -> None:
    options = ExportOptions(("orders",), (DAYS[1], DAYS[1]), first=DAYS[0], last=DAYS[2])
    exports = requested_exports(shop.config, options)
    assert titles(exports) == [f"orders {DAYS[index]}" for index in (1, 0, 2)]


# What is printed to go on


def test_the_command_that_goes_on_has_the_options_that_were_given(shop: Shop) -> None:
    path = shop.folder / "the shop.yaml"
    options = ExportOptions(("orders",), DAYS[:2], path, processes=3)
    shown = export_command(requested_exports(shop.config, options), options)
    wanted = f"export orders --partition {DAYS[0]} --partition {DAYS[1]} --config".split()
    assert shlex.split(shown)[1:] == [*wanted, str(path), "--processes", "3", "--resume"]


def test_a_trial_is_a_trial_again(shop: Shop) -> None:
    options = ExportOptions(("orders",), DAYS[:1], limit=7)
    shown = export_command(requested_exports(shop.config, options), options)
    assert shown.endswith(f"export orders --partition {DAYS[0]} --limit 7")


def test_a_range_goes_on_as_a_range_after_what_is_done(shop: Shop) -> None:
    options = ExportOptions(("orders", "archive"), first="2026-11-02", last="2026-11-19")
    exports = requested_exports(shop.config, options)
    shown = export_command(exports, options)
    assert shown.endswith("export orders archive --from 2026-11-02 --to 2026-11-19 --resume")
    orders, archive = export_command(exports[4:], options).split(" && ")
    assert orders.endswith("export orders --from 2026-11-06 --to 2026-11-19 --resume")
    assert archive.endswith("export archive --from 2026-11-02 --to 2026-11-19 --resume")
    gap = export_command([exports[0], exports[2]], options)
    assert gap.endswith("export orders --partition 2026-11-02 --partition 2026-11-04 --resume")


def test_each_command_that_goes_on_is_one_that_is_served(shop: Shop) -> None:
    options = ExportOptions(partitions=(DAYS[0],), first=MONDAYS[0], last=MONDAYS[1])
    exports = requested_exports(shop.config, options)
    served: list[Export] = []
    for line in export_command(exports, options).split(" && "):
        _, export, *words = shlex.split(line)
        assert export == "export"
        given = [words[index + 1] for index, word in enumerate(words) if word == "--partition"]
        ends = [words[words.index(word) + 1] if word in words else None for word in ENDS]
        names = tuple(words[: next(i for i, word in enumerate(words) if word.startswith("-"))])
        again = ExportOptions(names, tuple(given), first=ends[0], last=ends[1])
        served += requested_exports(shop.config, again)
    assert sorted(titles(served)) == sorted(titles(exports))
