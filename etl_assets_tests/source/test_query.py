"""What a shard table is asked for, as SQL to read."""

from typing import Any

from etl_assets_tests.support.exporting import HOST, Exporter, table_config


def test_the_query_that_is_shown_is_one_that_the_server_answers_with_the_same_rows(
    exporter: Exporter, orders: str
) -> None:
    settings = table_config("created_at", where="title like '50%:x%' and id % 2 = 0")
    staged = exporter.stage(orders, "t", settings)
    assert staged.query is not None
    text = staged.query.text
    assert "'2026-11-02 00:00:00'" in text
    engines = exporter.engines()
    try:
        with engines.get(HOST, orders).connect() as connection:
            cursor: Any = connection.connection.cursor()
            cursor.execute(text)
            assert len(cursor.fetchall()) == staged.manifest.rows == 100
            cursor.close()
    finally:
        engines.dispose()
        staged.file.discard()


def test_the_query_that_is_shown_of_parts_is_that_of_the_whole_table(
    exporter: Exporter, orders: str
) -> None:
    whole = exporter.stage(orders, "t", table_config("created_at"))
    parts = exporter.stage(orders, "t", table_config("created_at", split=2))
    for staged in (whole, parts):
        staged.file.discard()
    assert whole.query is not None
    assert parts.query is not None
    assert parts.query.text == whole.query.text
