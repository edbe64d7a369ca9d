"""Rows over an encrypted connection, and whom it trusts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from etl_assets.errors import ShardError
from etl_assets_tests.support.certificates import make_certificate
from etl_assets_tests.support.exporting import DIGITS, HOST, Exporter
from etl_assets_tests.support.servers import Server, private_server

ROWS = 20_000
FILLED = f"""
    SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n, REPEAT('"x', a.n * 10)
    FROM ({DIGITS}) a, ({DIGITS}) b, ({DIGITS}) c, ({DIGITS}) d, ({DIGITS}) e
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of the server, with its key beside it."""
    return make_certificate(tmp_path_factory.mktemp("tls"))[1]


@pytest.fixture(scope="module")
def tls_server(
    certificate: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, str]]:
    """A server that offers encryption, and a database with a shard table `t`."""
    options = f"--ssl-cert={certificate}", f"--ssl-key={certificate.with_name('key.pem')}"
    with (
        private_server(tmp_path_factory.mktemp("server"), *options) as server,
        server.database() as database,
    ):
        server.execute(
            f"CREATE TABLE {database}.t (id int primary key, text varchar(300))",
            f"INSERT INTO {database}.t {FILLED} LIMIT {ROWS}",
        )
        yield server, database


@pytest.mark.parametrize("verified", [False, True])
def test_an_encrypted_export_is_the_plain_one(
    tls_server: tuple[Server, str], certificate: Path, tmp_path: Path, verified: bool
) -> None:
    server, database = tls_server
    connect = {"ssl_ca": str(certificate), "ssl_verify_identity": True} if verified else {}
    encrypting = Exporter(server, tmp_path, connect=connect)
    with encrypting.engines().get(HOST, "").connect() as connection:
        cipher = connection.execute(sa.text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1]
        assert cipher, "not encrypted"

    plain = Exporter(server, tmp_path, connect={"ssl_disabled": True}).export(database, "t")
    encrypted = encrypting.export(database, "t")

    assert encrypted.rows == plain.rows
    assert encrypted.manifest.sha256 == plain.manifest.sha256
    assert encrypted.manifest.rows == ROWS


def test_another_authority_s_certificate_is_refused(
    tls_server: tuple[Server, str], tmp_path: Path
) -> None:
    server, database = tls_server
    _, stranger = make_certificate(tmp_path)
    with pytest.raises(ShardError, match="CERTIFICATE_VERIFY_FAILED"):
        Exporter(server, tmp_path, connect={"ssl_ca": str(stranger)}).export(database, "t")


@pytest.mark.parametrize(
    ("name", "trusted", "told"),
    [
        ("127.0.0.1", True, None),
        # Another name of the same address, which the certificate does not have.
        ("127.1", True, "Hostname mismatch"),
        ("127.0.0.1", False, "self-signed certificate"),
    ],
)
def test_without_an_authority_of_one_s_own_the_system_s_count_and_names_too(  # noqa: PLR0917
    tls_server: tuple[Server, str],
    certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    trusted: bool,
    told: str | None,
) -> None:
    server = replace(tls_server[0], host=name)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    engine = Exporter(server, tmp_path, connect={"ssl_verify_identity": True}).engines()
    if told is None:
        with engine.get(HOST, "").connect() as connection:
            assert connection.execute(sa.text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1]
        return
    with pytest.raises(DBAPIError, match=told):
        engine.get(HOST, "").connect()
