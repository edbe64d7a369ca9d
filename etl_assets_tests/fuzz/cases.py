"""Charter: the strategy of whole cases: tables with rows, settings, others who write."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from etl_assets_tests.conformance.matrix import SHARES
from etl_assets_tests.conformance.values import ColumnType
from etl_assets_tests.fuzz.case import Case, ColumnSpec, TableSpec, WindowSpec, quoted
from etl_assets_tests.fuzz.facts import Collation, Facts
from etl_assets_tests.fuzz.keys import Key, KeyPart, keys
from etl_assets_tests.fuzz.windows import WindowColumn, window_columns, windows
from etl_assets_tests.support.type_cases import ODD_NAMES

ROWS = (0, 1, 3, 8, 13, 13, 21, 34, 34)
MANY_ROWS = (8, 13, 21, 34)
LONG = (
    "repeat('a', 70000)",
    "repeat('\"', 300000)",
    "repeat(',\\n', 66000)",
    "repeat('x', 16777215)",
)
"""Values beyond a packet's, a block's and a length byte's size."""
NULLS = ("", "NULL", "\\N", "null", "∅", "0", "a")
DELIMITERS = (",", ";", "\t", "|", " ", "'", "\\", "0", "a", "-", "\x01")
WHERES = (
    "{c} IS NOT NULL", "LENGTH({c}) % 2 = 0", "CRC32({c}) & 4", "CRC32({c}) % 2 -- odd", "0", "1",
    "NULL", "'a%b:x' LIKE 'a%%b:x' OR {c} IS NULL", "{c} <> '' /* ? */", "NOT {c} <=> NULL",
)  # fmt: skip
_TRANSACTIONS = 6
_CELL_POOL = 4


@dataclass(frozen=True)
class Wanted:
    """What cases are to be about.

    Attributes:
        collations: that the texts of keys are drawn from.
        only: `split-text` for tables whose key begins with a text, in parts; else `all`.
    """

    collations: tuple[Collation, ...]
    only: str = "all"


@st.composite
def cases(draw: st.DrawFn, facts: Facts, wanted: Wanted) -> Case:
    """Any case."""
    is_text = True if wanted.only == "split-text" else draw(st.sampled_from((None, True, False)))
    window, every = draw(windows())
    settings, column = _partition(draw, window, every)
    is_split_text = wanted.only == "split-text"
    key = draw(keys(facts, wanted.collations, is_text))
    table = _table(draw, facts, key, column, MANY_ROWS if is_split_text else ROWS)
    settings |= _conventions(draw, table)
    settings["split"] = 4 if is_split_text else draw(st.sampled_from((4, 1, 2, 3, 3)))
    tables = [table]
    if wanted.only == "all" and draw(st.integers(0, 7)) == 7:
        tables.append(_other_shard(draw, table, key, column, settings))
    case = Case(
        tuple(tables),
        settings,
        window,
        text_collations=tuple(part.collation for part in key.parts if part.collation),
    )
    return _way(draw, case)


def _way(draw: st.DrawFn, case: Case) -> Case:
    """How it is exported, and who writes meanwhile."""
    chance = draw(st.integers(0, 19))
    table = case.tables[0]
    if chance == 19:
        return replace(case, limit=draw(st.sampled_from((0, 1, 3, 100))))
    if chance >= 16 and len(case.tables) == 1 and table.engine == "InnoDB" and table.rows:
        return replace(case, writes=_writes(draw, table))
    return case


def _partition(
    draw: st.DrawFn, window: WindowSpec, every: str
) -> tuple[dict[str, Any], WindowColumn | None]:
    # The first window decides on rows in no window; the exported one may be the first.
    start = window.start.replace(tzinfo=None).strftime("%Y-%m-%d")
    partition: dict[str, Any] = {"every": every, "start": start, "timezone": window.timezone}
    if draw(st.booleans()):
        return {"partition": partition}, None
    column = draw(window_columns(window))
    partition |= {"column": "at", **column.settings}
    return {"partition": partition}, column


def _some_type(draw: st.DrawFn, facts: Facts) -> ColumnType:
    families = [family for family, share in SHARES.items() for _ in range(share)]
    family = draw(st.sampled_from([f for f in families if facts.types[f]]))
    return draw(st.sampled_from(facts.types[family]))


def _pool(draw: st.DrawFn, kind: ColumnType) -> st.SearchStrategy[str]:
    """A few values of a type, of which each row takes one."""
    cells = st.sampled_from(kind.edges) | kind.made | st.just("NULL")
    pool = draw(st.lists(cells, min_size=1, max_size=_CELL_POOL))
    if kind.sql.startswith(("longtext", "longblob", "mediumtext")) and draw(st.integers(0, 9)) == 9:
        pool.append(draw(st.sampled_from(LONG)))
    return st.sampled_from(pool)


