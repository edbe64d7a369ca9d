"""Every error of the configuration is one line that names file, line, key and value."""

import copy
import os
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from etl_assets.config import CONFIG_VARIABLE, ExportConfig, load_config, parse_config
from etl_assets.errors import ConfigError
from etl_assets.topology import load_topology

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

REFUSED = [
    ("hosts:\n", "host:\n", 1, "host", "found host"),
    (
        "    url:",
        "    max_conections: 3\n    url:",
        3,
        "hosts.shop-a.max_conections",
        "max_conections",
    ),
    (URL, f"{URL}\n    max_connections: 0", 4, "hosts.shop-a.max_connections", "found 0"),
    (URL, f"{URL}\n    max_connections: many", 4, "hosts.shop-a.max_connections", "'many'"),
    (URL, "db-a", 3, "hosts.shop-a.url", "wanted a SQLAlchemy URL"),
    (URL, "postgresql://etl@db-a", 3, "hosts.shop-a.url", "found 'postgresql'"),
    (URL, "mysql+mysqldb://etl@db-a", 3, "hosts.shop-a.url", "found 'mysql+mysqldb'"),
    (URL, "mysql+pymysql://etl@db-a/shop", 3, "hosts.shop-a.url", "found 'shop'"),
    (URL, f"{URL}?charset=latin1", 3, "hosts.shop-a.url", "charset"),
    (URL, f"{URL}\n    connect: {{charset: gbk}}", 4, "hosts.shop-a.connect", "found charset"),
    (URL, f"{URL}\n    connect: {{init_command: x}}", 4, "hosts.shop-a.connect", "init_command"),
    (
        URL,
        f"{URL}\n    password: {{env: NO_SUCH_VARIABLE}}",
        4,
        "hosts.shop-a.password.env",
        "unset",
    ),
    ("  shop-a:", "  shop.a:", 2, "hosts.shop.a", "found 'shop.a'"),
    ("  orders:", "  1orders:", 5, "tables.1orders", "found '1orders'"),
    ("  orders:", "  mysql:", 5, "tables.mysql", "found 'mysql'"),
    ("host: shop-a", "host: shop-b", 7, "tables.orders.shards[0].host", "found 'shop-b'"),
    (SHARD, "{host: shop-a}", 7, "tables.orders.shards[0]", "one of `tables` and `match`"),
    (SHARD, '{host: shop-a, tables: ""}', 7, "tables.orders.shards[0].tables", "at least 1"),
    (SHARD, "{host: shop-a, tables: orders}", 7, "shards[0].tables", "found 'orders'"),
    (SHARD, '{host: shop-a, tables: "s.t_{00..}"}', 7, "shards[0].tables", "left unexpanded"),
    (SHARD, f"{SHARD}\n      - {SHARD}", 8, "shards[1].tables", "shop-a.shop_00.orders_00 twice"),
    (SHARD, "{host: shop-a, match: '^(s'}", 7, "shards[0]", "wanted a regular expression"),
    (SHARD, "{host: shop-a, match: '^s'}", 7, "shards[0].match", "run `etl-assets discover`"),
    ("shards:\n      - " + SHARD, "shards: []", 6, "tables.orders.shards", "at least 1"),
    (PARTITION, "{start: 2026-11-01}", 8, "tables.orders.partition.every", "found none"),
    (PARTITION, "{every: year, start: 2026-11-01}", 8, "partition.every", "found 'year'"),
    (PARTITION, "{every: day, start: soon}", 8, "partition.start", "found 'soon'"),
    (PARTITION, "{every: day, start: 2026-11-01 13:00}", 8, "partition", "wanted a date"),
    (PARTITION, "{every: hour, start: 2026-11-01 13:30}", 8, "partition.start", "a whole hour"),
    (
        PARTITION,
        "{every: day, start: 2026-11-01, timezone: Mars}",
        8,
        "partition.timezone",
        "'Mars'",
    ),
    (PARTITION, "{every: day, start: 2026-11-01, unit: s}", 8, "partition", "wanted `column`"),
    (PARTITION, f"{PARTITION}\n    columns: {{}}", 9, "tables.orders.columns", "one of `include`"),
    (PARTITION, f"{PARTITION}\n    where: ''", 9, "tables.orders.where", "at least 1"),
    (PARTITION, f"{PARTITION}\noutput: {{csv: {{nul: x}}}}", 9, "output.csv.nul", "found nul"),
    (PARTITION, f"{PARTITION}\noutput: {{csv: {{null: 'a,b'}}}}", 9, "output.csv", "'a,b'"),
    (PARTITION, f"{PARTITION}\noutput: {{csv: {{quoting: none}}}}", 9, "csv.quoting", "'none'"),
    (PARTITION, f"{PARTITION}\nexecution: {{processes: 0}}", 9, "execution.processes", "found 0"),
    (PARTITION, f"{PARTITION}\nexecution: {{lanes: 0}}", 9, "execution.lanes", "found 0"),
    (PARTITION, f"{PARTITION}\n    partition: 3", 9, "partition", "found it twice"),
    (PARTITION, "[", 9, "", "wanted YAML"),
]


@pytest.mark.parametrize(("old", "new", "line", "key", "told"), REFUSED)
def test_a_wrong_configuration_is_one_line(
    tmp_path: Path, old: str, new: str, line: int, key: str, told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, edited(old, new))
    text = str(caught.value)
    assert text.startswith(f"etl_assets.yaml:{line}: ")
    assert key in text
    assert told in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "secret",
    [
        "url: mysql+pymysql://etl:hunter2@db-a:3306",
        "url: mysql+pymysql://etl@db-a?password=hunter2",
        "url: mysql+pymysql://etl:hunter2@db-a:port",
        "url: mysql+pymysql://etl@db-a\n    password: hunter2",
        "url: mysql+pymysql://etl@db-a\n    password: {value: hunter2}",
        "url: mysql+pymysql://etl@db-a\n    connect: {password: hunter2}",
    ],
)
def test_a_password_in_the_file_is_refused_and_never_shown(tmp_path: Path, secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, edited(f"url: {URL}", secret))
    assert "hunter2" not in str(caught.value) + repr(caught.value)
    assert caught.value.__cause__ is None


def test_an_empty_document_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^etl_assets\.yaml:1: hosts: wanted this key"):
        load(tmp_path, "")


def test_a_configuration_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=r"etl_assets\.yaml: wanted the configuration"):
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
        assert password.value() == value
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
