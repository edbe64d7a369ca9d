"""A secret in the file is refused, and shown by no error."""

from pathlib import Path

import pytest

from etl_assets.errors import ConfigError
from etl_assets_tests.support.minimal import MINIMAL, URL, edited, load


@pytest.mark.parametrize(
    "secret",
    [
        "url: mysql+pymysql://etl:hunter2@db-a:3306",
        "url: mysql+pymysql://etl@db-a?password=hunter2",
        "url: mysql+pymysql://etl:hunter2@db-a:port",
        "url: mysql+pymysql://etl:hunter2/@db-a",
        "url: mysql+pymysql:/etl:hunter2@db-a",
        "url: 'mysql+pymysql://etl:hunter2@x@db-a/shop'",
        "url: mysql+pymysql://etl@db-a?PASSWD=hunter2",
        "url: postgresql://etl:hunter2@db-a",
        "url: mysql+pymysql://etl@db-a\n    password: hunter2",
        "url: mysql+pymysql://etl@db-a\n    password: [hunter2]",
        "url: mysql+pymysql://etl@db-a\n    password: {env: [hunter2]}",
        "url: mysql+pymysql://etl@db-a\n    connect: hunter2",
        "mysql+pymysql://etl:hunter2@db-a",
        "url: mysql+pymysql://etl@db-a\n    password: {value: hunter2}",
        "url: mysql+pymysql://etl@db-a\n    connect: {password: hunter2}",
        "url: mysql+pymysql://etl@db-a\n    connect: {ssl: {password: hunter2}}",
        "url: mysql+pymysql://etl:hunter%2F2@db-a",
        "url: mysql+pymysql://etl@db-a?pass%77ord=hunter2",
        "url: mysql+pymysql://etl@db-a\n    password: {command: hunter2}",
        "url: mysql+pymysql://etl@db-a\n    password: {command: [vault, --token=hunter2]}",
        "url: mysql+pymysql://etl@db-a\n    password: !hunter2",
        "url: mysql+pymysql://etl@db-a\n    password: *hunter2",
        "url: mysql+pymysql://etl@db-a\n    password: !!int hunter2",
    ],
)
def test_a_password_in_the_file_is_refused_and_never_shown(tmp_path: Path, secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, edited(f"    url: {URL}", f"    {secret}"))
    assert "hunter2" not in str(caught.value) + repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_number_in_place_of_a_password_is_not_shown_either(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="password: expected keys with values, got something"):
        load(tmp_path, edited(URL, f"{URL}\n    password: 4711"))


@pytest.mark.parametrize(
    "directory",
    [
        "ftp://user:hunter2@host/x",
        "ftp://user:hun/ter2@host/x",
        "simplecache::ftp://user:hunter2@host/x",
        "s3://bucket/x?key=hunter2",
        "https://host/x?X-Amz-Expires=60&X-Amz-Signature=hunter2",
        "https://host/x?pass%77ord=hunter2",
        "abfs://c@account/x?sig=hunter2",
    ],
)
def test_a_secret_in_the_output_s_url_is_refused_and_never_shown(
    tmp_path: Path, directory: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, MINIMAL + f"output: {{directory: '{directory}'}}\n")
    assert str(refusal.value).startswith("etl_assets.yaml:9: output.directory: expected a URL with")
    assert "FSSPEC_FTP_PASSWORD" in str(refusal.value)
    assert "ter2" not in str(refusal.value)
    # A key with a mistake in it does not show it either.
    with pytest.raises(ConfigError, match="got folder: something else"):
        load(tmp_path, MINIMAL + f"output: {{folder: '{directory}'}}\n")


def test_a_url_that_names_an_account_alone_may_stand(tmp_path: Path) -> None:
    url = "memory://container@account/x@y"
    assert load(tmp_path, MINIMAL + f"output: {{directory: '{url}'}}\n").directory == url


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    partition:", "    partiton: soon\n    partition:", "got partiton: 'soon'"),
        ("hosts:", "dbpassword: hunter2\nhosts:", "got dbpassword: something else"),
        (f"    url: {URL}", f"    url: {URL}\n    pwd: hunter2", "got pwd: something else"),
    ],
)
def test_an_unknown_key_is_told_with_its_value_unless_that_may_be_a_secret(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        load(tmp_path, edited(old, new))
