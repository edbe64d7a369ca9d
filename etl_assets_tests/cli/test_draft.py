"""The text of a drafted configuration: it is YAML, whatever names hold."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.cli.draft import Draft
from etl_assets.config import ExportConfig, HostConfig, parse_config
from etl_assets.config.yaml_lines import read_yaml
from etl_assets.tables.columns import Column
from etl_assets.tables.families import FoundTable, families
from etl_assets.tables.topology import load_topology
from etl_assets_tests.support.found import CREATED, ID, found

HOSTS = {name: HostConfig(url=f"mysql://etl@{name}") for name in ("a", "no", "2026")}
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)


def drafted(tables: list[FoundTable], **first_days: date) -> Draft:
    """The draft of a configuration for some tables."""
    made, single = families(tables)
    return Draft(HOSTS, made, single, date(2026, 11, 1), first_days)


def read(draft: Draft, folder: Path) -> ExportConfig:
    """The configuration that a draft's text is."""
    return parse_config(*read_yaml(draft.text.encode()), folder / "etl_assets.yaml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder."""
    return tmp_path_factory.mktemp("draft")


@given(names, names, names, st.sampled_from(sorted(HOSTS)))
def test_a_draft_names_just_what_was_found(
    folder: Path, database: str, table: str, column: str, host: str
) -> None:
    time = Column(column, "datetime", nullable=False)
    shards = [
        FoundTable(host, database, f"{table}{number}", (ID, time, CREATED), 1, 2)
        for number in range(2)
    ]
    single = FoundTable(host, f"x{database}", table, (ID,))
    config = read(drafted([*shards, single]), folder)
    (logical,) = load_topology(config)
    assert {(s.host, s.database, s.shard_table) for s in logical.shards} == {
        (host, *shard.table_name) for shard in shards
    }
    assert logical.settings.partition.column in (column, "created_at")


TABLES = """\
  logs:
    # 2 shards, about 20 rows, 32.8 kB; the largest is a.s_0.logs: 10 rows, 16.4 kB
    # unsure: one name in all databases: if each has a copy of all rows, keep one shard
    shards:
      - {host: a, tables: "s_{0..1}.logs"}
    # rows by created_at (datetime, NOT NULL, no index begins with it); no row before `start` is
    #   exported
    # unsure: no index begins with created_at: each window reads the whole table
    partition: {every: day, start: 2026-11-01, timezone: UTC, column: created_at}
  orders:
    # 4 shards, about 40 rows, 65.5 kB; the largest is a.s_0.orders_00: 10 rows, 16.4 kB
    shards:
      - {host: a, tables: "s_0.orders_{00..01}"}
      - {host: a, tables: "s_1.orders_{02..03}"}
    # rows by created_at (datetime, NOT NULL, indexed), the first of 2024-02-29; no row before
    #   `start` is exported
    partition: {every: day, start: 2024-02-29, timezone: UTC, column: created_at}
  users:
    # 2 shards, about 20 rows, 32.8 kB; the largest is a.s_0.users: 10 rows, 16.4 kB
    # unsure: one name in all databases: if each has a copy of all rows, keep one shard
    shards:
      - {host: a, tables: "s_{0..1}.users"}
    # unsure: no column seems to tell when a row came, so each window is a snapshot of whole tables
    partition: {every: day, start: 2026-11-01, timezone: UTC}
output:
  directory: exports

# Not sharded, so not exported:
#   a.s_0.config, about 10 rows, 16.4 kB
"""


def test_a_draft_says_what_was_found_and_what_is_unsure() -> None:
    indexed = frozenset({"created_at"})
    orders = [found(f"s_{n // 2}.orders_{n:02}", CREATED, indexed=indexed) for n in range(4)]
    others = [found(f"s_{n}.users") for n in range(2)]
    others += [found(f"s_{n}.logs", CREATED) for n in range(2)]
    draft = drafted([*orders, *others, found("s_0.config")], orders=date(2024, 2, 29))
    assert draft.text.partition("tables:\n")[2] == TABLES
    assert draft.doubts == 4


def test_the_first_window_is_not_later_than_this_month() -> None:
    tables = [found(f"s.t_{number}", CREATED) for number in range(2)]
    assert "start: 2026-11-01" in drafted(tables, t=date(2026, 11, 3)).text
