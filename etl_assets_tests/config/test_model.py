"""Every error of the configuration is one line that names file, line, key and value."""

import os
import re
from pathlib import Path

import pytest

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import ConfigError
from etl_assets_tests.support.minimal import MINIMAL, PARTITION, SHARD, URL, edited, load

HOST = "hosts.shop-a"
FIRST = "tables.orders.shards[0]"
CUT = "tables.orders.partition"


def partition(more: str) -> str:
    """The minimal partition with more keys."""
    return f"{{every: day, start: 2026-11-01, {more}}}"


REFUSED = [
    # hosts
    (
        "hosts:\n",
        "host:\n",
        1,
        "host",
        "expected one of hosts, tables, output, execution, got host",
    ),
    (URL, f"{URL}\n    max: 3", 4, "hosts.shop-a.max", "got max"),
    (
        URL,
        f"{URL}\n    max_connections: 0",
        4,
        f"{HOST}.max_connections",
        "expected at least 1, got 0",
    ),
    (
        URL,
        f"{URL}\n    max_connections: many",
        4,
        f"{HOST}.max_connections",
        "a whole number, got 'many'",
    ),
    (
        URL,
        f"{URL}\n    max_connections: yes",
        4,
        f"{HOST}.max_connections",
        "a whole number, got true",
    ),
    (
        URL,
        f"{URL}\n    max_connections: 1.5",
        4,
        f"{HOST}.max_connections",
        "a whole number, got 1.5",
    ),
    (URL, "db-a", 3, f"{HOST}.url", "expected a SQLAlchemy URL"),
    (URL, "", 3, f"{HOST}.url", "expected text, got nothing"),
    (URL, "postgresql://etl@db-a", 3, f"{HOST}.url", "got 'postgresql'"),
    (URL, "mysql+mysqldb://pymysql@db-a", 3, f"{HOST}.url", "got 'mysql+mysqldb'"),
    (URL, "sqlite+aiosqlite:///x.db", 3, f"{HOST}.url", "got 'sqlite+aiosqlite'"),
    (URL, "sqlite://", 3, f"{HOST}.url", "got 'sqlite://'"),
    (URL, "mysql+pymysql://etl@db-a/shop", 3, f"{HOST}.url", "got 'shop'"),
    (URL, f"{URL}?charset=latin1", 3, f"{HOST}.url", "charset"),
    (URL, f"{URL}\n    connect: {{charset: gbk}}", 4, f"{HOST}.connect", "got charset"),
    (URL, f"{URL}\n    connect: {{init_command: x}}", 4, f"{HOST}.connect", "init_command"),
    (
        URL,
        f"{URL}\n    connect: [a]",
        4,
        f"{HOST}.connect",
        "expected keys with values, got a list",
    ),
    (URL, f"{URL}\n    password: {{env: NOT_SET}}", 4, f"{HOST}.password.env", "NOT_SET set"),
    (
        URL,
        f"{URL}\n    password: {{env: ''}}",
        4,
        f"{HOST}.password.env",
        "expected some text, got ''",
    ),
    ("  shop-a:", "  shop.a:", 2, "hosts.shop.a", "got 'shop.a'"),
    ("  shop-a:", f"  {'h' * 64}:", 2, "hosts.hhh", "expected 1 to 63 letters"),
    # tables and their shards
    ("  orders:", "  1orders:", 5, "tables.1orders", "got '1orders'"),
    ("  orders:", "  mysql:", 5, "tables.mysql", "other than mysql and sqlite, got 'mysql'"),
    ("  orders:", "  sqlite:", 5, "tables.sqlite", "got 'sqlite'"),
    ("host: shop-a", "host: shop-b", 7, f"{FIRST}.host", "the hosts shop-a, got 'shop-b'"),
    (SHARD, "shop.orders", 7, FIRST, "expected keys with values, got 'shop.orders'"),
    (SHARD, "{host: shop-a, table: a.b}", 7, f"{FIRST}.table", "got table"),
    (SHARD, "{host: shop-a}", 7, FIRST, "one of `tables` and `match`, got none"),
    (SHARD, "{host: shop-a, tables: a.b, match: c}", 7, FIRST, "got both"),
    (SHARD, "{tables: a.b}", 7, f"{FIRST}.host", "expected this key, got none"),
    (SHARD, '{host: shop-a, tables: ""}', 7, f"{FIRST}.tables", "some text, got ''"),
    (SHARD, "{host: shop-a, tables: 5}", 7, f"{FIRST}.tables", "text, got 5; put it in quotes"),
    (SHARD, "{host: shop-a, tables: orders}", 7, f"{FIRST}.tables", "got 'orders'"),
    (SHARD, '{host: shop-a, tables: "s.t_{00..}"}', 7, f"{FIRST}.tables", "left unexpanded"),
    (SHARD, "{host: shop-a, tables: \"s.t_${['a','b']}\"}", 7, f"{FIRST}.tables", "ShardingSphere"),
    (SHARD, f"{SHARD}\n      - {SHARD}", 8, "shards[1].tables", "shop-a.shop_00.orders_00 twice"),
    (
        SHARD,
        "{host: shop-a, match: '^(s'}",
        7,
        f"{FIRST}.match",
        "a regular expression, got '^(s'",
    ),
    (SHARD, "{host: shop-a, match: '^s'}", 7, f"{FIRST}.match", "run `etl-assets discover`"),
    (
        "shards:\n      - " + SHARD,
        "shards: []",
        6,
        "tables.orders.shards",
        "at least one, got none",
    ),
    ("shards:\n      - " + SHARD, "shards: a.b", 6, "tables.orders.shards", "a list, got 'a.b'"),
    # partition
    (PARTITION, "{start: 2026-11-01}", 8, f"{CUT}.every", "expected this key, got none"),
    (PARTITION, "{every: year, start: 2026-11-01}", 8, f"{CUT}.every", "got 'year'"),
    (PARTITION, "{every: day, start: soon}", 8, f"{CUT}.start", "got 'soon'"),
    (PARTITION, "{every: day, start: 2026-11-31}", 8, f"{CUT}.start", "got '2026-11-31'"),
    (PARTITION, "{every: day, start: 2026-11-01 13:00}", 8, f"{CUT}.start", "a date for every day"),
    (PARTITION, "{every: hour, start: 2026-11-01 13:30}", 8, f"{CUT}.start", "a whole hour"),
    (PARTITION, "{every: hour, start: 2026-11-01 13:00Z}", 8, f"{CUT}.start", "on the clock of"),
    (PARTITION, "{every: day, start: 9999-12-31}", 8, f"{CUT}.start", "a year from 1000 to 8999"),
    (PARTITION, partition("timezone: Mars"), 8, f"{CUT}.timezone", "got 'Mars'"),
    (PARTITION, partition("timezone: ../etc/passwd"), 8, f"{CUT}.timezone", "an IANA time zone"),
    (PARTITION, partition("timezone: Asia"), 8, f"{CUT}.timezone", "an IANA time zone"),
    (PARTITION, partition("column: c, column_timezone: 8"), 8, f"{CUT}.column_timezone", "got 8"),
    (PARTITION, partition("unit: s"), 8, f"{CUT}.unit", "expected `column` beside it"),
    (
        PARTITION,
        partition("column_timezone: UTC"),
        8,
        f"{CUT}.column_timezone",
        "expected `column`",
    ),
    (PARTITION, partition("column: c, unit: us"), 8, f"{CUT}.unit", "got 'us'"),
    (PARTITION, partition("zone: UTC"), 8, f"{CUT}.zone", "got zone"),
    # the rest of a table
    (PARTITION, f"{PARTITION}\n    columns: {{}}", 9, "tables.orders.columns", "one of `include`"),
    (
        PARTITION,
        f"{PARTITION}\n    columns: {{include: id}}",
        9,
        "columns.include",
        "a list, got 'id'",
    ),
    (
        PARTITION,
        f"{PARTITION}\n    columns: {{exclude: [a, 5]}}",
        9,
        "columns.exclude[1]",
        "got 5",
    ),
    (PARTITION, f"{PARTITION}\n    where: ' '", 9, "tables.orders.where", "some text, got ' '"),
    (PARTITION, f"{PARTITION}\n    schedule: 5", 9, "tables.orders.schedule", "text, got 5"),
    (PARTITION, f"{PARTITION}\n    wher: x", 9, "tables.orders.wher", "got wher"),
    # output and execution
    (PARTITION, f"{PARTITION}\noutput: {{dir: x}}", 9, "output.dir", "got dir"),
    (PARTITION, f"{PARTITION}\noutput: {{csv: {{nul: x}}}}", 9, "output.csv.nul", "got nul"),
    (PARTITION, f"{PARTITION}\noutput:\n  csv:\n    null: 'a,b'", 11, "output.csv.null", "'a,b'"),
    (PARTITION, f"{PARTITION}\noutput:\n  csv:\n    null: '\"'", 11, "output.csv.null", "quotes"),
    (
        PARTITION,
        f'{PARTITION}\noutput: {{csv: {{null: "a\\nb"}}}}',
        9,
        "output.csv.null",
        "line breaks",
    ),
    (
        PARTITION,
        f"{PARTITION}\noutput: {{csv: {{null: NULL}}}}",
        9,
        "csv.null",
        "got nothing; put",
    ),
    (PARTITION, f"{PARTITION}\noutput: {{csv: {{delimiter: '||'}}}}", 9, "csv.delimiter", "'||'"),
    (PARTITION, f"{PARTITION}\noutput: {{csv: {{quoting: none}}}}", 9, "csv.quoting", "'none'"),
    (PARTITION, f"{PARTITION}\noutput: {{csv: {{header: 7}}}}", 9, "csv.header", "true or false"),
    (PARTITION, f"{PARTITION}\noutput: {{directory: ''}}", 9, "output.directory", "some text"),
    (PARTITION, f"{PARTITION}\nexecution: {{workers: 2}}", 9, "execution.workers", "workers"),
    (PARTITION, f"{PARTITION}\nexecution: {{processes: 0}}", 9, "execution.processes", "got 0"),
    (PARTITION, f"{PARTITION}\nexecution: {{lanes: 0}}", 9, "execution.lanes", "got 0"),
    (PARTITION, f"{PARTITION}\nexecution: {{retries: -1}}", 9, "execution.retries", "at least 0"),
    (PARTITION, f"{PARTITION}\nexecution: {{executor: []}}", 9, "execution.executor", "got none"),
    # what is said of a table
    (PARTITION, f"{PARTITION}\n    description: ''", 9, "orders.description", "some text, got ''"),
    (PARTITION, f"{PARTITION}\n    owners: shop", 9, "orders.owners", "a list, got 'shop'"),
    (
        PARTITION,
        f"{PARTITION}\n    owners:\n      - a@b.cn\n      - shop",
        11,
        "owners[1]",
        "'shop'",
    ),
    (PARTITION, f"{PARTITION}\n    owners: ['team:']", 9, "owners[0]", "team:shop, got 'team:'"),
    (PARTITION, f"{PARTITION}\n    tags:\n      tier: 1", 10, "tags.tier", "put it in quotes"),
    (PARTITION, f"{PARTITION}\n    tags:\n      tier: a b", 10, "tags.tier", "got 'a b'"),
    (PARTITION, f"{PARTITION}\n    tags:\n      a/b/c: x", 10, "tags.a/b/c", "got 'a/b/c'"),
    (
        PARTITION,
        f"{PARTITION}\n    tags: {{dagster/x: a}}",
        9,
        "tags.dagster",
        "Dagster's",
    ),
    (
        PARTITION,
        f"{PARTITION}\n    tags: {{etl_assets/host: a}}",
        9,
        "etl_assets/host",
        "product's",
    ),
    # the file
    (MINIMAL, "- a\n", 1, "the document", "expected keys with values, got a list"),
    (MINIMAL, "hosts: [a]\n", 1, "hosts", "expected keys with values, got a list"),
    (MINIMAL, "hosts: {}\n", 1, "hosts", "expected at least one, got none"),
]


