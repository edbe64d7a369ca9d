"""A private MariaDB or MySQL server for the tests: its own data, socket and port on loopback."""

import atexit
import functools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql

URL_VARIABLE = "ETL_ASSETS_TEST_MYSQL_URL"
PASSWORD_VARIABLE = "ETL_ASSETS_TEST_PASSWORD"
_START_SECONDS = 60

_OPTIONS = (
    "--bind-address=127.0.0.1",
    "--max-allowed-packet=64M",
    "--innodb-buffer-pool-size=64M",
    "--skip-log-bin",
    "--innodb-flush-log-at-trx-commit=0",
    "--performance-schema=OFF",
    # Packaged MySQL names a folder that need not exist.
    "--secure-file-priv=",
)
# Without names its anonymous account of localhost does not come before ours.
_MARIADB_OPTIONS = ("--innodb-log-file-size=8M", "--skip-name-resolve")
# Its root account is of localhost: the name is wanted. Its log sizes itself.
_MYSQL_OPTIONS = ("--mysqlx=OFF",)


def _restart_by_hand(how: signal.Signals) -> None:
    raise RuntimeError(f"expected a private server to end with {how.name}, got a given one")


@dataclass(frozen=True)
class Server:
    """A running server: an administrator's account for the tests, a reader's for the product.

    The reader may only SELECT; its password is in the environment variable PASSWORD_VARIABLE.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    restart: Callable[[signal.Signals], None] = field(repr=False, default=_restart_by_hand)
    """End its process with a signal and start it again; only for a private one."""
    # Of this process alone: others may test on the same server.
    reader: str = field(default_factory=lambda: f"etl_reader_{secrets.token_hex(4)}")

    @property
    def url(self) -> str:
        """The reader's URL, without a password."""
        return f"mysql+pymysql://{self.reader}@{self.host}:{self.port}"

    def host_config(self) -> dict[str, Any]:
        """The server as a host of etl_assets.yaml."""
        return {"url": self.url, "password": {"env": PASSWORD_VARIABLE}}

    def connect(self, **options: Any) -> "pymysql.Connection[Any]":
        """A connection of the administrator's, in autocommit, unless the options say otherwise."""
        usual = {
            "user": self.user,
            "password": self.password,
            "charset": "utf8mb4",
            "autocommit": True,
        }
        return pymysql.connect(host=self.host, port=self.port, **{**usual, **options})

    def execute(self, *statements: str) -> Sequence[tuple[Any, ...]]:
        """Run statements as the administrator; gives the rows of the last one."""
        rows: Sequence[tuple[Any, ...]] = ()
        with self.connect() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                rows = cursor.fetchall()
        return rows

    @property
    def is_mariadb(self) -> bool:
        """Whether it is MariaDB rather than Oracle's MySQL."""
        return "MariaDB" in str(self.execute("SELECT VERSION()")[0][0])

    @property
    def has_vectors(self) -> bool:
        """Whether it knows MySQL's VECTOR type."""
        return not self.is_mariadb and int(str(self.execute("SELECT VERSION()")[0][0])[0]) >= 9

    @contextmanager
    def changed(self, **settings: str | float) -> Iterator[None]:
        """Global variables changed for a while: new connections have them as their own."""
        with self.connect() as connection, connection.cursor() as cursor:
            before = {}
            for name in settings:
                cursor.execute(f"SELECT @@GLOBAL.{name}")
                before[name] = (cursor.fetchone() or ("",))[0]
            try:
                for name, value in settings.items():
                    cursor.execute(f"SET GLOBAL {name} = %s", (value,))
                yield
            finally:
                for name, value in before.items():
                    cursor.execute(f"SET GLOBAL {name} = %s", (value,))

    def running(self, text: str) -> list[int]:
        """The threads that run a statement with this text in it."""
        rows = self.execute("SHOW FULL PROCESSLIST")
        return [row[0] for row in rows if text in str(row[7]) and "PROCESSLIST" not in str(row[7])]

    @contextmanager
    def database(self, prefix: str = "shop") -> Iterator[str]:
        """A new database with a name of its own, dropped at the end."""
        name = f"{prefix}_{secrets.token_hex(4)}"
        self.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        try:
            yield name
        finally:
            self.execute(f"DROP DATABASE IF EXISTS `{name}`")


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """The server that URL_VARIABLE names, else a private one in a folder.

    Raises:
        RuntimeError: there is neither, with what to install.
    """
    given = os.environ.get(URL_VARIABLE)
    if given:
        url = urlsplit(given)
        server = Server(
            url.hostname or "127.0.0.1",
            url.port or 3306,
            unquote(url.username or "root"),
            unquote(url.password or ""),
        )
        with _reader(server):
            yield server
        return
    with private_server(folder) as server:
        yield server


