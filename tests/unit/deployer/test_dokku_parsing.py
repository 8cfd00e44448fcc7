"""What the dokku driver reads: containers, labels, options of docker, output; and the command lines that it writes."""

from __future__ import annotations

import json
import shlex
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ownstack_contracts.jobs import Live, StackLookRequested
from ownstack_deployer.drivers.dokku.commands import line_of, run_of
from ownstack_deployer.drivers.dokku.hostkeys import Pin
from ownstack_deployer.drivers.dokku.inspecting import Sight, sight_of
from ownstack_deployer.drivers.dokku.markers import marks_of, refuse_another_teams, reported
from ownstack_deployer.drivers.dokku.progress import Progress
from ownstack_deployer.drivers.dokku.remote import Answer
from ownstack_deployer.drivers.port import Job, PhaseFailed

V1, V2 = (f"127.0.0.1:5000/demo/web@sha256:{digit * 64}" for digit in "12")
MINE = Live(image=V1, generation=4, deployment="r1.eu-1", release=7, team="acme", app_id="shop.1")
LOOK = StackLookRequested(
    job="j",
    app="shop",
    app_id="shop.1",
    stack="eu-1",
    driver="dokku",
    address="",
    settings={},
    generation=0,
    waiting_until=0,
    running_deadline=60,
)
TAGS = "com.dokku.docker-image-labeler/alternate-tags"


def container(tags: object = (V1,), process: str | None = "web", **labels: str) -> dict[str, Any]:
    """One of `ps:inspect`. tags: None leaves the label out."""
    given = {} if tags is None else {TAGS: tags if isinstance(tags, str) else json.dumps(tags)}
    kind = {} if process is None else {"com.dokku.process-type": process}
    return {"Config": {"Image": "dokku/shop:latest", "Labels": {**given, **kind, **labels}}}


def marked(live: Live, **changes: str) -> dict[str, str]:
    """The labels of our deployment."""
    pairs = (mark.removeprefix("--label=").partition("=") for mark in marks_of(live))
    return {**{name: value for name, _, value in pairs}, **changes}


def seen(*containers: Mapping[str, Any]) -> Live | None:
    sight = sight_of(Answer(0, json.dumps(containers), ""), "shop")
    assert sight.exists
    return sight.live


def test_what_we_deployed_is_told_by_its_labels() -> None:
    assert seen(container(**marked(MINE))) == MINE


def test_an_app_that_is_not_there_or_was_never_deployed_has_nothing_live() -> None:
    never = "docker: 'docker container inspect' requires at least 1 argument\n"
    assert sight_of(Answer(20, "", " !     App shop does not exist\n"), "shop") == Sight(exists=False)
    assert sight_of(Answer(1, "", never), "shop") == Sight(exists=True)
    assert seen() is None


@pytest.mark.parametrize(
    ("exit_code", "out"),
    [
        (1, ""),
        (127, ""),
        (0, "nonsense"),
        (0, "{}"),
        (0, "[1]"),
        (0, "[{}]"),
        (0, '["\\ud800"]'),
        (0, "[" * 100_000),
        (0, json.dumps([{"Config": {}}] * 201)),
        (0, "[" + "{}," * 1_000_000 + "{}]"),
    ],
    ids=range(10),
)
def test_an_answer_that_cannot_be_read_is_no_sight(exit_code: int, out: str) -> None:
    with pytest.raises(PhaseFailed) as failed:
        sight_of(Answer(exit_code, out, "oops"), "shop")
    assert failed.value.code == "look-unreadable"


@pytest.mark.parametrize(
    ("tags", "reference"),
    [
        (None, "dokku/shop:latest"),
        ("", "dokku/shop:latest"),
        ("no JSON", "dokku/shop:latest"),
        ("{}", "dokku/shop:latest"),
        ("[7]", "dokku/shop:latest"),
        (["demo/web:v1"], "demo/web:v1"),
        (["dokku/shop:latest"], "dokku/shop:latest"),
        (["demo/web@sha256:12"], "demo/web@sha256:12"),
        (["\ud800"], "dokku/shop:latest"),
        (["\ud800", "demo/web:v1"], "demo/web:v1"),
        ("[" * 60_000, "dokku/shop:latest"),
        (json.dumps(["x"] * 100_000), "dokku/shop:latest"),
        (["x" * 1_000], "x" * 600),
    ],
    ids=range(13),
)
def test_an_image_without_a_digest_is_told_by_what_it_is_called(tags: object, reference: str) -> None:
    assert seen(container(tags)) == Live(reference=reference)


