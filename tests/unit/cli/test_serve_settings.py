"""The environment of a service: all of it is listed; what is wrong is named, and never repeated."""

from __future__ import annotations

import re

import orjson
import pytest
from pydantic import create_model
from pydantic_settings import BaseSettings

from ownstack.commands import serving
from ownstack.exits import Exit, Failure
from ownstack.main import main
from ownstack.serve import process

SECRET = "hunter2"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OWNSTACK_BUS", "OWNSTACK_DATABASE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("service", serving.SERVICES)
def test_help_lists_every_setting_of_the_service(
    service: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert main(["serve", service, "--help"]) == 0
    shown = set(re.findall(r"OWNSTACK_[A-Z_]+", capsys.readouterr().out))
    wanted = {variable for kind in serving.settings_of(service) for variable, _ in serving.described(kind)}
    assert wanted <= shown
    assert f"OWNSTACK_{service.upper()}_" in "".join(wanted)
    assert ("OWNSTACK_DATABASE" in wanted) == (service in {"api", "deployer", "projections"})
    assert ("OWNSTACK_SECRET_KEY_OLD_FILE" in wanted) == (service in {"api", "deployer"})


@pytest.mark.parametrize("service", serving.SERVICES)
def test_every_setting_says_what_it_means(service: str) -> None:
    rows = [row for kind in serving.settings_of(service) for row in serving.described(kind)]
    assert [variable for variable, meaning in rows if not re.match(r".*\w.* \(.+\)$", meaning)] == []


@pytest.mark.parametrize("variable", ["OWNSTACK_HEALTH_PORT", "OWNSTACK_STALL", "OWNSTACK_LOG_FORMAT", "OWNSTACK_BUS"])
async def test_what_is_wrong_is_named_and_not_repeated(
    variable: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if variable != "OWNSTACK_BUS":
        monkeypatch.setenv("OWNSTACK_BUS", f"kafka://{SECRET}:9092")
        monkeypatch.setenv(variable, SECRET)
    assert await process.live("promoter") is Exit.USAGE
    (line,) = caplog.records
    assert line.getMessage().startswith(f"{variable}: ")
    assert (getattr(line, "code", None), SECRET in caplog.text) == ("settings-invalid", False)


def test_the_settings_of_a_service_are_told_by_their_own_names_though_those_of_others_are_called_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def settings(prefix: str, field: str) -> type[BaseSettings]:
        return create_model(  # type: ignore[call-overload,no-any-return]
            "Settings",
            __base__=BaseSettings,
            __cls_kwargs__={"env_prefix": prefix},
            **{field: (int, 1)},
        )

    _first, second = settings("OWNSTACK_FIRST_", "one_thing"), settings("OWNSTACK_SECOND_", "another_thing")
    monkeypatch.setenv("OWNSTACK_SECOND_ANOTHER_THING", "many")
    with pytest.raises(Failure, match="OWNSTACK_SECOND_ANOTHER_THING"), process.checked():
        second()


async def test_a_service_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OWNSTACK_BUS", "kafka://nowhere:9092")
    monkeypatch.setattr(process.uplog, "set_up", lambda **_: None)

    def missing(_: str) -> None:
        raise ModuleNotFoundError("No module named 'fastapi'", name="fastapi")

    monkeypatch.setattr(process, "import_module", missing)
    assert await process.live("api") is Exit.FAILED
    (line,) = caplog.records
    assert (getattr(line, "code", None), "fastapi" in line.getMessage()) == ("not-installed", True)
    assert "ownstack[api,kafka,postgres]" in orjson.dumps(getattr(line, "hint", "")).decode()
