"""Every error of the configuration is one line that names file, line, key and value."""

import copy
import inspect
import json
import os
import pickle
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pymysql.connections import Connection

from etl_assets import config as package
from etl_assets.config import CONFIG_VARIABLE, ExportConfig, load_config, parse_config
from etl_assets.config.driver import DRIVER_OPTIONS, FIXED_OPTIONS, REFUSED_OPTIONS
from etl_assets.csv_format import CsvFormat
from etl_assets.errors import ConfigError
from etl_assets.source.engines import Engines
from etl_assets.source.mysql.engine import beside
from etl_assets.tables.topology import load_topology

MINIMAL = """\
hosts:
  shop-a:
    url: mysql+pymysql://etl@db-a:3306
tables:
  orders:
    shards:
      - {host: shop-a, tables: "shop_{00..01}.orders_{00..03}"}
    partition: {every: day, start: 2026-11-01}
"""


def load(tmp_path: Path, text: str) -> ExportConfig:
    """The configuration of a text, its patterns expanded too."""
    path = tmp_path / "etl_assets.yaml"
    path.write_text(text, encoding="utf-8")
    config = load_config(path)
    load_topology(config)
    return config


def edited(old: str, new: str) -> str:
    """The minimal configuration with one part replaced."""
    assert old in MINIMAL
    return MINIMAL.replace(old, new)


URL = "mysql+pymysql://etl@db-a:3306"
SHARD = '{host: shop-a, tables: "shop_{00..01}.orders_{00..03}"}'
PARTITION = "{every: day, start: 2026-11-01}"
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


@pytest.mark.parametrize(
    "secret",
    [
        "url: mysql+pymysql://etl:hunter2@db-a:3306",
        "url: mysql+pymysql://etl@db-a?password=hunter2",
        "url: mysql+pymysql://etl:hunter2@db-a:port",
        "url: mysql+pymysql://etl:hunter2/@db-a",
        "url: mysql+pymysql:/etl:hunter2@db-a",
        "url: 'mysql+pymysql://etl:hunter2@x@db-a/shop'",
        "url: mysql+pymysql://etl@db-a?PASSWD=hunter2",
        "url: postgresql://etl:hunter2@db-a",
        "url: mysql+pymysql://etl@db-a\n    password: hunter2",
        "url: mysql+pymysql://etl@db-a\n    password: [hunter2]",
        "url: mysql+pymysql://etl@db-a\n    password: {env: [hunter2]}",
        "url: mysql+pymysql://etl@db-a\n    connect: hunter2",
        "mysql+pymysql://etl:hunter2@db-a",
        "url: mysql+pymysql://etl@db-a\n    password: {value: hunter2}",
        "url: mysql+pymysql://etl@db-a\n    connect: {password: hunter2}",
        "url: mysql+pymysql://etl@db-a\n    connect: {ssl: {password: hunter2}}",
        "url: mysql+pymysql://etl:hunter%2F2@db-a",
        "url: mysql+pymysql://etl@db-a?pass%77ord=hunter2",
        "url: mysql+pymysql://etl@db-a\n    password: {command: hunter2}",
        "url: mysql+pymysql://etl@db-a\n    password: {command: [vault, --token=hunter2]}",
        "url: mysql+pymysql://etl@db-a\n    password: !hunter2",
        "url: mysql+pymysql://etl@db-a\n    password: *hunter2",
        "url: mysql+pymysql://etl@db-a\n    password: !!int hunter2",
    ],
)
def test_a_password_in_the_file_is_refused_and_never_shown(tmp_path: Path, secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, edited(f"    url: {URL}", f"    {secret}"))
    assert "hunter2" not in str(caught.value) + repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_number_in_place_of_a_password_is_not_shown_either(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="password: expected keys with values, got something"):
        load(tmp_path, edited(URL, f"{URL}\n    password: 4711"))


