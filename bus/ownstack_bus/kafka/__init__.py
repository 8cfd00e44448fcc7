"""The bus on Kafka. Needs the extra `kafka`."""

from ownstack_bus.kafka.bus import KafkaBus
from ownstack_bus.kafka.settings import KafkaSettings

__all__ = ["KafkaBus", "KafkaSettings"]
