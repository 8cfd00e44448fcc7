"""What a service refuses to start on, and what it waits for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from tests.integration.serve.processes import Installation, Process, installation
from tests.real.brokers import cluster, free_port
from tests.real.kafka import kafka, need_brokers, new_prefix
from tests.real.postgres import away

from ownstack_bus.kafka import KafkaSettings
from ownstack_bus.kafka.clients import Clients
from ownstack_contracts.topics import COMMANDS
from ownstack_vault import SecretKeys, new_secret_key, open_vault

pytestmark = pytest.mark.timeout(300)
AT_ONCE = {"OWNSTACK_START_PATIENCE": "0"}


@pytest.fixture
def nothing(tmp_path: Path) -> Iterator[Installation]:
    """Neither a bus nor a database is there."""
    env = {"OWNSTACK_DATABASE": f"postgresql://nobody@127.0.0.1:{free_port()}/none"}
    with installation(tmp_path, {"OWNSTACK_BUS": f"kafka://127.0.0.1:{free_port()}", **env}) as made:
        yield made


def refused(process: Process) -> tuple[int, str, str]:
    """How it has ended, which must be by itself: the exit code, and the refusal that the last line of its log is."""
    exit_code = process.ended()
    assert "Traceback" not in process.said
    last = process.lines[-1]
    assert last["level"] == "error"
    return exit_code, last["code"], f"{last['message']} {last.get('hint', '')}"


def test_without_topics_it_says_how_to_make_them(nothing: Installation) -> None:
    env = {"OWNSTACK_BUS": f"kafka://{kafka()}", "OWNSTACK_KAFKA_PREFIX": new_prefix()}
    *ended, said = refused(nothing.start("promoter", **env, **AT_ONCE))
    assert ended == [4, "bus-topics-missing"]
    assert "ownstack bus setup" in said


async def test_topics_that_are_not_right_are_refused_without_waiting(
    nothing: Installation, topics: dict[str, str], rows: dict[str, str]
) -> None:
    await forget_after(topics, "60000")
    for service in ("api", "deployer", "projections", "promoter"):
        *ended, said = refused(nothing.start(service, **topics, **rows))
        assert ended == [4, "bus-topics-differ"]
        assert "retention.ms is 60000" in said


def test_a_bus_of_one_process_is_refused(nothing: Installation, tmp_path: Path) -> None:
    *ended, said = refused(nothing.start("deployer", OWNSTACK_BUS=f"sqlite:///{tmp_path / 'bus.db'}"))
    assert ended == [2, "bus-embedded"]
    assert "ownstack up" in said
    assert not (tmp_path / "bus.db").exists()


def test_a_database_of_one_process_is_refused(nothing: Installation, tmp_path: Path) -> None:
    for service in ("api", "projections"):
        *ended, said = refused(nothing.start(service, OWNSTACK_DATABASE=f"sqlite:///{tmp_path / 'own.db'}"))
        assert ended == [2, "database-embedded"]
        assert "ownstack up" in said
        assert not (tmp_path / "own.db").exists()


def test_an_address_with_an_at_too_many_is_refused_and_not_repeated(nothing: Installation) -> None:
    process = nothing.start("projections", OWNSTACK_DATABASE="postgresql://me:p@hunter2@db/own")
    *ended, said = refused(process)
    assert ended == [2, "database-url"]
    assert "%40" in said
    assert "hunter2" not in process.said


def test_a_bus_that_is_away_is_an_error_when_nobody_waits(nothing: Installation) -> None:
    *ended, said = refused(nothing.start("promoter", **AT_ONCE))
    assert ended == [4, "bus-unavailable"]
    assert "OWNSTACK_BUS" in said


def test_a_database_that_is_away_is_an_error_when_nobody_waits(nothing: Installation) -> None:
    for service in ("api", "projections"):
        *ended, said = refused(nothing.start(service, **AT_ONCE))
        assert ended == [4, "database-unreachable"]
        assert "Does it run" in said


def test_settings_that_are_wrong_are_named_and_not_repeated(nothing: Installation) -> None:
    for wrong in ("OWNSTACK_PROMOTER_LEASE", "OWNSTACK_LOG_LEVEL", "OWNSTACK_KAFKA_SECURITY_PROTOCOL"):
        process = nothing.start("promoter", **{wrong: "hunter2"})
        *ended, said = refused(process)
        assert ended == [2, "settings-invalid"]
        assert wrong in said
        assert "hunter2" not in process.said


@pytest.mark.parametrize(("key", "code"), [("", "secret-key-missing"), ("hunter2", "secret-key-invalid")])
def test_without_its_secret_key_the_api_says_how_to_make_one(nothing: Installation, key: str, code: str) -> None:
    process = nothing.start("api", OWNSTACK_SECRET_KEY=key)
    *ended, said = refused(process)
    assert ended == [2, code]
    assert "ownstack secret new" in said
    assert "hunter2" not in process.said


def test_a_secret_key_is_read_from_its_file(nothing: Installation, tmp_path: Path) -> None:
    told = {"OWNSTACK_SECRET_KEY": "", "OWNSTACK_SECRET_KEY_FILE": str(tmp_path / "key")}
    *ended, said = refused(nothing.start("api", **told))
    assert ended == [2, "secret-key-file"]
    assert str(tmp_path / "key") in said
    (tmp_path / "key").write_text("A" * 43 + "\n")
    *ended, _ = refused(nothing.start("api", **told, **AT_ONCE))
    assert ended == [4, "database-unreachable"]


def test_of_two_services_with_another_secret_key_each_the_second_is_refused(house: Installation) -> None:
    vault = open_vault(house.env["OWNSTACK_DATABASE"], None, SecretKeys.parse(new_secret_key()))
    vault.hooks.put("acme", "shop", 0)
    vault.close()
    for service in ("api", "deployer"):
        *ended, said = refused(house.start(service))
        assert ended == [4, "secret-key-wrong"]
        assert "OWNSTACK_SECRET_KEY_OLD" in said


def test_a_deployer_without_a_secret_key_or_a_database_says_what_it_can_not_do_and_works(house: Installation) -> None:
    for missing in ("OWNSTACK_SECRET_KEY", "OWNSTACK_DATABASE"):
        deployer = house.start("deployer", **{missing: ""})
        deployer.ready()
        assert f"without {missing} no app" in deployer.said
        assert deployer.terminate() == 0


def test_an_address_that_is_taken_is_named(house: Installation) -> None:
    port = house.start("promoter").ready().rpartition(":")[2]
    *ended, said = refused(house.start("deployer", OWNSTACK_HEALTH_PORT=port))
    assert ended == [1, "cannot-listen"]
    assert "OWNSTACK_HEALTH_PORT" in said


def test_a_bus_that_comes_later_is_waited_for(nothing: Installation, tmp_path: Path) -> None:
    need_brokers()
    brokers = cluster(tmp_path / "kafka")
    bus = {"OWNSTACK_BUS": f"kafka://{brokers.servers}"}
    promoter = nothing.start("promoter", **bus)
    try:
        promoter.tells("waiting for the bus")
        brokers.start()
        promoter.tells("ownstack bus setup")
        nothing.right("bus", "setup", "--partitions", "3", **bus)
        promoter.ready()
        assert promoter.terminate() == 0
    finally:
        brokers.stop()


def test_a_database_that_comes_later_is_waited_for(house: Installation) -> None:
    with away(house.env["OWNSTACK_DATABASE"]):
        waiting = [house.start(service) for service in ("projections", "api")]
        for process in waiting:
            process.tells("waiting for the database")
    for process in waiting:
        process.ready()
        assert process.terminate() == 0


async def forget_after(topics: dict[str, str], milliseconds: str) -> None:
    """Set the retention of `commands`, as an operator might have done."""
    clients = Clients(
        topics["OWNSTACK_BUS"].removeprefix("kafka://"), KafkaSettings(prefix=topics["OWNSTACK_KAFKA_PREFIX"])
    )
    admin = clients.admin()
    await admin.start()
    try:
        wanted = ConfigResource(ConfigResourceType.TOPIC, clients.topic(COMMANDS.name), {"retention.ms": milliseconds})
        await admin.alter_configs([wanted])
    finally:
        await admin.close()