@pytest.mark.parametrize("half", ["ownstack.team", "ownstack.deployment", "com.example", "com.example.\udfff"])
def test_a_label_with_half_a_character_is_none(half: str) -> None:
    live = seen(container(**marked(MINE, **{half: "\ud800"})))
    assert live is not None
    assert live.image == V1
    assert (live == MINE) is half.startswith("com")


def test_labels_and_images_that_are_no_text_are_none() -> None:
    odd = {"Config": {"Image": 7, "Labels": {TAGS: [], "com.dokku.process-type": None, "ownstack.team": {}}}}
    assert seen(odd) == Live(reference="unknown")


def test_the_digest_is_found_among_other_names() -> None:
    assert seen(container(["demo/web:v1", V2])) == Live(image=V2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((number, value) for number in ("generation", "release") for value in ("", "x", "-1", "1.5", "9" * 17, "²")),
        *(("deployment", value) for value in ("", "-1", "²")),
        ("image", "sha256:12"),
    ],
)
def test_a_marker_that_cannot_be_read_is_of_something_else(name: str, value: str) -> None:
    live = seen(container(**marked(MINE, **{f"ownstack.{name}": value})))
    assert live is not None
    assert (live.image, live.generation, live.deployment, live.release) == (V1, 0, None, None)


def test_markers_of_another_image_are_of_something_else_of_the_same_app() -> None:
    live = seen(container([V2], **marked(MINE)))
    assert live == Live(image=V2, team="acme", app_id="shop.1")


def test_of_several_containers_the_least_new_web_process_counts() -> None:
    newer = MINE.model_copy(update={"image": V2, "generation": 5})
    by_hand = container([V2], process="worker")
    assert seen(container([V2], **marked(newer)), container(**marked(MINE)), by_hand) == MINE
    assert seen(container([V2], **marked(newer)), container([V2])) == Live(image=V2)


def test_without_a_web_process_any_counts() -> None:
    assert seen(container(process="worker", **marked(MINE))) == MINE


