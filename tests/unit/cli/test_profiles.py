"""Profiles: kept for their owner only, all at once, and never sent to the wrong server."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from ownstack.exits import Exit, Failure
from ownstack.profiles import Profile, choose, load, profiles_path, save

LOCAL = Profile("local", "http://127.0.0.1:8700", "own_a", "default")


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def test_the_file_is_for_its_owner_only_and_so_is_its_folder() -> None:
    path = profiles_path()
    save(path, LOCAL)
    assert (mode(path), mode(path.parent)) == ("0o600", "0o700")


def test_a_folder_that_others_could_read_is_closed() -> None:
    path = profiles_path()
    path.parent.mkdir(parents=True, mode=0o755)
    save(path, LOCAL)
    assert mode(path.parent) == "0o700"


@pytest.mark.parametrize("odd", ["plain", 'qu"ote', "back\\slash", "new\nline", "snow ☃ and 🙂", "del\x7f", "tab\t"])
def test_what_is_saved_is_what_is_loaded(odd: str) -> None:
    path = profiles_path()
    save(path, LOCAL)
    save(path, Profile("other", f"https://example.org/{odd}", odd, odd))
    known = load(path)
    assert known.by_name["other"] == Profile("other", f"https://example.org/{odd}", odd, odd)
    assert (known.by_name["local"], known.default) == (LOCAL, "local")


def test_the_first_profile_is_the_default_and_a_later_one_only_if_asked() -> None:
    path = profiles_path()
    save(path, LOCAL)
    assert save(path, Profile("b", "http://b", None)).default == "local"
    assert save(path, Profile("c", "http://c", None), make_default=True).default == "c"


def test_two_that_save_at_once_lose_nothing() -> None:
    path = profiles_path()
    names = [f"p{number}" for number in range(20)]
    threads = [threading.Thread(target=save, args=(path, Profile(n, f"http://{n}", n))) for n in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(load(path).by_name) == sorted(names)


def test_nothing_but_the_file_and_its_lock_is_left_in_the_folder() -> None:
    path = profiles_path()
    save(path, LOCAL)
    assert sorted(p.name for p in path.parent.iterdir()) == [".lock", "profiles.toml"]


def test_the_token_is_not_in_the_representation_that_ends_up_in_logs() -> None:
    assert "own_a" not in repr(LOCAL)


@pytest.mark.parametrize("text", ["not toml =", "profiles = 3", "[profiles.a]\ntoken = 'x'", "\xff"])
def test_a_damaged_file_is_said_and_not_overwritten(text: str) -> None:
    path = profiles_path()
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(Failure) as found:
        save(path, LOCAL)
    assert found.value.code == "profiles-unreadable"
    assert path.read_bytes() == text.encode("latin-1")


def test_a_profile_needs_a_name_that_can_be_typed() -> None:
    with pytest.raises(Failure, match="no name"):
        save(profiles_path(), Profile("a b", "http://x", None))


class TestChoice:
    """Which server is asked, and with which token."""

    @pytest.fixture(autouse=True)
    def _known(self) -> None:
        save(profiles_path(), LOCAL)
        save(profiles_path(), Profile("prod", "https://prod.example.org", "own_p", "team"))

    def chosen(self, environment: dict[str, str], named: str | None = None) -> tuple[str, str | None]:
        config = str(profiles_path().parent.parent)
        found = choose({"XDG_CONFIG_HOME": config, **environment}, named)
        return found.url, found.token

    def test_without_a_word_the_default(self) -> None:
        assert self.chosen({}) == ("http://127.0.0.1:8700", "own_a")

    def test_the_environment_names_a_profile(self) -> None:
        assert self.chosen({"OWNSTACK_PROFILE": "prod"}) == ("https://prod.example.org", "own_p")

    def test_the_command_line_goes_before_the_environment(self) -> None:
        environment = {"OWNSTACK_URL": "http://elsewhere", "OWNSTACK_TOKEN": "own_e"}
        assert self.chosen(environment, "prod") == ("https://prod.example.org", "own_p")

    def test_a_url_and_a_token_need_no_profile(self) -> None:
        environment = {"OWNSTACK_URL": "http://elsewhere", "OWNSTACK_TOKEN": "own_e"}
        assert self.chosen(environment) == ("http://elsewhere", "own_e")

    def test_no_token_of_a_profile_goes_to_another_url(self) -> None:
        assert self.chosen({"OWNSTACK_URL": "http://elsewhere"}) == ("http://elsewhere", None)

    def test_a_url_that_a_profile_has_gets_its_token(self) -> None:
        assert self.chosen({"OWNSTACK_URL": "https://prod.example.org/"})[1] == "own_p"

    def test_a_token_alone_is_for_the_default_server(self) -> None:
        assert self.chosen({"OWNSTACK_TOKEN": "own_e"}) == ("http://127.0.0.1:8700", "own_e")

    def test_an_unknown_profile_is_a_usage_error_that_names_the_known_ones(self) -> None:
        with pytest.raises(Failure, match="no profile 'nope'") as found:
            self.chosen({}, "nope")
        assert (found.value.exit_code, found.value.hint) == (
            Exit.USAGE,
            "Known: local, prod. `ownstack login` makes one.",
        )
