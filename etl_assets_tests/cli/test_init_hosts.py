"""The hosts of `etl-assets init`, from its options."""

import pytest

from etl_assets.cli.init_hosts import given_hosts
from etl_assets.config import HostConfig
from etl_assets.errors import UsageError

DEMO = "sqlite:///demo/{database}.db"


def test_hosts_are_called_after_their_urls_and_passwords_after_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DB_A_INTERNAL_PASSWORD", "")
    monkeypatch.delenv("DB_10_0_0_7_PASSWORD", raising=False)
    urls = ["mysql://etl@db-a.internal", "mysql://etl@10.0.0.7:3306", "mysql://etl@10.0.0.7:3307"]
    hosts = given_hosts([*urls, DEMO], [], [])
    assert [(host.name, host.variable, host.settings.password) for host in hosts] == [
        ("db-a-internal", *_password("DB_A_INTERNAL_PASSWORD")),
        ("10-0-0-7", "DB_10_0_0_7_PASSWORD", None),
        ("10-0-0-7-3307", "DB_10_0_0_7_3307_PASSWORD", None),
        ("demo", "DEMO_PASSWORD", None),
    ]


def test_names_and_variables_belong_to_the_urls_in_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET_B", "")
    monkeypatch.delenv("SHOP_A_PASSWORD", raising=False)
    hosts = given_hosts(
        ["mysql://e@a", "mysql://e@b", DEMO], ["shop-a", "shop-b"], ["", "SECRET_B"]
    )
    assert [(host.name, host.variable, host.settings.password) for host in hosts] == [
        ("shop-a", "SHOP_A_PASSWORD", None),
        ("shop-b", *_password("SECRET_B")),
        ("demo", "DEMO_PASSWORD", None),
    ]


def _password(name: str) -> tuple[str, object]:
    settings = HostConfig.model_validate({"url": "mysql://a", "password": {"env": name}})
    return name, settings.password


@pytest.mark.parametrize(
    ("urls", "names", "variables", "words"),
    [
        (["mysql://etl:opensesame@a"], [], [], "without a password, got one in it.*--password-env"),
        (["mysql://a/shop"], [], [], "a server without a database"),
        (["nothing"], [], [], "expected a SQLAlchemy URL"),
        (["mysql://a", "mysql+pymysql://a"], [], [], "each server once"),
        (["mysql://a", "mysql://b"], ["x", "x"], [], "each name once, got 'x'"),
        (["mysql://a"], ["x.y"], [], "letters, digits, _ and -"),
        (["mysql://a"], ["x", "y"], [], "at most one for each --url, got 2"),
        (["mysql://a"], [], ["NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE set"),
        ([DEMO], [], ["PATH"], "which has no accounts"),
    ],
)
def test_what_no_configuration_would_take_is_refused(
    urls: list[str], names: list[str], variables: list[str], words: str
) -> None:
    with pytest.raises(UsageError, match=words) as refusal:
        given_hosts(urls, names, variables)
    assert "opensesame" not in str(refusal.value)