@pytest.mark.parametrize(("old", "new", "line", "key", "told"), REFUSED)
def test_a_wrong_configuration_is_one_line(
    tmp_path: Path, old: str, new: str, line: int, key: str, told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, edited(old, new))
    text = str(caught.value)
    where, _, problem = text.partition(": expected ")
    assert where.startswith(f"etl_assets.yaml:{line}: ")
    assert key in where
    assert told in f"expected {problem}"
    assert "\n" not in text


def test_a_schedule_and_a_match_keep_their_text(tmp_path: Path) -> None:
    text = edited(PARTITION, f'{PARTITION}\n    schedule: "0 2 * * *"\n    where: "id % 2 = 0"')
    table = load(tmp_path, text).tables["orders"]
    assert (table.schedule, table.where) == ("0 2 * * *", "id % 2 = 0")


def test_defaults_are_filled_in(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)
    assert config.hosts["shop-a"].max_connections == 4
    assert config.directory == str(tmp_path / "exports")
    assert config.output.csv.null == ""
    assert config.execution.processes == (os.cpu_count() or 1)
    assert config.tables["orders"].is_snapshot


def test_keys_that_yaml_would_read_otherwise_are_text(tmp_path: Path) -> None:
    text = MINIMAL + 'output: {csv: {null: "NULL"}}\n'
    assert load(tmp_path, text).output.csv.null == "NULL"


