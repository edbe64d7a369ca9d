"""An S3 service as the output folder: a real one, that speaks HTTP on loopback."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from etl_assets_tests.support.cluster import Cluster
from etl_assets_tests.support.command import Done, environment, etl_assets, started_etl_assets
from etl_assets_tests.support.endless import ENDLESS, SECONDS, endless_shop
from etl_assets_tests.support.running_command import running
from etl_assets_tests.support.shop import CONFIG, DAY, EXPORT, Shop, small_shop

SECRET = "aws-secret-8fd2c1"
_START_SECONDS = 60


@dataclass(frozen=True)
class Service:
    """A running service with one bucket, `exports`."""

    port: int

    @property
    def env(self) -> dict[str, str]:
        """What a client finds it by."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def ask(self, path: str, method: str = "GET") -> str:
        """The answer to a request that nobody has signed."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            text: str = response.read().decode()
        return text

    def objects(self, prefix: str) -> dict[str, int]:
        """The sizes of the objects below a prefix, by the rest of their keys."""
        text = self.ask(f"exports?list-type=2&prefix={prefix}/")
        found = re.findall(r"<Key>(.*?)</Key>.*?<Size>(\d+)</Size>", text, re.DOTALL)
        return {key.removeprefix(f"{prefix}/"): int(size) for key, size in found}

    def uploads(self, prefix: str) -> list[str]:
        """Uploads that are neither completed nor given up."""
        keys = re.findall(r"<Key>(.*?)</Key>", self.ask("exports?uploads"))
        return [key for key in keys if key.startswith(prefix)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service as a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        service = Service(probe.getsockname()[1])
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(service.port)]
    with (tmp_path_factory.mktemp("s3") / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment())
    try:
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                service.ask("exports", "PUT")
                break
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < until, "the service does not answer"
                time.sleep(0.2)
        yield service
    finally:
        process.terminate()
        process.wait()


def into(shop: Shop, url: str, more: str = "") -> Shop:
    """The shop, exported to a URL."""
    shop.configure(f"{shop.text}output: {{directory: '{url}'{more}}}\n")
    return shop


@pytest.fixture(scope="module")
def exported(
    service: Service, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Shop, Done]:
    """Their window on the service, compressed and merged."""
    shop = cluster.shop(tmp_path_factory.mktemp("shop"), table="    merge: true\n")
    into(shop, "s3://exports/whole", ", csv: {compression: gzip}")
    return shop, etl_assets(shop.folder, *EXPORT, env=service.env)


def test_a_window_of_sixteen_shards_is_exported_and_verified(
    service: Service, cluster: Cluster, exported: tuple[Shop, Done]
) -> None:
    shop, done = exported
    assert (done.code, done.err) == (0, "")
    stems = [f"db.{database}.{table}" for database, table in cluster.shards]
    assert sorted(service.objects(f"whole/orders/{DAY}")) == sorted(
        [f"{stem}.{end}" for stem in stems for end in ("csv.gz", "json")]
        + ["_manifest.json", "orders.csv.gz"]
    )
    assert service.uploads("whole") == []
    verified = etl_assets(shop.folder, "verify", "orders", "--partition", DAY, env=service.env)
    assert (verified.code, verified.err) == (0, "")
    again = etl_assets(shop.folder, *EXPORT, "--resume", env=service.env)
    assert again.code == 0
    assert "complete already, s3://exports/whole/" in again.out


def test_it_is_read_back_with_the_servers_rows(
    service: Service, cluster: Cluster, exported: tuple[Shop, Done]
) -> None:
    shop, _ = exported
    program = (
        "from etl_assets import read_export\n"
        f"print(len(read_export('s3://exports/whole/orders/{DAY}')))"
    )
    done = python(shop.folder, program, service.env)
    counts = [cluster.rows(d, t, "COUNT(*)")[0][0] for d, t in cluster.shards]
    assert int(done) == sum(map(int, counts)) > 0


def test_the_secret_is_written_nowhere(exported: tuple[Shop, Done]) -> None:
    shop, done = exported
    assert SECRET not in done.out + done.err
    for path in shop.folder.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_a_bucket_that_is_not_there_fails_each_shard_with_the_cause(
    service: Service, tmp_path: Path
) -> None:
    shop = into(small_shop(tmp_path), "s3://elsewhere/in")
    done = etl_assets(shop.folder, *EXPORT, env=service.env)
    assert done.code == 1
    failed = [line for line in done.problems if line.startswith("failed: ")]
    assert len(failed) == 4
    assert failed[0].startswith(
        f"failed: demo.shop_00.orders_00: s3://elsewhere/in/orders/{DAY}/"
        "_export.json: The specified bucket does not exist (NoSuchBucket); "
        "make the bucket, or fix `output.directory`"
    )
    assert "Traceback" not in done.err


def test_a_service_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    shop = into(small_shop(tmp_path), "s3://exports/in")
    env = Service(1).env
    done = etl_assets(shop.folder, *EXPORT, env=env)
    assert done.code == 1
    (problem,) = done.problems
    assert problem.startswith(f"failed: orders {DAY}: s3://exports/in/orders/{DAY}: ")
    assert "Could not connect to the endpoint URL" in problem


def test_an_interrupt_withdraws_the_upload(service: Service, tmp_path: Path) -> None:
    shop = into(endless_shop(tmp_path), "s3://exports/cut")
    with running(shop, *EXPORT, env=service.env) as command:
        command.wait_for(lambda: service.uploads("cut"))
        command.process.send_signal(signal.SIGINT)
        done = command.end(SECONDS)
        assert done.code == 130
        assert "Traceback" not in done.err
        assert command.processes() == {}
    assert service.uploads("cut") == []
    assert f"{ENDLESS}.csv" not in service.objects(f"cut/orders/{DAY}")


LARGE = """
import sys
from etl_assets.store.open_folder import open_folder
folder = open_folder("s3://exports/large", "orders")
blocks = [bytes([65 + number % 26]) * (1 << 20) for number in range(70)]
for committed in (False, True):
    with folder.stage("a.csv") as staged:
        for block in blocks:
            staged.write(block)
        if committed:
            staged.commit()
    print(folder.size("a.csv"), folder.names())
assert b"".join(folder.blocks("a.csv")) == b"".join(blocks)
with folder.stage("a.csv") as staged:
    staged.write(b"less")
print(folder.size("a.csv"))
with folder.stage("a.csv") as staged:
    staged.write(b"less")
    staged.commit()
print(folder.size("a.csv"))
folder.remove("a.csv")
folder.remove("a.csv")
print(folder.names())
"""


def test_a_large_object_is_uploaded_in_parts_and_is_whole_or_absent(
    service: Service, tmp_path: Path
) -> None:
    told = python(tmp_path, LARGE, service.env).splitlines()
    whole = 70 << 20
    assert told == ["None []", f"{whole} ['a.csv']", f"{whole}", "4", "[]"]
    assert service.uploads("large") == []


def test_a_missing_package_is_told_before_anything_is_exported(tmp_path: Path) -> None:
    shop = into(small_shop(tmp_path, CONFIG), "s3://exports/in")
    spy = tmp_path / "spy"
    spy.mkdir()
    (spy / "s3fs.py").write_text("raise ImportError('no s3fs')\n")
    done = started_etl_assets(shop.folder, *EXPORT, env={"PYTHONPATH": str(spy)})
    assert done.code == 2
    assert "output.directory" in done.err
    assert "etl-assets[s3]" in done.err


def python(folder: Path, program: str, env: Mapping[str, str]) -> str:
    """What a program prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
