"""What the package relies on of PyMySQL; each failure says what to do."""

import inspect
import io
from typing import Any

import pymysql
from pymysql.connections import Connection, MySQLResult
from pymysql.constants import CLIENT
from pymysql.protocol import MysqlPacket

from etl_assets.private import pymysql as fenced
from etl_assets_tests.support.servers import Server


def moved(function: object) -> str:
    """What to do when what a function needs has moved."""
    return str(inspect.getdoc(function))


def test_the_version_is_one_whose_source_was_read() -> None:
    told = "read pymysql/connections.py again from MySQLResult on, then allow the version here"
    assert pymysql.VERSION[:2] == (1, 2), told
    # With either of these the packets after the column definitions look different.
    assert not CLIENT.CAPABILITIES & (1 << 24 | CLIENT.COMPRESS), "DEPRECATE_EOF or compression"


def test_a_result_can_be_taken_over_and_its_connection_left(server: Server) -> None:
    with server.connect() as driver:
        raw: Any = driver
        assert isinstance(raw._rfile, io.BufferedReader), moved(fenced.stream_of)
        raw.query("SELECT 1 UNION SELECT 2", unbuffered=True)
        result = raw._result
        assert isinstance(result, MySQLResult), moved(fenced.hang_up)
        assert result.unbuffered_active, moved(fenced.take_over)
        assert result.field_count == 1, moved(fenced.take_over)
        assert raw._next_seq_id == 4, "column count, definition, EOF"
        assert fenced.take_over(raw), moved(fenced.take_over)
        read_into, number = fenced.stream_of(raw)
        # What the driver has read ahead, in however small pieces, and then what the socket has.
        rest = b"\x02\0\0\x04\x011\x02\0\0\x05\x012"
        target = bytearray(1)
        read = b"".join(bytes(target[: read_into(memoryview(target))]) for _ in rest)
        assert (read, number) == (rest, 4), moved(fenced.stream_of)
        fenced.hang_up(raw)
        assert not raw.open, moved(fenced.hang_up)
    for name in ("_finish_unbuffered_query", "_read_rowdata_packet_unbuffered"):
        source = inspect.getsource(getattr(MySQLResult, name))
        assert "unbuffered_active" in source, moved(fenced.take_over)


def test_the_packet_after_the_rows_tells_of_warnings(server: Server) -> None:
    with server.connect() as driver:
        raw: Any = driver
        raw.query("SELECT 1", unbuffered=True)
        packet = MysqlPacket(b"\xfe\x02\x00\x22\x00", raw.encoding)
        assert fenced.finish(raw, packet), moved(fenced.finish)
        assert raw._result.warning_count == 2, moved(fenced.finish)
        fenced.hang_up(raw)


def test_a_connection_logs_in_by_what_is_overridden() -> None:
    told = moved(fenced.LoginManners)
    source = inspect.getsource(Connection.__init__)
    assert "self._create_ssl_ctx(" in source, told
    assert {"_read_timeout", "connect_timeout"} <= vars(Connection(defer_connect=True)).keys(), told
    source = inspect.getsource(Connection.connect) + inspect.getsource(
        vars(Connection)["_read_bytes"]
    )
    assert "self._read_timeout" in source, told