def test_a_table_has_the_conventions_of_the_output_but_for_what_it_names(tmp_path: Path) -> None:
    text = (
        edited(PARTITION, f"{PARTITION}\n    csv: {{compression: gzip, zero_dates: null}}")
        + "  users:\n    shards: [{host: shop-a, tables: shop.users}]\n"
        "    partition: {every: day, start: 2026-11-01}\n"
        'output: {csv: {null: "NULL", zero_dates: error}}\n'
    )
    tables = load(tmp_path, text).tables
    assert tables["orders"].csv == CsvFormat(null="NULL", compression="gzip", zero_dates="null")
    assert tables["users"].csv == CsvFormat(null="NULL", zero_dates="error")


@pytest.mark.parametrize(
    ("table", "output", "line", "key"),
    [
        ("{compression: lzma}", "{null: x}", 9, "tables.orders.csv.compression"),
        ("{nul: x}", "{null: x}", 9, "tables.orders.csv.nul"),
        ("5", "{null: x}", 9, "tables.orders.csv"),
        ("{null: ';'}", "{delimiter: ';'}", 9, "tables.orders.csv.null"),
        ("{null: a}", "{delimiter: ';;'}", 10, "output.csv.delimiter"),
    ],
)
def test_wrong_conventions_are_told_where_they_stand(
    tmp_path: Path, table: str, output: str, line: int, key: str
) -> None:
    text = edited(PARTITION, f"{PARTITION}\n    csv: {table}") + f"output: {{csv: {output}}}\n"
    with pytest.raises(ConfigError, match=rf"^etl_assets\.yaml:{line}: {re.escape(key)}: "):
        load(tmp_path, text)