def test_a_schedule_and_a_match_keep_their_text(tmp_path: Path) -> None:
    text = edited(PARTITION, f'{PARTITION}\n    schedule: "0 2 * * *"\n    where: "id % 2 = 0"')
    table = load(tmp_path, text).tables["orders"]
    assert (table.schedule, table.where) == ("0 2 * * *", "id % 2 = 0")


def test_an_empty_document_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^etl_assets\.yaml:1: hosts: expected this key"):
        load(tmp_path, "")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "etl_assets.yaml"
    path.write_bytes(b"hosts:\n  \xff")
    with pytest.raises(ConfigError, match=r"^etl_assets\.yaml:2: expected UTF-8, got byte 0xff$"):
        load_config(path)


def test_a_configuration_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=r"etl_assets\.yaml: expected the configuration"):
        load_config()


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


def test_one_part_may_be_taken_over_by_another(tmp_path: Path) -> None:
    shared = edited(PARTITION, f"&daily {PARTITION}")
    text = (
        shared
        + """\
  users:
    shards: [{host: shop-a, tables: shop.users}]
    partition: {<<: *daily, every: month}
"""
    )
    tables = load(tmp_path, text).tables
    assert [table.partition.every for table in tables.values()] == ["day", "month"]


@pytest.mark.parametrize("start", [date(2026, 11, 1), datetime(2026, 11, 1), "2026-11-01"])
def test_dates_may_arrive_as_dates_or_as_text(tmp_path: Path, start: object) -> None:
    document: dict[str, Any] = copy.deepcopy(yaml.safe_load(MINIMAL))
    document["tables"]["orders"]["partition"]["start"] = start
    config = parse_config(document, {}, tmp_path / "etl_assets.yaml")
    assert config.tables["orders"].partition.start_time == datetime(2026, 11, 1)


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


def test_what_never_connects_needs_no_password(tmp_path: Path) -> None:
    path = tmp_path / "etl_assets.yaml"
    path.write_text(edited(URL, f"{URL}\n    password: {{env: NO_SUCH_VARIABLE}}"))
    assert load_config(path, connects=False).hosts["shop-a"].password is not None


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


# Options for the driver


def connecting(options: str) -> str:
    """The minimal configuration with options for the driver."""
    return edited(f"    url: {URL}", f"    url: {URL}\n    connect: {{{options}}}")


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("conect_timeout: 5", "conect_timeout: expected connect_timeout, got an option that"),
        ("nonsense: 5", "nonsense: expected one of bind_address, collation, connect_timeout"),
        ("connect_timeout: abc", "connect_timeout: expected a number of seconds, got something"),
        ("read_timeout: 0", "read_timeout: expected a number of seconds, got 0"),
        ("read_timeout: true", "read_timeout: expected a number of seconds, got true"),
        ("ssl_disabled: 7", "ssl_disabled: expected true or false, got 7"),
        ("read_timeout: .nan", "read_timeout: expected a number of seconds, got nan"),
        ("ssl_verify_identity: 'no'", "ssl_verify_identity: expected true or false, got something"),
        ("ssl_ca: [a]", "ssl_ca: expected the path of a file, got something else"),
        ("collation: 'utf8mb4_bin; DROP'", "collation: expected a collation of utf8mb4, got some"),
        (
            "ssl: {ca: a.pem}",
            "ssl: expected ssl_ca, ssl_cert, ssl_key and ssl_verify_identity, each",
        ),
        ("read_default_file: my.cnf", "read_default_file: expected the options themselves"),
        ("local_infile: true", "local_infile: expected an option that reads"),
        ("ssl_disabled: true, ssl_ca: a", "ssl_ca: expected no `ssl_disabled: true` beside it"),
        ("ssl_ca: a, ssl_verify_cert: false", "ssl_verify_cert: expected true, as `ssl_ca` is set"),
        ("ssl_key: a", "ssl_key: expected `ssl_cert` beside it, got none"),
    ],
)
def test_an_option_that_the_driver_would_stumble_over_is_refused(
    tmp_path: Path, option: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^etl_assets\.yaml:4: hosts\.shop-a\.connect\.{told}"):
        load(tmp_path, connecting(option))


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("ssl_ca=ca.pem", "ssl_ca"),
        ("ssl_disabled=false", "ssl_disabled"),
        ("read_timeout=5&charset=latin1", "read_timeout, charset"),
        ("foo", "something else"),
    ],
)
def test_options_have_no_place_in_the_url(tmp_path: Path, query: str, named: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, edited(URL, f"'{URL}?{query}'"))
    assert str(refusal.value) == (
        f"etl_assets.yaml:3: hosts.shop-a.url: expected a URL without options, got {named} "
        "after the ?; move it to `connect`"
    )


