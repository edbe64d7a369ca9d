"""Configurations that are wrong in one place, and what has to be said about each."""

from etl_assets_tests.support.shop import CONFIG

SHARDS = '[{host: demo, tables: "shop_{00..01}.orders_{00..01}"}]'
PARTITION = "{every: day, start: 2026-11-01, column: created_at}"
URL = '"sqlite:///{database}.db"'


def changed(old: str, new: str) -> str:
    """The configuration with one part replaced."""
    assert CONFIG.count(old) == 1, old
    return CONFIG.replace(old, new)


def shards(text: str) -> str:
    """The configuration with other shards."""
    return changed(SHARDS, text)


def partition(text: str) -> str:
    """The configuration with another partition."""
    return changed(PARTITION, text)


def host(text: str) -> str:
    """The configuration with another host `demo`."""
    return changed(f"{{url: {URL}}}", text)


def table(text: str) -> str:
    """The configuration with one more key in `orders`."""
    return changed(PARTITION, f"{PARTITION}\n    {text}")


def output(text: str) -> str:
    """The configuration with an output section."""
    return f"{CONFIG}output: {text}\n"


MYSQL = "mysql+pymysql://etl@db-a.invalid"

CONFIGURATIONS = {
    "unknown section": (CONFIG + "extra: 1\n", 8, "extra"),
    "unknown key of a host": (host(f"{{url: {URL}, maximum: 3}}"), 2, "maximum"),
    "unknown key of a table": (table("colums: {include: [id]}"), 7, "colums"),
    "unknown key of a partition": (partition("{every: day, start: 2026-11-01, by: x}"), 6, "by"),
    "unknown key of a shard": (shards("[{host: demo, tables: a.b, like: x}]"), 5, "like"),
    "unknown key of the output": (output("{folder: x}"), 8, "folder"),
    "unknown key of the conventions": (output("{csv: {quote: all}}"), 8, "quote"),
    "unknown key of the execution": (changed("processes: 2", "workers: 2"), 7, "workers"),
    "unknown host": (shards("[{host: dmeo, tables: a.b}]"), 5, "'dmeo'"),
    "a brace left unexpanded": (shards('[{host: demo, tables: "s.o_{00..}"}]'), 5, "s.o_{00..}"),
    "a brace left open": (shards('[{host: demo, tables: "s.o_{00..03"}]'), 5, "s.o_{00..03"),
    "an empty pattern": (shards('[{host: demo, tables: ""}]'), 5, "tables"),
    "a pattern without a database": (shards("[{host: demo, tables: orders}]"), 5, "'orders'"),
    "a pattern without a table": (shards('[{host: demo, tables: "shop."}]'), 5, "'shop.'"),
    "no shards": (shards("[]"), 5, "shards"),
    "neither tables nor match": (shards("[{host: demo}]"), 5, "match"),
    "both tables and match": (shards("[{host: demo, tables: a.b, match: c}]"), 5, "match"),
    "a shard twice in a pattern": (
        shards('[{host: demo, tables: "a.{b,b}"}]'),
        5,
        "demo.a.b twice",
    ),
    "a shard in two patterns": (
        shards('[{host: demo, tables: a.b}, {host: demo, tables: "a.{a,b}"}]'),
        5,
        "demo.a.b twice",
    ),
    "an unresolved match": (shards("[{host: demo, match: '^s'}]"), 5, "etl-assets discover"),
    "a bad regular expression": (shards("[{host: demo, match: '('}]"), 5, "'('"),
    "an unset password": (
        host(f"{{url: {MYSQL}, password: {{env: NOT_SET_ANYWHERE}}}}"),
        2,
        "NOT_SET_ANYWHERE",
    ),
    "a password as it stands": (host(f"{{url: {MYSQL}, password: opensesame}}"), 2, "password"),
    "a password in the URL": (
        host("{url: mysql+pymysql://etl:opensesame@db}"),
        2,
        "without a password",
    ),
    "a password in the URL's options": (
        host('{url: "mysql+pymysql://etl@db/?password=opensesame"}'),
        2,
        "without a password",
    ),
    "a password for the driver": (
        host(f"{{url: {MYSQL}, connect: {{password: opensesame}}}}"),
        2,
        "password",
    ),
    "a charset for the driver": (
        host(f"{{url: {MYSQL}, connect: {{charset: latin1}}}}"),
        2,
        "charset",
    ),
    "a first statement for the driver": (
        host(f"{{url: {MYSQL}, connect: {{init_command: SET x=1}}}}"),
        2,
        "init_command",
    ),
    "another database product": (host("{url: postgresql://etl@db}"), 2, "postgresql"),
    "no URL": (host("{url: localhost}"), 2, "url"),
    "no connections": (host(f"{{url: {URL}, max_connections: 0}}"), 2, "max_connections"),
    "a host's name with a dot": (CONFIG.replace("demo", "demo.a"), 2, "'demo.a'"),
    "a long host's name": (CONFIG.replace("demo", "h" * 64), 2, "63"),
    "a table called mysql": (changed("orders:", "mysql:"), 4, "mysql"),
    "a table called sqlite": (changed("orders:", "sqlite:"), 4, "sqlite"),
    "a table's name with a dash": (changed("orders:", "or-ders:"), 4, "'or-ders'"),
    "a table's name that begins with a digit": (changed("orders:", "1orders:"), 4, "'1orders'"),
    "an unknown cadence": (partition("{every: year, start: 2026-11-01}"), 6, "'year'"),
    "no start": (partition("{every: day}"), 6, "start"),
    "a start that is no date": (partition("{every: day, start: tomorrow}"), 6, "'tomorrow'"),
    "a day that starts at an hour": (
        partition("{every: day, start: '2026-11-01 13:00'}"),
        6,
        "13:00",
    ),
    "an unknown time zone": (
        partition("{every: day, start: 2026-11-01, timezone: Asia/Shangai}"),
        6,
        "'Asia/Shangai'",
    ),
    "an unknown unit": (
        partition("{every: day, start: 2026-11-01, column: at, unit: us}"),
        6,
        "'us'",
    ),
    "a unit without a column": (partition("{every: day, start: 2026-11-01, unit: s}"), 6, "column"),
    "columns included and excluded": (table("columns: {include: [a], exclude: [b]}"), 7, "include"),
    "a schedule that is no cron": (table("schedule: daily please"), 7, "'daily please'"),
    "an automation beside a schedule": (
        table("schedule: 0 2 * * *\n    automation: on_missing"),
        8,
        "automation: expected no `schedule` beside it",
    ),
    "an unknown automation": (table("automation: eager"), 7, "'eager'"),
    "one week to compare with": (
        table("rows_as_usual: {weeks: 1}"),
        7,
        "weeks: expected at least 2",
    ),
    "no tolerance": (table("rows_as_usual: {tolerance: 0}"), 7, "tolerance"),
    "rows as usual, as they are": (table("rows_as_usual: true"), 7, "or false, got True"),
    "a wait that is no time": (table("retry_failed: {after: 10}"), 7, "90s, 10m or 2h, got 10"),
    "a wait that is nothing": (table("retry_failed: {after: 0m}"), 7, "'0m'"),
    "no retries": (table("retry_failed: {times: 0}"), 7, "times"),
    "a null token with a quote": (output("{csv: {null: '\"'}}"), 8, "null"),
    "a null token with the delimiter": (output("{csv: {null: 'a,b'}}"), 8, "'a,b'"),
    "a long delimiter": (output("{csv: {delimiter: '||'}}"), 8, "'||'"),
    "an unknown compression": (output("{csv: {compression: rar}}"), 8, "'rar'"),
    "a header that is no boolean": (output("{csv: {header: 7}}"), 8, "header"),
    "no lanes": (changed("processes: 2", "lanes: 0"), 7, "lanes"),
    "no processes": (changed("processes: 2", "processes: 0"), 7, "processes"),
    "an unknown executor": (changed("processes: 2", "executor: slurm"), 7, "'slurm'"),
    "an unknown proof": (changed("processes: 2", "verify: sum"), 7, "'sum'"),
    "a key twice": (CONFIG + "execution: {}\n", 8, "twice"),
    "no YAML": (CONFIG + "output: [\n", 9, "YAML"),
    "a list": ("- hosts\n", 1, "document"),
    "an empty file": ("", 1, "hosts"),
}
"""Each with the line that is named, and words that have to be in the message."""
