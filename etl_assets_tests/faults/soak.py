"""Hundreds of seeded faults over a window of sixteen shards: `make soak`.

Each round begins an export of all shards and breaks something at a random moment. When the export
has ended, in whatever way, nothing may be left of it, every file under a final name has to be
whole and fit its manifest, and `--resume` has to complete the window with the server's counts.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from etl_assets.config import CONFIG_VARIABLE
from etl_assets.csv_format import RecordReader
from etl_assets.errors import CsvError
from etl_assets.store.local import LocalFolder
from etl_assets.store.manifest import ShardManifest
from etl_assets.store.proof import Claim
from etl_assets.store.verify import verify_file
from etl_assets_tests.support.command import etl_assets
from etl_assets_tests.support.proxy import Kind, Proxy, proxy_to
from etl_assets_tests.support.running_command import Running, running
from etl_assets_tests.support.servers import Server, private_server
from etl_assets_tests.support.shop import DAY, Shop

SHARDS = [(database, table) for database in range(4) for table in range(4)]
ROWS = 3_000
SECONDS = 90.0
"""How long an export may go on after its fault, retries and time-outs included."""
STOP_SECONDS = 8.0
"""How long one that is told to stop may go on, on a busy machine."""
LEFT_SECONDS = 8.0
"""How long processes, temporary files and queries may outlive it."""
EXPORT = ("export", "orders", "--partition", DAY)
DISK_MEGABYTES = 120


@dataclass
class Field:
    """Where it all happens."""

    server: Server
    proxy: Proxy
    shop: Shop
    disk: Path
    chance: random.Random
    violations: list[str] = field(default_factory=list)

    @property
    def window(self) -> Path:
        """The folder of the window."""
        return self.disk / "orders" / DAY


Fault = Callable[[Field, Running], object]


def cut(place: Field, export: Running) -> None:
    """Some of the next connections break at a random byte."""
    del export
    kinds: list[Kind] = ["cut", "reset"]
    place.proxy.faults[:] = [
        (place.chance.choice(kinds), place.chance.randrange(700_000))
        for _ in range(place.chance.randint(1, 6))
    ]


def stall(place: Field, export: Running) -> None:
    """The next connection falls silent."""
    del export
    place.proxy.faults[:] = [("stall", place.chance.randrange(700_000))]


def kill_step(place: Field, export: Running) -> None:
    """SIGKILL of a process that is no child of the command itself."""
    ours = {export.process.pid, *export.children()}
    _kill(place, [pid for pid in export.processes() if pid not in ours])


def kill_run(place: Field, export: Running) -> None:
    """SIGKILL of the run's process."""
    _kill(place, export.children())


def kill_command(place: Field, export: Running) -> None:
    """SIGKILL of the command itself."""
    _kill(place, [export.process.pid])


def _kill(place: Field, candidates: list[int]) -> None:
    if candidates:
        with suppress(ProcessLookupError):
            os.kill(place.chance.choice(candidates), signal.SIGKILL)


def interrupt(place: Field, export: Running) -> None:
    """Ctrl-C, once or more often."""
    _wait_until_it_hears(export)
    for _ in range(place.chance.randint(1, 3)):
        with suppress(ProcessLookupError):
            os.killpg(export.process.pid, signal.SIGINT)
        time.sleep(place.chance.random() / 4)


def terminate(place: Field, export: Running) -> None:
    """SIGTERM of the command."""
    del place
    _wait_until_it_hears(export)
    export.process.send_signal(signal.SIGTERM)


def _wait_until_it_hears(export: Running) -> None:
    """Before its first line Python itself answers a signal, or the system does."""
    status = Path(f"/proc/{export.process.pid}/status")
    while export.process.poll() is None:
        caught = int(status.read_text().partition("SigCgt:")[2].split()[0], 16)
        if caught >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.01)


def restart(place: Field, export: Running) -> None:
    """The server ends, in one way or the other, and comes back."""
    del export
    place.server.restart(place.chance.choice([signal.SIGTERM, signal.SIGKILL]))


def fill_disk(place: Field, export: Running) -> None:
    """The disk is full until the export ends."""
    del export
    filler = place.disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))


FAULTS: dict[Fault, int] = {
    cut: 6, stall: 1, kill_step: 4, kill_run: 3, kill_command: 2, interrupt: 4, terminate: 2,
    restart: 1, fill_disk: 2,
}  # fmt: skip
"""What breaks, and how often in comparison."""

CODES: dict[Fault, set[int]] = {
    interrupt: {0, 1, 130},
    terminate: {0, 1, 143},
    kill_command: {0, 1, -9},
}