def _table(
    draw: st.DrawFn, facts: Facts, key: Key, column: WindowColumn | None, sizes: Sequence[int]
) -> TableSpec:
    columns = list(key.columns)
    cells = [_key_cells(part) for part in key.parts]
    indexes = list(key.indexes)
    if column is not None:
        columns.append(ColumnSpec("at", column.type))
        cells.append(column.cells)
        if draw(st.booleans()):
            indexes.append("KEY (`at`)")
    for number in range(draw(st.integers(0, 4))):
        kind = _some_type(draw, facts)
        is_odd = draw(st.integers(0, 9)) == 9
        name = draw(st.sampled_from(ODD_NAMES)) if is_odd else f"c{number}"
        more = "NULL" if "null" not in kind.sql else ""
        hidden = draw(st.integers(0, 19)) == 19
        if name in {c.name for c in columns}:
            continue
        columns.append(ColumnSpec(name, kind.sql, more + " INVISIBLE" * hidden))
        cells.append(_pool(draw, kind))
    order = draw(st.permutations(range(len(columns)))) if draw(st.booleans()) else None
    if order:
        columns, cells = [columns[n] for n in order], [cells[n] for n in order]
    size = draw(st.sampled_from(sizes))
    rows = draw(st.lists(st.tuples(*cells), min_size=size, max_size=size))
    if draw(st.integers(0, 14)) == 14:
        how = draw(st.sampled_from(("STORED", "VIRTUAL")))
        made = ColumnSpec("made", "bigint", f"AS (1 + 1) {how}", is_generated=True)
        columns.insert(draw(st.integers(0, len(columns))), made)
    name = draw(st.sampled_from(ODD_NAMES)) if draw(st.integers(0, 19)) == 19 else "t"
    engine = "MyISAM" if draw(st.integers(0, 29)) == 29 else "InnoDB"
    return TableSpec(name, tuple(columns), tuple(indexes), tuple(rows), engine)


def _key_cells(part: KeyPart) -> st.SearchStrategy[str]:
    return part.kind.made | st.sampled_from(part.kind.edges)


def _conventions(draw: st.DrawFn, table: TableSpec) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    names = [column.name for column in table.columns]
    if draw(st.integers(0, 3)) == 3:
        some = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        how = draw(st.sampled_from(("include", "exclude")))
        if how == "include" or len(some) < len(names):
            settings["columns"] = {how: some}
    if draw(st.integers(0, 5)) == 5:
        where = draw(st.sampled_from(WHERES))
        settings["where"] = where.replace("{c}", quoted(draw(st.sampled_from(names))))
    csv: dict[str, Any] = {}
    for option, values in (
        ("null", NULLS),
        ("delimiter", DELIMITERS),
        ("quoting", ("all",)),
        ("header", (False,)),
        ("compression", ("gzip", "zstd")),
        ("binary", ("base64",)),
        ("zero_dates", ("null", "null", "error")),
        ("spreadsheet_safe", (True,)),
    ):
        if draw(st.integers(0, 3)) == 3:
            csv[option] = draw(st.sampled_from(values))
    if csv.get("delimiter", ",") in csv.get("null", ""):
        del csv["null"]
    return settings | ({"csv": csv} if csv else {})


def _other_shard(
    draw: st.DrawFn,
    table: TableSpec,
    key: Key,
    column: WindowColumn | None,
    settings: dict[str, Any],
) -> TableSpec:
    """A second shard table: alike, or with columns of its own and under `union`."""
    settings["merge"] = draw(st.booleans())
    rows = draw(st.sampled_from((table.rows, table.rows[: len(table.rows) // 2], ())))
    other = replace(table, name=f"{table.name[:60]}_2", rows=rows)
    kept = {name.strip("`") for name in _named(settings)} | {c.name for c in key.columns} | {"at"}
    spare = [
        number
        for number, spec in enumerate(c for c in table.columns if not c.is_generated)
        if spec.name not in kept
    ]
    if not spare or not draw(st.booleans()):
        return other
    settings["on_drift"] = "union"
    gone = draw(st.sampled_from(spare))
    plain = [c for c in table.columns if not c.is_generated]
    columns = tuple(c for c in table.columns if c is not plain[gone])
    rows = tuple(tuple(cell for n, cell in enumerate(row) if n != gone) for row in rows)
    if draw(st.booleans()):
        columns = (*columns, ColumnSpec("new", "varchar(9)"))
        rows = tuple((*row, draw(st.sampled_from(("'x'", "''", "NULL")))) for row in rows)
    return replace(other, columns=columns, rows=rows)


def _named(settings: dict[str, Any]) -> list[str]:
    """Columns that the settings name, as all shard tables have to have them."""
    lists = settings.get("columns", {})
    where = settings.get("where", "")
    named = [name for names in lists.values() for name in names]
    return [*named, *([where.split("`", 1)[1].rsplit("`", 1)[0]] if "`" in where else [])]


def _writes(draw: st.DrawFn, table: TableSpec) -> tuple[tuple[str, ...], ...]:
    """Transactions of one to three changes; `{t}` stands for the table."""
    names = [column.name for column in table.columns if not column.is_generated]

    def statement() -> str:
        # A mixture of rows, so that it is mostly a new one.
        row = [draw(st.sampled_from(cells)) for cells in zip(*table.rows, strict=True)]
        number = draw(st.integers(0, len(names) - 1))
        cell = draw(st.sampled_from(table.rows))[number]
        listed = ", ".join(map(quoted, names))
        insert = f"INSERT IGNORE INTO {{t}} ({listed}) VALUES ({', '.join(row)})"
        least = f"ORDER BY {quoted(draw(st.sampled_from(names)))} LIMIT 1"
        return draw(
            st.sampled_from(
                (
                    insert,
                    insert,
                    insert,
                    f"UPDATE IGNORE {{t}} SET {quoted(names[number])} = {cell} LIMIT 2",
                    f"DELETE FROM {{t}} {least}",
                    "DELETE FROM {t} LIMIT 2",
                )
            )
        )

    size = draw(st.integers(2, _TRANSACTIONS))
    return tuple(tuple(statement() for _ in range(draw(st.integers(1, 3)))) for _ in range(size))
