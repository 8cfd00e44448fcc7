"""A Kafka that asks its clients who they are: SASL_SSL, with a certificate that a test's own authority has signed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from tests.real import brokers

USER, PASSWORD = "ownstack", "right"
"""May do everything."""

GUEST, GUEST_PASSWORD = "guest", "welcome"
"""Is known, and may do nothing."""


@dataclass(frozen=True, slots=True)
class Secured:
    """A cluster, and how to reach it. servers: through TLS. ca: the file with the certificate to trust."""

    cluster: brokers.Cluster
    servers: str
    ca: Path


def secured(folder: Path) -> Secured:
    """One broker below `folder`, not started."""
    authority = trustme.CA()
    ca, key = folder / "ca.pem", folder / "broker.pem"
    authority.cert_pem.write_to_path(str(ca))
    _write_key(key, authority.issue_cert("127.0.0.1"))
    port = brokers.free_port()
    settings = {
        "listeners": f"PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller}},SASL_SSL://127.0.0.1:{port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{{port}},SASL_SSL://127.0.0.1:{port}",
        "inter.broker.listener.name": "PLAINTEXT",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(key),
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{USER}",
    }
    cluster = brokers.cluster(folder, 1, settings, {USER: PASSWORD, GUEST: GUEST_PASSWORD})
    return Secured(cluster, f"127.0.0.1:{port}", ca)


def _write_key(path: Path, certificate: trustme.LeafCert) -> None:
    """Kafka reads keys in PKCS #8 only."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    form = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(form + b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