def round_of(place: Field, fault: Fault) -> None:
    """One export with one fault, and what has to be true after it."""
    place.proxy.faults.clear()
    with running(place.shop, *EXPORT) as export:
        wait = place.chance.uniform(0, 5)
        timer = threading.Timer(wait, lambda: fault(place, export))
        timer.start()
        try:
            told_to_stop = fault in (interrupt, terminate)
            code = export.end(wait + (STOP_SECONDS if told_to_stop else SECONDS)).code
            if code not in CODES.get(fault, {0, 1}):
                place.violations.append(f"exit code {code}")
        except subprocess.TimeoutExpired:
            place.violations.append("it does not end")
            export.process.kill()
        timer.cancel()
        timer.join()
        place.proxy.faults.clear()
        _wait_until_nothing_is_left(place, export)
    (place.disk / "filler").unlink(missing_ok=True)
    _look_at_files(place)
    resumed = etl_assets(place.shop.folder, *EXPORT, "--resume")
    verified = etl_assets(place.shop.folder, "verify", "orders", "--partition", DAY)
    if resumed.code or verified.code:
        place.violations.append(f"--resume: {resumed.err}{verified.err}")
    rows = place.shop.manifest()["rows"] if not resumed.code else None
    if rows != len(SHARDS) * ROWS:
        place.violations.append(f"{rows} rows")


def _wait_until_nothing_is_left(place: Field, export: Running) -> None:
    until = time.monotonic() + LEFT_SECONDS
    while True:
        left = [
            *export.processes().values(),
            *(path.name for path in place.window.glob(".*")),
            *map(str, place.server.running("`soak_")),
        ]
        if not left:
            return
        if time.monotonic() > until:
            place.violations.append(f"left: {left}")
            return
        time.sleep(0.1)


def _look_at_files(place: Field) -> None:
    """Each file is whole, and what its manifest says where it has one."""
    folder = LocalFolder(place.window)
    for name in folder.names():
        if not name.endswith(".csv"):
            continue
        manifest = ShardManifest.read(folder, name.removesuffix(".csv") + ".json")
        if manifest is not None:
            place.violations += verify_file(folder, Claim.of_shard(manifest))
            continue
        csv = place.shop.config.tables["orders"].csv
        try:
            records = sum(1 for _ in RecordReader(csv, 3).raw_records(folder.blocks(name)))
            if records != ROWS + 1:
                place.violations.append(f"{name}: {records} records")
        except CsvError as error:
            place.violations.append(f"{name}: {error}")


@contextmanager
def battlefield(folder: Path, seed: int) -> Iterator[Field]:
    """A server with sixteen shard tables, a proxy before it, and a small disk for the files."""
    disk = folder / "disk"
    disk.mkdir()
    with ExitStack() as stack:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(disk)]
        if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
            stack.callback(subprocess.run, ["umount", "-l", str(disk)], check=True)
        else:
            print("no disk can be mounted here: none will be full")
            FAULTS.pop(fill_disk)
        data = folder / "server"
        data.mkdir()
        server = stack.enter_context(private_server(data, "--innodb-flush-log-at-trx-commit=1"))
        _fill(server)
        proxy = stack.enter_context(proxy_to(server.host, server.port))
        shop = Shop(folder)
        host = replace(server, port=proxy.port).host_config()
        shop.configure(
            f"hosts:\n  db: {{url: '{host['url']}', password: {{env: {host['password']['env']}}}, "
            "connect: {read_timeout: 2, connect_timeout: 2, ssl_disabled: true}}\n"
            "tables:\n  orders:\n"
            '    shards: [{host: db, tables: "soak_{0..3}.orders_{0..3}"}]\n'
            "    partition: {every: day, start: 2026-11-01, column: created_at}\n"
            f"output: {{directory: {disk}}}\nexecution: {{processes: 2, retries: 4}}\n"
        )
        yield Field(server, proxy, _On(folder, disk), disk, random.Random(seed))


@dataclass(frozen=True)
class _On(Shop):
    """A shop whose files are on the disk."""

    disk: Path

    def window(self, table: str = "orders", key: str = DAY) -> Path:
        return self.disk / table / key


def _fill(server: Server) -> None:
    digits = " UNION ALL ".join(f"SELECT {i} AS n" for i in range(10))
    numbers = f"SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n AS i FROM ({digits}) a, ({digits}) b"
    numbers += f", ({digits}) c, ({digits}) d"
    for database in dict.fromkeys(database for database, _ in SHARDS):
        server.execute(f"CREATE DATABASE soak_{database} CHARACTER SET utf8mb4")
    for database, table in SHARDS:
        name = f"soak_{database}.orders_{table}"
        server.execute(
            f"CREATE TABLE {name} (id int primary key, text text, created_at datetime) "
            "ENGINE=InnoDB",
            f"INSERT INTO {name} SELECT i, REPEAT('\"x,\\n', i % 120), "
            f"'{DAY} 12:00:00' FROM ({numbers}) numbers WHERE i < {ROWS}",
        )


def main() -> int:
    """Fight, and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20_261_123)
    options = parser.parse_args()
    os.environ.pop(CONFIG_VARIABLE, None)
    done: Counter[str] = Counter()
    found = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        battlefield(Path(folder), options.seed) as place,
    ):
        for number in range(options.faults):
            (fault,) = place.chance.choices(list(FAULTS), list(FAULTS.values()))
            began = time.monotonic()
            round_of(place, fault)
            done[fault.__name__] += 1
            found += len(place.violations)
            seconds = time.monotonic() - began
            print(f"{number + 1:4} {fault.__name__}: {seconds:.1f} s", *place.violations, sep="; ")
            sys.stdout.flush()
            place.violations.clear()
    counts = ", ".join(f"{count} {name}" for name, count in sorted(done.items()))
    print(f"{sum(done.values())} faults ({counts}), {found} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
