"""What can be chosen about Kafka, from the environment (`OWNSTACK_KAFKA_…`) or by keyword."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class KafkaSettings(BaseSettings):
    """How to reach a cluster, and under which names."""

    model_config = SettingsConfigDict(env_prefix="OWNSTACK_KAFKA_", frozen=True, use_attribute_docstrings=True)

    prefix: str = Field(default="", max_length=100, pattern=r"^[a-zA-Z0-9._-]*$")
    """Before the names of topics, groups and transactions, so that several installations share a cluster."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    tls_ca: Path | None = None
    """The file with the certificates to trust; else those of the system."""
    tls_certificate: Path | None = None
    """The file with a client's certificate, for clusters that ask for one."""
    tls_key: Path | None = None
    """The file with its key."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."""
    sasl_username: str | None = None
    """As whom."""
    sasl_password: SecretStr | None = None
    """The password of that user."""
    sasl_password_file: Path | None = None
    """A file that holds it, instead."""
    session_timeout: float = Field(default=8.0, ge=1, le=300)
    """A member that is silent for so long, in seconds, has lost its partitions."""
    request_timeout: float = Field(default=15.0, ge=1, le=300)
    """How long one request may take, in seconds."""
    stalled_after: float = Field(default=60.0, ge=5, le=3_600)
    """Inputs that wait for so long, in seconds, although Kafka answers, end the process, to be started again."""
