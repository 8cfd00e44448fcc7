"""`ownstack app pipeline review-apps`: switched on and off, and what is to be entered at GitHub."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake import Answer, Fake, accepted, admitted, ok, page, problem
from tests.unit.cli.test_clones import CLONED, REVIEWED
from tests.unit.cli.test_commands import APP, STAGE

IMAGE = "ghcr.io/org/app:pr-{number}-{sha}"
ON = ("app", "pipeline", "review-apps", "shop", "--stack", "review-stack", "--image", IMAGE)
URL = "https://ownstack.example.org/webhooks/github?team=acme"
SECRET = "wh-s3cret"
MINE = "mine" * 8


def is_on(fake: Fake, **chosen: Any) -> dict[str, Any]:
    """How shop's review apps are made already."""
    present = {"stack": "review-stack", "image": IMAGE, "expires": None, "forks": False, "secrets": False, **chosen}
    fake.on("GET", "/pipelines/shop", ok({"production": "shop", "stages": [STAGE], "review_apps": present}))
    return present


def is_off(fake: Fake) -> None:
    fake.on("GET", "/pipelines/shop", ok({"production": "shop", "stages": [STAGE], "review_apps": None}))


def sent(fake: Fake) -> list[Any]:
    """How they were said to be made."""
    return [asked.body for asked in fake.asked if asked.method == "PUT"]


def switched(fake: Fake, *, exists: bool = False, url: str = URL, secret: str = SECRET) -> None:
    is_off(fake)
    changed(fake, exists=exists, url=url, secret=secret)


def changed(fake: Fake, *, exists: bool = True, url: str = URL, secret: str = SECRET) -> None:
    """What is sent is admitted, and the webhook is there or is made."""
    fake.on("PUT", "/pipelines/shop/review-apps", admitted("ReviewAppsEnabled"))
    fake.on("GET", "/pipelines/shop/webhook", ok({"url": url, "exists": exists}))
    fake.on("POST", "/pipelines/shop/webhook", Answer(201, {"url": url, "secret": secret}))


def made(fake: Fake) -> list[Any]:
    """With what a secret was asked for."""
    return [asked.body for asked in fake.asked if asked.method == "POST"]


def entered(out: str) -> dict[str, str]:
    """What is to be entered at GitHub."""
    pairs = (line.strip().split("  ", 1) for line in out.splitlines() if line.startswith("  "))
    return {name: value.strip() for name, value in pairs}


def test_switched_on_it_says_what_to_enter_at_github_and_the_secret_once(fake: Fake, ownstack: Run) -> None:
    switched(fake)
    ended = ownstack(*ON)
    assert ended.code == 0
    chosen = {"stack": "review-stack", "image": IMAGE, "expires": None, "forks": False, "secrets": False}
    assert sent(fake) == [chosen]
    assert ended.out.startswith("Pull requests get review apps of shop on review-stack: shop-pr-NUMBER.\n")
    assert entered(ended.out) == {
        "Payload URL": URL,
        "Content type": "application/json",
        "Secret": SECRET,
        "Events": "Let me select individual events: Pull requests",
    }
    assert (made(fake), "shown once" in ended.err) == ([{}], True)


def test_one_that_has_a_secret_keeps_it(fake: Fake, ownstack: Run) -> None:
    switched(fake, exists=True)
    plain, json = ownstack(*ON), ownstack(*ON, "--json")
    assert (plain.code, made(fake), SECRET in plain.out) == (0, [], False)
    assert "--new-secret" in entered(plain.out)["Secret"]
    assert json.json["webhook"] == {"url": URL, "secret": None}
    assert json.json["command"]["type"] == "ReviewAppsEnabled"


def test_unless_another_one_is_wanted(fake: Fake, ownstack: Run) -> None:
    switched(fake, exists=True)
    ended = ownstack(*ON, "--new-secret", "--json")
    assert (ended.json["webhook"]["secret"], made(fake)) == (SECRET, [{}])