def test_every_option_of_the_driver_is_known_or_left_out_for_a_reason() -> None:
    known = set(inspect.signature(Connection.__init__).parameters) - {"self"}
    secret = {"password", "passwd", "ssl_key_password"}
    # Not implemented by the driver, or it would not connect, or takes Python objects.
    useless = {"compress", "named_pipe", "defer_connect", "auth_plugin_map"}
    assert known == {*DRIVER_OPTIONS, *REFUSED_OPTIONS, *FIXED_OPTIONS, *secret, *useless}


def test_a_certificate_that_is_not_there_is_told_when_the_file_is_read(tmp_path: Path) -> None:
    text = connecting("ssl_ca: ca.pem")
    words = (
        rf"^etl_assets\.yaml:4: hosts\.shop-a\.connect\.ssl_ca: expected .*none at {tmp_path}/ca"
    )
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, text)
    # `verify` does without.
    config = load_config(tmp_path / "etl_assets.yaml", connects=False)
    with pytest.raises(ConfigError, match=rf"ssl_ca: expected a file, got none at {tmp_path}/ca"):
        Engines(config.hosts, config.home).get("shop-a", "")
    (tmp_path / "ca.pem").touch()
    load(tmp_path, text)


def test_a_relative_path_starts_beside_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").touch()
    config = load(tmp_path, connecting("ssl_ca: ca.pem, unix_socket: s.sock"))
    monkeypatch.chdir("/")
    engines = Engines(config.hosts, config.home)
    engines.get("shop-a", "")
    options = config.hosts["shop-a"].connect
    assert pickle.loads(pickle.dumps(engines)).host("shop-a").connect == options
    assert beside(config.home, options) == {
        "ssl_ca": str(tmp_path / "ca.pem"),
        "unix_socket": str(tmp_path / "s.sock"),
    }


@pytest.mark.parametrize("key", ["connect: {connect_timeout: 5}", "password: {env: SHOP_A}"])
def test_sqlite_has_no_options_and_no_password(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match=r":4: hosts\.shop-a\.\w+: expected no `\w+` for SQLite"):
        load(tmp_path, edited(URL, f"sqlite:///{{database}}.db\n    {key}"))


# Secrets and conditions


@pytest.mark.parametrize(
    "directory",
    [
        "ftp://user:hunter2@host/x",
        "ftp://user:hun/ter2@host/x",
        "simplecache::ftp://user:hunter2@host/x",
        "s3://bucket/x?key=hunter2",
        "https://host/x?X-Amz-Expires=60&X-Amz-Signature=hunter2",
        "https://host/x?pass%77ord=hunter2",
        "abfs://c@account/x?sig=hunter2",
    ],
)
def test_a_secret_in_the_output_s_url_is_refused_and_never_shown(
    tmp_path: Path, directory: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, MINIMAL + f"output: {{directory: '{directory}'}}\n")
    assert str(refusal.value).startswith("etl_assets.yaml:9: output.directory: expected a URL with")
    assert "FSSPEC_FTP_PASSWORD" in str(refusal.value)
    assert "ter2" not in str(refusal.value)
    # A key with a mistake in it does not show it either.
    with pytest.raises(ConfigError, match="got folder: something else"):
        load(tmp_path, MINIMAL + f"output: {{folder: '{directory}'}}\n")


