"""What is told of the address of the read model's database, and what is not."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url

from ownstack_readmodel import DatabaseUnusable, open_readmodel
from ownstack_readmodel.addresses import parsed, told


def refusal(url: str) -> DatabaseUnusable:
    with pytest.raises(DatabaseUnusable) as refused:
        open_readmodel(url)
    return refused.value


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://somebody:canary@127.0.0.1:1/own",
        "postgresql://somebody@127.0.0.1:1/own?password=canary",
        "postgresql://canary:canary@127.0.0.1:1/own?user=canary&passfile=canary",
        "postgresql://somebody:p%40canary@127.0.0.1:1/own",
    ],
)
def test_host_port_and_name_are_told_and_nothing_else(url: str) -> None:
    refused = refusal(url)
    assert refused.code == "database-unreachable"
    assert "127.0.0.1:1/own" in refused.message
    assert "canary" not in str(refused)


@pytest.mark.parametrize("rest", ["p@canary@db/own", "p@ss/canary@db/own", "p@canary?x@db/own", "p@canary:5@db/own"])
def test_a_password_with_an_at_in_it_is_refused_and_not_repeated(rest: str) -> None:
    refused = refusal(f"postgresql://somebody:{rest}")
    assert (refused.code, refused.passing) == ("database-url", False)
    assert "canary" not in str(refused)


def test_how_to_write_such_a_password_is_said() -> None:
    assert "%40" in refusal("postgresql://somebody:p@ss@db/own").hint
    assert parsed("postgresql://somebody:p%40ss@db/own").password == "p@ss"
    assert parsed("postgresql://some@body:p%40ss@db/own").username == "some@body"
    assert parsed("sqlite:////var/a@b@c.db").database == "/var/a@b@c.db"


def test_an_address_without_a_host_is_told_by_its_name() -> None:
    urls = ("postgresql:///own", "postgresql://[::1]:5/own", "sqlite:////var/own.db", "postgresql://")
    assert [told(make_url(url)) for url in urls] == ["own", "[::1]:5/own", "/var/own.db", "the default place"]
