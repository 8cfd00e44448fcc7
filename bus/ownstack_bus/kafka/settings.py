"""What can be chosen about Kafka, from the environment (`OWNSTACK_KAFKA_…`) or by keyword."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class KafkaSettings(BaseSettings):
    """How to reach a cluster, and under which names; times in seconds.

    prefix: before the names of topics, groups and transactions, so that several installations share a cluster.
    tls_ca: the file with the certificates to trust; None: those of the system. tls_certificate and tls_key: files, for
    clusters that ask clients for one. sasl_password_file: a file that holds the password, instead of sasl_password.
    session_timeout: a member that is silent for so long has lost its partitions. request_timeout: for one request.
    """

    model_config = SettingsConfigDict(env_prefix="OWNSTACK_KAFKA_", frozen=True)

    prefix: str = Field(default="", max_length=100, pattern=r"^[a-zA-Z0-9._-]*$")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    tls_ca: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    sasl_password_file: Path | None = None
    session_timeout: float = Field(default=8.0, ge=1, le=300)
    request_timeout: float = Field(default=15.0, ge=1, le=300)