def test_our_options_are_found_among_those_of_the_user() -> None:
    line = (
        "=====> shop docker-options information\n"
        "       Docker options build:          --label=ownstack.team=build\n"
        "       Docker options deploy:         --restart=on-failure:10 --label=ownstack.team=acme -v '/a b:/b' "
        "'--label=ownstack.deployment=a#b' --label=ownstack.example=1 --label=x--label=ownstack.team=no\n"
        "       Docker options run:            --label=ownstack.team=run\n"
    )
    assert reported(line) == ["--label=ownstack.team=acme", "--label=ownstack.deployment=a#b"]
    assert reported("       Docker options deploy:         \n") == []
    assert reported("nothing") is None


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["\n", " \n", "\t", " ", "Docker options deploy:\n", "--label=ownstack.team=", "'"])
def test_a_report_is_read_in_a_time_that_grows_as_it_does(piece: str) -> None:
    reported(piece * (4_000_000 // len(piece)))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["\n", "x\n", "\x85", "\x1b["])
def test_of_a_long_answer_only_the_end_is_looked_at_for_what_it_said_last(
    piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen_by: list[str] = []
    monkeypatch.setattr("ownstack_deployer.drivers.dokku.remote.printable", lambda line: seen_by.append(line) or line)
    assert Answer(1, piece * 1_000_000 + "\nthe end", "").said.endswith("the end")
    assert sum(map(len, seen_by)) <= 8_000


def test_what_marks_of_another_team_are_on_is_another_teams() -> None:
    job = Job("acme", LOOK, "run1", 0)
    refuse_another_teams(["--label=ownstack.team=acme", "--label=ownstack.app-id=x"], job)
    refuse_another_teams([], job)
    for marks in (["--label=ownstack.team=other"], ["--label=ownstack.team=acme", "--label=ownstack.team=other"]):
        with pytest.raises(PhaseFailed, match="team other") as failed:
            refuse_another_teams(marks, job)
        assert failed.value.code == "foreign-app"


ODD_KEYS = [
    b"\0\0\0\x13ecdsa-sha2-nistp256\0\0\0\x08nistp256\0\0\0\x41\x04" + b"\1" * 64,  # not on the curve
    b"\0\0\0\x07ssh-rsa\0\0\0\x09\1" + b"\0" * 8 + b"\0\0\0\x00",
    b"\0\0\0\x07ssh-rsa\0\0\0\0\0\0\0\0",
    b"\0\0\0\x07ssh-rsa\0\0\0\0\0\0\0\x08" + b"\xff" * 8,
    b"\0\0\0\x13ecdsa-sha2-nistp256\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
    b"\0\0\0\x07ssh-dss" + b"\0\0\0\1\1" * 4,
    b"\0\0\0\x13ecdsa-sha2-nistp256\0\0\0\x04\xff\xff\xff\xff\0\0\0\1\4",
    b"",
]


@pytest.mark.parametrize("key", ODD_KEYS, ids=range(len(ODD_KEYS)))
def test_an_odd_host_key_is_no_pin(key: bytes) -> None:
    kind = key[4 : 4 + key[3]].decode() if key else "ssh-rsa"
    with pytest.raises(PhaseFailed) as failed:
        Pin.of(f"{kind} {b64encode(key).decode()}", "eu-1")
    assert failed.value.code == "host-key-unreadable"


def transcript(case: str) -> Progress:
    """What the driver makes of what a real Dokku said."""
    progress = Progress()
    for line in TRANSCRIPTS[case].splitlines():
        progress.see(line)
    return progress


def _read() -> dict[str, str]:
    file = Path(__file__).parents[2] / "fixtures" / "dokku" / "transcripts.jsonl"
    cases = [json.loads(line) for line in file.read_text().splitlines()]
    return {case["case"]: case["stdout"] for case in cases}


TRANSCRIPTS = _read()


@pytest.mark.parametrize(
    ("case", "task_began", "released", "code"),
    [
        ("from-image-first", True, True, "dokku-failed"),
        ("from-image-missing", False, False, "image-not-pullable"),
        ("from-image-prefail", True, False, "release-task-failed"),
        ("from-image-relfail", True, False, "release-task-failed"),
        ("from-image-hcfail", False, True, "health-check-failed"),
        ("from-image-crash", False, True, "start-failed"),
        ("from-image-same-again", False, False, "dokku-failed"),
        ("from-image-while-another", False, False, "dokku-failed"),
        ("rebuild-after-race", True, True, "dokku-failed"),
    ],
)
def test_how_far_a_deployment_came_is_read_from_what_a_real_dokku_said(
    case: str, task_began: bool, released: bool, code: str
) -> None:
    progress = transcript(case)
    assert (progress.task_began, progress.released, progress.code) == (task_began, released, code)
    assert progress.unchanged is (case == "from-image-same-again")
    assert progress.locked is (case == "from-image-while-another")
    assert progress.postdeploy_began is False


WORDS = [
    "a",
    "",
    " ",
    "it's",
    '"',
    "\\",
    "\\'",
    "$(id)",
    "`id`",
    "a;rm -rf /",
    "*",
    "~",
    "ä 😀",
    "-x",
    "--",
    "#",
    "&&",
    "!",
]


def test_a_line_is_read_by_xargs_as_the_words_it_was_made_from() -> None:
    real = subprocess.run(["xargs", "printf", "%s\\0"], input=line_of(WORDS).encode(), capture_output=True, check=True)
    assert real.stdout.decode().split("\0")[:-1] == WORDS


@pytest.mark.parametrize("word", ["a\nb", "\0", "\t", "\x1b[31m", "\x7f", "\x85", "\udcff", "x" * 100_001])
def test_what_would_not_arrive_is_refused(word: str) -> None:
    with pytest.raises(PhaseFailed) as failed:
        line_of(["run", "shop", word])
    assert failed.value.code == "argument-refused"


@pytest.mark.parametrize("word", ["-n", "-e", "-E", "-nE", "-een", "--help", "--version"])
def test_what_echo_would_take_for_its_own_goes_through_a_shell(word: str) -> None:
    assert run_of("shop", ["head", word, "a b"]) == ["run", "shop", "sh", "-c", f" head {word} 'a b'"]
    assert shlex.split(run_of("shop", ["head", word, "it's"])[4]) == ["head", word, "it's"]


def test_one_that_stands_alone_does_too() -> None:
    assert run_of("shop", ["-n"]) == ["run", "shop", "sh", "-c", " -n"]


def test_all_else_does_not() -> None:
    assert run_of("shop", ["rake", "-x", "--n"]) == ["run", "shop", "rake", "-x", "--n"]