@contextmanager
def private_server(folder: Path, *options: str) -> Iterator[Server]:
    """A server of one's own in a folder, with more options of mariadbd or mysqld.

    Raises:
        RuntimeError: there is no program for it, with what to install.
    """
    with _started_server(folder, options) as server, _reader(server):
        yield server


@contextmanager
def _reader(server: Server) -> Iterator[None]:
    secret = os.environ.setdefault(PASSWORD_VARIABLE, "s3cret-" + secrets.token_hex(8))
    account = f"'{server.reader}'@'%'"
    server.execute(
        f"CREATE USER {account} IDENTIFIED BY '{secret}'", f"GRANT SELECT ON *.* TO {account}"
    )
    try:
        yield
    finally:
        server.execute(f"DROP USER {account}")


@contextmanager
def _started_server(folder: Path, options: Sequence[str]) -> Iterator[Server]:
    found = shutil.which("mariadbd") or shutil.which("mysqld")
    if found is None:
        raise RuntimeError(
            f"expected mariadbd or mysqld on PATH, or {URL_VARIABLE} set, got neither; "
            "install one, on Debian as root: apt-get install mariadb-server"
        )
    # A mysqld may be another name for mariadbd.
    binary = str(Path(found).resolve())
    data = folder / "data"
    # Of its own: a server that starts removes the temporary tables that it finds.
    temporary = folder / "tmp"
    temporary.mkdir()
    shutil.copytree(_new_data(binary), data)
    port = _free_port()
    log = (folder / "server.log").open("wb")
    command = [
        binary,
        "--no-defaults",
        *_as_root(),
        f"--datadir={data}",
        f"--tmpdir={temporary}",
        f"--socket={folder / 's.sock'}",
        f"--pid-file={folder / 'server.pid'}",
        f"--port={port}",
        *_OPTIONS,
        *(_MARIADB_OPTIONS if "mariadbd" in binary else _MYSQL_OPTIONS),
        *options,
    ]
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def restart(how: signal.Signals) -> None:
        nonlocal process
        process.send_signal(how)
        process.wait()
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        _wait_for(server, process, folder / "server.log")

    server = Server("127.0.0.1", port, "root", "", restart)
    try:
        _wait_for(server, process, folder / "server.log")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()
        shutil.rmtree(data, ignore_errors=True)


@functools.cache
def _new_data(binary: str) -> Path:
    """A new data directory whose root account has no password; made once, to be copied."""
    folder = Path(tempfile.mkdtemp(prefix="etl_assets_tests."))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    data = folder / "data"
    places = [*_as_root(), f"--datadir={data}", f"--tmpdir={folder}"]
    if "mariadbd" in binary:
        command = [
            "mariadb-install-db",
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--innodb-log-file-size=8M",
            *places,
        ]
    else:
        command = [
            binary, "--no-defaults", "--initialize-insecure", *places,
        ]  # fmt: skip
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {made.stdout}{made.stderr}")
    return data


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        with suppress(pymysql.err.OperationalError):
            server.connect().close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")