def test_a_secret_of_ones_own_is_read_from_a_file_and_not_shown(fake: Fake, ownstack: Run, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{MINE}\n")
    switched(fake, exists=True, secret=MINE)
    plain, json = (ownstack(*ON, "--secret-file", str(tmp_path / "secret"), *more) for more in ((), ("--json",)))
    assert (plain.code, made(fake)) == (0, [{"secret": MINE}, {"secret": MINE}])
    assert entered(plain.out)["Secret"] == "the one that you gave"
    assert json.json["webhook"] == {"url": URL, "secret": None}


@pytest.mark.parametrize("secret", ["", "short", "x" * 257, "pass\x07word" * 4, "gänsefüßchen" * 4])
def test_one_that_is_too_weak_or_can_not_be_typed_in_at_github_is_not_sent_nor_shown(
    fake: Fake, ownstack: Run, tmp_path: Path, secret: str
) -> None:
    (tmp_path / "s").write_text(secret)
    ended = ownstack(*ON, "--secret-file", str(tmp_path / "s"))
    assert (ended.code, fake.asked, bool(secret) and secret in ended.err) == (2, [], False)


def test_or_from_standard_input(fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{MINE}\r\n", newline=""))
    switched(fake)
    assert (ownstack(*ON, "--secret-file", "-").code, made(fake)) == (0, [{"secret": MINE}])


@pytest.mark.parametrize(
    ("options", "body"),
    [
        (("--expires", "5d"), {"expires": 432_000}),
        (("--expires", "36h"), {"expires": 129_600}),
        (("--expires=90m",), {"expires": 5_400}),
        (("--allow-forks",), {"forks": True}),
        (("--with-secrets",), {"secrets": True}),
    ],
)
def test_what_is_chosen_is_sent(fake: Fake, ownstack: Run, options: tuple[str, ...], body: dict[str, Any]) -> None:
    is_off(fake)
    fake.on("PUT", "/pipelines/shop/review-apps", accepted("ReviewAppsEnabled"))
    ended = ownstack(*ON, *options, "--no-wait")
    assert (ended.out, len(fake.asked)) == ("Sent: ReviewAppsEnabled c1\n", 2)
    assert {name: sent(fake)[0][name] for name in body} == body


CHOSEN = {"expires": 432_000, "forks": True, "secrets": False}
"""What was chosen once, beside stack and image."""


class TestOnceTheyAreOn:
    """What is not given stays as it is."""

    def switched(self, fake: Fake, **chosen: Any) -> dict[str, Any]:
        present = is_on(fake, **chosen)
        changed(fake)
        return present

    def test_a_new_secret_is_made_and_nothing_else_is_changed(self, fake: Fake, ownstack: Run) -> None:
        self.switched(fake, **CHOSEN)
        plain, json = (ownstack(*ON[:4], "--new-secret", *more) for more in ((), ("--json",)))
        assert (plain.code, json.code, sent(fake), made(fake)) == (0, 0, [], [{}, {}])
        assert plain.out.startswith("Pull requests get review apps of shop on review-stack: shop-pr-NUMBER.\n")
        assert (entered(plain.out)["Secret"], json.json["command"]) == (SECRET, None)

    @pytest.mark.parametrize(
        ("options", "change"),
        [
            (ON[4:], {}),
            (("--stack", "other"), {"stack": "other"}),
            (("--image", "shop:pr-{number}"), {"image": "shop:pr-{number}"}),
            (("--expires", "36h"), {"expires": 129_600}),
            (("--expires", "never"), {"expires": None}),
            (("--no-allow-forks",), {"forks": False}),
            (("--no-allow-forks", "--with-secrets"), {"forks": False, "secrets": True}),
        ],
    )
    def test_what_is_given_is_changed_and_the_rest_stays(
        self, fake: Fake, ownstack: Run, options: tuple[str, ...], change: dict[str, Any]
    ) -> None:
        present = self.switched(fake, **CHOSEN)
        ended = ownstack(*ON[:4], *options)
        assert (ended.code, sent(fake), made(fake)) == (0, [{**present, **change}], [])

    def test_the_secrets_of_production_are_kept_away_again(self, fake: Fake, ownstack: Run) -> None:
        present = self.switched(fake, secrets=True)
        ended = ownstack(*ON[:4], "--no-with-secrets")
        assert (ended.code, sent(fake)) == (0, [{**present, "secrets": False}])

    def test_what_is_refused_of_what_stays_names_how_it_is_given_up(self, fake: Fake, ownstack: Run) -> None:
        is_on(fake, secrets=True)
        refused = problem(409, "secrets-for-forks", "Anybody may.", "leave out one of both")
        fake.on("PUT", "/pipelines/shop/review-apps", refused)
        ended = ownstack(*ON[:4], "--allow-forks")
        assert (ended.code, "hint: --no-with-secrets or --no-allow-forks." in ended.err) == (3, True)


@pytest.mark.parametrize("options", [("--new-secret",), ("--expires", "5d"), ("--stack", "review-stack")])
def test_while_they_are_off_stack_and_image_are_needed(fake: Fake, ownstack: Run, options: tuple[str, ...]) -> None:
    is_off(fake)
    ended = ownstack(*ON[:4], *options)
    assert (ended.code, [asked.method for asked in fake.asked]) == (2, ["GET"])
    assert ended.err.startswith("error: shop has none yet: give --stack and --image.\n")


def test_an_address_that_github_can_not_reach_is_said_to_be_one(fake: Fake, ownstack: Run) -> None:
    switched(fake, url="http://127.0.0.1:8700/webhooks/github")
    assert "GitHub can't reach this address" in ownstack(*ON).err


def test_switched_off_nothing_is_made(fake: Fake, ownstack: Run) -> None:
    fake.on("DELETE", "/pipelines/shop/review-apps", admitted("ReviewAppsDisabled"))
    ended = ownstack("app", "pipeline", "review-apps", "shop", "--off")
    assert (ended.code, len(fake.asked)) == (0, 1)
    assert ended.out.startswith("Pull requests get no review apps of shop any more")


def test_what_is_refused_makes_no_secret(fake: Fake, ownstack: Run) -> None:
    is_off(fake)
    fake.on("PUT", "/pipelines/shop/review-apps", problem(409, "secrets-for-forks", "Anybody may.", "Leave out one."))
    assert (ownstack(*ON, "--allow-forks", "--with-secrets").code, len(sent(fake)), made(fake)) == (3, 1, [])


@pytest.mark.parametrize(
    "arguments",
    [
        (*ON[:4],),
        (*ON, "--off"),
        (*ON[:4], "--off", "--no-allow-forks"),
        (*ON[:4], "--off", "--new-secret"),
        (*ON, "--expires", "5"),
        (*ON, "--expires", "0d"),
        (*ON, "--expires", "367d"),
        (*ON[:6], "--image", "App:pr-{number}"),
        (*ON, "--expires", "5w"),
        (*ON, "--expires", "Never"),
        (*ON, "--expires", "-5d"),
        (*ON, "--expires", "٥d"),
        (*ON, "--secret-file", "x", "--new-secret"),
        (*ON, "--secret-file", "/nowhere/secret"),
        (*ON, "--secret-file", "-"),
    ],
)
def test_what_makes_no_sense_is_not_sent(
    fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert (ownstack(*arguments).code, fake.asked) == (2, [])


def test_a_time_that_is_none_names_the_shortest(fake: Fake, ownstack: Run) -> None:
    assert ownstack(*ON, "--expires", "0d").err.startswith("error: 0d is too short: at least 1m.\n")


def test_a_placeholder_that_is_none_is_named_and_those_that_there_are(fake: Fake, ownstack: Run) -> None:
    ended = ownstack(*ON[:6], "--image", "ghcr.io/org/app:pr-{numero}-{sha}")
    assert (ended.code, fake.asked) == (2, [])
    assert ended.err.splitlines() == [
        "error: {numero} in --image is no placeholder.",
        "hint: Those that are filled in: {number}, {sha} and {short_sha}.",
    ]


def no_pipeline(fake: Fake, app: Answer) -> None:
    fake.on("GET", "/pipelines/shop", problem(404, "pipeline-unknown", "There is no pipeline 'shop'."))
    refused = problem(409, "pipeline-unknown", "shop has no pipeline.", "ownstack app pipeline create shop")
    fake.on("DELETE", "/pipelines/shop/review-apps", refused)
    fake.on("GET", "/apps/shop", app)


@pytest.mark.parametrize("arguments", [ON, (*ON[:4], "--off")])
def test_of_a_stage_the_pipeline_is_named_that_it_is_in(fake: Fake, ownstack: Run, arguments: tuple[str, ...]) -> None:
    no_pipeline(fake, ok({**APP, "pipeline": "webshop"}))
    ended = ownstack(*arguments)
    assert (ended.code, ended.err.splitlines()) == (
        3,
        [
            "error: shop is a stage of webshop: review apps are made of the production app.",
            "hint: ownstack app pipeline review-apps webshop …",
        ],
    )


def test_an_app_that_is_not_there_is_said_to_be_none(fake: Fake, ownstack: Run) -> None:
    no_pipeline(fake, problem(404, "app-unknown", "There is no app 'shop'."))
    assert ownstack(*ON).err == "error: There is no app 'shop'.\n"


def test_one_without_a_pipeline_is_told_how_to_have_one(fake: Fake, ownstack: Run) -> None:
    no_pipeline(fake, ok({**APP, "pipeline": None}))
    told = ["error: shop has no pipeline.", "hint: ownstack app pipeline create shop"]
    assert ownstack(*ON).err.splitlines() == told


def test_a_pipeline_shows_how_pull_requests_get_their_apps_and_which_there_are(fake: Fake, ownstack: Run) -> None:
    chosen = {"stack": "review-stack", "image": IMAGE, "expires": 432_000, "forks": True, "secrets": False}
    view = {"production": "shop", "created_at": 1, "stages": [STAGE], "review_apps": chosen}
    fake.on("GET", "/pipelines/shop", ok(view))
    fake.on("GET", "/apps", page(APP, REVIEWED, CLONED))
    plain, json = ownstack("app", "pipeline", "info", "shop"), ownstack("app", "pipeline", "info", "shop", "--json")
    assert f"on review-stack, {IMAGE}, gone 5d after the last push, forks, too" in plain.out
    assert [line.split()[0] for line in plain.out.splitlines()[-2:]] == ["REVIEW", "shop-pr-7"]
    assert json.json == view