def test_a_password_comes_from_the_environment_and_may_be_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = edited(URL, f"{URL}\n    password: {{env: SHOP_A}}")
    for value in ("hunter2", ""):
        monkeypatch.setenv("SHOP_A", value)
        config = load(tmp_path, text)
        password = config.hosts["shop-a"].password
        assert password is not None
        assert password.value(tmp_path) == value
        assert "hunter2" not in repr(config)


@pytest.mark.parametrize(
    "url", ["mysql://etl@db-a", "mariadb+pymysql://etl@db-a", "mariadb://etl@db-a"]
)
def test_other_names_for_the_driver_mean_pymysql(tmp_path: Path, url: str) -> None:
    config = load(tmp_path, edited(URL, url))
    assert config.hosts["shop-a"].url == "mysql+pymysql://etl@db-a"


def test_the_configuration_is_frozen(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)
    with pytest.raises(ValueError, match="frozen"):
        config.execution.retries = 0


@pytest.mark.parametrize("key", ["connect: {connect_timeout: 5}", "password: {env: SHOP_A}"])
def test_sqlite_has_no_options_and_no_password(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match=r":4: hosts\.shop-a\.\w+: expected no `\w+` for SQLite"):
        load(tmp_path, edited(URL, f"sqlite:///{{database}}.db\n    {key}"))