def test_a_url_that_names_an_account_alone_may_stand(tmp_path: Path) -> None:
    url = "memory://container@account/x@y"
    assert load(tmp_path, MINIMAL + f"output: {{directory: '{url}'}}\n").directory == url


@pytest.mark.parametrize(
    ("url", "where", "told"),
    [
        (URL, "s='a') or (s='b'", "expected brackets that close one another, got one that closes"),
        (URL, "a = '\\' or b = '('", "expected each quote closed, got one that stays open"),
        (URL, "a = ']' or x = 'it''s )'", None),
        ("sqlite:///{database}.db", "a = '\\' or b = '('", None),
        ("sqlite:///{database}.db", "[a(b] = 1", None),
        (URL, "[a(b] = 1", "one that stays open"),
    ],
)
def test_a_condition_stays_in_its_brackets(
    tmp_path: Path, url: str, where: str, told: str | None
) -> None:
    text = edited(URL, url) + f"    where: {json.dumps(where)}\n"
    if told is None:
        assert load(tmp_path, text).tables["orders"].where == where
        return
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, text)
    assert str(refusal.value).startswith("etl_assets.yaml:9: tables.orders.where: ")
    assert told in str(refusal.value)
    assert str(refusal.value).endswith(repr(where))


# Packages


@pytest.mark.parametrize(
    ("directory", "told"),
    [("nosuch://bucket/x", "Protocol not known"), ("gs://bucket/x", "gcsfs")],
)
def test_a_url_that_nothing_can_write_to_is_told_before_anything_is_read(
    tmp_path: Path, directory: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^etl_assets\.yaml:9: output\.directory: .*{told}"):
        load(tmp_path, MINIMAL + f"output: {{directory: '{directory}'}}\n")


def test_a_compression_without_its_package_is_told_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl_assets.config.consistency.find_spec", lambda name: None)
    text = MINIMAL + "output: {csv: {compression: zstd}}\n"
    with pytest.raises(ConfigError, match=r"expected the package zstandard, got none; install"):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    partition:", "    partiton: soon\n    partition:", "got partiton: 'soon'"),
        ("hosts:", "dbpassword: hunter2\nhosts:", "got dbpassword: something else"),
        (f"    url: {URL}", f"    url: {URL}\n    pwd: hunter2", "got pwd: something else"),
    ],
)
def test_an_unknown_key_is_told_with_its_value_unless_that_may_be_a_secret(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        load(tmp_path, edited(old, new))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("5", "expected at most 4, the max_connections of shop-a, got 5"),
        ("0", "expected at least 1, got 0"),
        ("1.5", "expected a whole number, got 1.5"),
        ("true", "expected a whole number, got true"),
    ],
)
def test_parts_are_whole_numbers_within_the_host_s_limit(
    tmp_path: Path, value: str, told: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, f"{MINIMAL}    split: {value}\n")
    assert str(refusal.value) == f"etl_assets.yaml:9: tables.orders.split: {told}"
    assert load(tmp_path, f"{MINIMAL}    split: 4\n").tables["orders"].split == 4


def test_sqlite_is_not_read_in_parts(tmp_path: Path) -> None:
    text = edited(URL, "sqlite:///{database}.db") + "    split: 2\n"
    with pytest.raises(ConfigError, match=r":9: .*expected 1 on SQLite \(host shop-a\), got 2"):
        load(tmp_path, text)


def test_each_part_of_the_configuration_has_its_name_in_the_package() -> None:
    parts = [field.annotation for field in ExportConfig.model_fields.values()]
    names = {name for part in parts for name in re.findall(r"\w+Config\b", str(part))}
    assert {"HostConfig", "OutputConfig", "ExecutionConfig"} <= names
    assert names <= set(package.__all__)
