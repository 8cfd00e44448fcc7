"""Listening: where, and how connections are set up."""

from __future__ import annotations

import errno
import socket

import pytest

from ownstack_api.main import listen, url_of
from ownstack_api.settings import Settings


def test_it_listens_on_this_machine_only_unless_told_otherwise() -> None:
    with listen(Settings(port=0)) as listener:
        host, port = listener.getsockname()
        assert host == "127.0.0.1"
        assert url_of(listener) == f"http://127.0.0.1:{port}"


def test_an_ipv6_address_is_written_in_brackets() -> None:
    with listen(Settings(host="::1", port=0)) as listener:
        assert url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"


def test_a_taken_port_is_an_error() -> None:
    with listen(Settings(port=0)) as listener, pytest.raises(OSError, match="in use") as taken:
        listen(Settings(port=listener.getsockname()[1]))
    assert taken.value.errno == errno.EADDRINUSE


def test_answers_do_not_wait_for_acknowledgements() -> None:
    with listen(Settings(port=0)) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
