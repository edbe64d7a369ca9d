"""docs/alerts.md: the example tells of a failed export what a person wants to know."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import dagster as dg
import pytest

from etl_assets_tests.support.daemon import QUIET, started_daemon
from etl_assets_tests.support.shop import CONFIG, DAY, small_shop

pytestmark = QUIET

EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "alerts" / "alerts.py"


@contextmanager
def webhook(told: list[str]) -> Iterator[str]:
    """The address of a chat; it keeps what it is told."""

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            told.append(json.loads(sent)["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Chat) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_the_example_tells_which_window_failed_which_shard_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = small_shop(tmp_path, CONFIG.replace("processes: 2", "executor: in_process"))
    shop.run("shop_01", "ALTER TABLE orders_00 RENAME TO away")
    told: list[str] = []
    with webhook(told) as url:
        monkeypatch.setenv("ALERTS_WEBHOOK", url)
        with started_daemon(shop, EXAMPLE) as daemon:
            now = datetime.now(UTC)
            # It tells of what fails after its first tick.
            daemon.sensed(now)
            run = daemon.run()
            assert run.status is dg.DagsterRunStatus.FAILURE
            daemon.sensed(now + timedelta(minutes=2))
            daemon.sensed(now + timedelta(minutes=4))
    (message,) = told
    first, shard, link = message.split("\n")
    assert first == f"orders {DAY} failed"
    assert shard.startswith("demo.shop_01.orders_00: no such table: orders_00; ")
    assert link == f"http://127.0.0.1:3000/runs/{run.run_id}"
