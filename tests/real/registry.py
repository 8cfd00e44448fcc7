"""A real registry for tests: Debian's docker-registry as a process of this machine; open, with passwords or tokens.

Where there is none, tests are skipped, saying how to get it; with CI set they fail.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from tests.real.httpstub import Given, Reply, Stub

PROGRAM = "docker-registry"
HOW = "No registry is here, so nothing was tested on one. Get it: apt-get install docker-registry."
PATIENCE_S = 20.0
USER, PASSWORD = "ci", "pass:word"
HTPASSWD = f"{USER}:$2b$04$gIPp.K/CPKKK62N1JQJ0eejvnQeEYMet2g.tkOjrnDCQYH8qbQxEG\n"
"""PASSWORD, by bcrypt: the only way that the registry takes."""
SERVICE, ISSUER = "test registry", "test issuer"


def need_registry() -> str:
    """The program, for tests that take one: skipped where there is none, and failed in CI."""
    found = shutil.which(PROGRAM)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(HOW)
        pytest.skip(HOW)
    return found


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry that runs. `host` with its port, as image references name it. authorization: of one who may write."""

    host: str
    authorization: str | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}/v2"

    def blob(self, repository: str, content: bytes) -> str:
        """Have a blob in it; its digest."""
        digest = digest_of(content)
        with self._client() as client:
            opened = client.post(f"{self.url}/{repository}/blobs/uploads/").raise_for_status()
            url = httpx.URL(opened.headers["location"]).copy_merge_params({"digest": digest})
            client.put(url, content=content).raise_for_status()
        return digest

    def manifest(self, repository: str, reference: str, content: bytes, media_type: str) -> str:
        """Have a manifest in it, under a tag or its digest; its digest."""
        with self._client() as client:
            url = f"{self.url}/{repository}/manifests/{reference}"
            client.put(url, content=content, headers={"Content-Type": media_type}).raise_for_status()
        return digest_of(content)

    def content(self, repository: str, reference: str, accept: str) -> bytes | None:
        """The bytes of a manifest; None: there is none."""
        with self._client() as client:
            found = client.get(f"{self.url}/{repository}/manifests/{reference}", headers={"Accept": accept})
            return found.content if found.status_code == 200 else None

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether a repository has this blob."""
        with self._client() as client:
            return client.head(f"{self.url}/{repository}/blobs/{digest}").status_code == 200

    def _client(self) -> httpx.Client:
        headers = {"Authorization": self.authorization} if self.authorization else {}
        return httpx.Client(headers=headers, trust_env=False, verify=False)  # on plain http: nothing to read in vain


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def open_registry(folder: Path) -> Iterator[Registry]:
    """One that lets in everybody."""
    with _running(folder, {}) as host:
        yield Registry(host)


@contextmanager
def password_registry(folder: Path) -> Iterator[Registry]:
    """One that lets in USER with PASSWORD."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "htpasswd").write_text(HTPASSWD)
    with _running(folder, {"htpasswd": {"realm": "basic-realm", "path": str(folder / "htpasswd")}}) as host:
        yield Registry(host, basic())


def basic(user: str = USER, password: str = PASSWORD) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass(slots=True)
class TokenServer:
    """Hands out tokens: to USER with PASSWORD, or for the identity token `identity`, whatever is asked for and in
    `allowed`; to others what is public."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    stub: Stub
    allowed: tuple[str, ...] = ("pull", "push")
    public: tuple[str, ...] = ()
    identity: str = "an-identity-token"
    life: int = 300

    def answer(self, given: Given) -> Reply:
        """As the specification of token authentication has it."""
        query = parse_qs(given.content.decode() if given.method == "POST" else urlsplit(given.path).query)
        named = given.headers.get("Authorization")
        known = named == basic() or query.get("refresh_token") == [self.identity]
        if (named or given.method == "POST") and not known:
            return Reply(401, {}, b"{}")
        allowed = self.allowed if known else self.public
        scopes = [scope for found in query.get("scope", []) for scope in found.split()]
        token = self._token([_access(scope, allowed) for scope in scopes])
        return Reply(
            200, {"Content-Type": "application/json"}, json.dumps({"token": token, "expires_in": self.life}).encode()
        )

    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def _token(self, access: list[dict[str, Any]]) -> str:
        now = int(time.time())
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        claims = {"iss": ISSUER, "sub": USER, "aud": SERVICE, "exp": now + 900, "nbf": now - 60, "iat": now - 60}
        signed = ".".join(
            _encoded(json.dumps(part).encode())
            for part in (header, {**claims, "jti": secrets.token_hex(), "access": access})
        )
        return f"{signed}.{_encoded(self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@contextmanager
def token_registry(folder: Path) -> Iterator[tuple[Registry, TokenServer]]:
    """One that takes the tokens of a token server, and that server."""
    folder.mkdir(parents=True, exist_ok=True)
    with Stub() as stub:
        server = TokenServer(*_signer(), stub)
        stub.answer = server.answer
        (folder / "root.pem").write_bytes(server.pem())
        realm = f"http://{stub.host}/token"
        auth = {"realm": realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(folder / "root.pem")}
        with _running(folder, {"token": auth}) as host:
            access = [
                _access(f"repository:{name}:pull,push", ("pull", "push")) for name in ("shop", "team/shop", "other")
            ]
            yield Registry(host, f"Bearer {server._token(access)}"), server


def _access(scope: str, allowed: tuple[str, ...]) -> dict[str, Any]:
    kind, name, actions = scope.split(":")
    return {"type": kind, "name": name, "actions": [action for action in actions.split(",") if action in allowed]}


def _signer() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokens")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return key, builder.sign(key, hashes.SHA256())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@contextmanager
def _running(folder: Path, auth: dict[str, Any]) -> Iterator[str]:
    program = need_registry()
    folder.mkdir(parents=True, exist_ok=True)
    host = f"127.0.0.1:{_free_port()}"
    config = {
        "version": "0.1",
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "content")}},
        "http": {"addr": host, "secret": secrets.token_hex()},
        **({"auth": auth} if auth else {}),
    }
    (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
    with (folder / "log").open("wb") as log:
        command = [program, "serve", str(folder / "config.yml")]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        _await(host, process, folder / "log")
        yield host
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _await(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            httpx.get(f"http://{host}/v2/", trust_env=False, verify=False)
        except httpx.TransportError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"{PROGRAM} does not start:\n{log.read_text()[-2_000:]}") from None
            time.sleep(0.01)  # it is being started: there is nothing else to wait for
        else:
            return


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
