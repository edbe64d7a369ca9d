"""Numbers and SQL as a person reads them."""

import pytest

from etl_assets.defs.readable import counted, mb_per_second, said_seconds, sql_block, summary


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0.00 s"),
        (0.254, "0.25 s"),
        (12.34, "12.3 s"),
        (125, "2 min 5 s"),
        (12_000, "3 h 20 min"),
    ],
)
def test_a_duration_is_said_as_people_say_it(seconds: float, said: str) -> None:
    assert said_seconds(seconds) == said


def test_a_summary_is_one_line() -> None:
    assert summary(1_234_567, 1_200_000_000, 12.3) == "1,234,567 rows, 1.2 GB in 12.3 s, 97.6 MB/s"
    assert summary(0, 12, 0.0) == "0 rows, 12 bytes in 0.00 s"
    assert mb_per_second(12, 0.0) is None


def test_one_thing_is_no_things() -> None:
    assert [counted(n, "shard") for n in (0, 1, 1024)] == ["0 shards", "1 shard", "1,024 shards"]
    assert summary(1, 12, 0.5) == "1 row, 12 bytes in 0.50 s"


def test_sql_stays_in_its_block_and_a_long_one_keeps_its_end() -> None:
    assert sql_block("a\n```\nb").value == "````sql\na\n```\nb\n````"
    text = sql_block("SELECT " + "x, " * 3_000 + "FROM t WHERE d < 1").value
    assert len(text) < 2_100
    assert text.endswith("FROM t WHERE d < 1\n```")
