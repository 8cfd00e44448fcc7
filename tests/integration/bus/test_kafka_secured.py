"""Kafka with TLS and SASL: who is known gets in, and whoever is not is told why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from tests.contract.bus.parts import C, numbered, of_key
from tests.real.kafka import need_brokers
from tests.real.secured import GUEST, GUEST_PASSWORD, PASSWORD, USER, Secured, secured

from ownstack_bus.kafka import KafkaBus, KafkaSettings
from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.topics import set_up
from ownstack_bus.port import BusError


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    need_brokers()
    made = secured(tmp_path_factory.mktemp("secured"))
    made.cluster.start()
    yield made
    made.cluster.stop()


@pytest.fixture
async def settings(broker: Secured) -> KafkaSettings:
    """Of whoever may do everything."""
    right = KafkaSettings(
        security_protocol="SASL_SSL", tls_ca=broker.ca, sasl_username=USER, sasl_password=PASSWORD, request_timeout=5
    )
    await set_up(Clients(broker.servers, right), partitions=2)
    return right


async def refused(broker: Secured, settings: KafkaSettings, **different: object) -> BusError:
    """What opening a bus raises with some of the settings changed."""
    with pytest.raises(BusError) as error:
        await KafkaBus.open(broker.servers, settings.model_copy(update=different))
    return error.value


async def test_who_is_known_publishes_and_reads(broker: Secured, settings: KafkaSettings, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(f"{PASSWORD}\n")
    from_file = settings.model_copy(update={"sasl_password": None, "sasl_password_file": password})
    for how in (settings, from_file):
        bus = await KafkaBus.open(broker.servers, how)
        await bus.publish(numbered(C, "acme", 2))
        found = await of_key(bus, C, "acme")
        await bus.close()
    assert found == ["0", "1", "0", "1"]


async def test_a_wrong_password_is_refused_and_named(broker: Secured, settings: KafkaSettings) -> None:
    wrong = KafkaSettings(
        security_protocol="SASL_SSL", tls_ca=broker.ca, sasl_username=USER, sasl_password="wrong", request_timeout=5
    )
    with pytest.raises(BusError, match="OWNSTACK_KAFKA_SASL_USERNAME") as error:
        await KafkaBus.open(broker.servers, wrong)
    assert error.value.code == "bus-not-allowed"
    assert "wrong" not in str(error.value)


async def test_a_certificate_that_nobody_trusts_is_refused(
    broker: Secured, settings: KafkaSettings, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    for ca in (None, other):
        error = await refused(broker, settings, tls_ca=ca)
        assert error.code == "bus-tls"
        assert "OWNSTACK_KAFKA_TLS_CA" in str(error)


async def test_a_file_that_is_not_there_is_named(broker: Secured, settings: KafkaSettings, tmp_path: Path) -> None:
    error = await refused(broker, settings, tls_ca=tmp_path / "nowhere.pem")
    assert (error.code, "OWNSTACK_KAFKA_TLS_CA" in str(error)) == ("bus-tls", True)
    error = await refused(broker, settings, sasl_password=None, sasl_password_file=tmp_path / "nowhere")
    assert (error.code, "OWNSTACK_KAFKA_SASL_PASSWORD_FILE" in str(error)) == ("bus-sasl", True)


async def test_who_may_do_nothing_is_refused(broker: Secured, settings: KafkaSettings) -> None:
    guest = KafkaSettings(
        security_protocol="SASL_SSL",
        tls_ca=broker.ca,
        sasl_username=GUEST,
        sasl_password=GUEST_PASSWORD,
        request_timeout=5,
    )
    with pytest.raises(BusError) as error:
        await KafkaBus.open(broker.servers, guest)
    assert error.value.code == "bus-not-allowed"


async def test_a_mechanism_that_the_broker_does_not_know_is_refused(broker: Secured, settings: KafkaSettings) -> None:
    assert (await refused(broker, settings, sasl_mechanism="PLAIN")).code == "bus-not-allowed"


async def test_without_tls_it_does_not_answer(broker: Secured, settings: KafkaSettings) -> None:
    async with asyncio.timeout(30):
        assert (await refused(broker, settings, security_protocol="SASL_PLAINTEXT")).code == "bus-unavailable"
