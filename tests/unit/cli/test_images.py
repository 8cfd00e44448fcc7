"""Tags: a deployment shows how one becomes a digest; a promotion says which tag its image got, or why none."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake import Fake, admitted, fact, ok, page, stream
from tests.unit.cli.test_commands import APP, deployed, rollout

REFERENCE = "ghcr.io/org/app:v2"
PINNED = f"{REFERENCE}@sha256:{'a' * 64}"
DEPLOY = ("deploy", "shop", "--image", REFERENCE)
MISSING = "ghcr.io has no org/app:v2 yet."


def resolving(**more: Any) -> dict[str, Any]:
    about = {
        "kind": "deploy",
        "source": None,
        "source_release": None,
        "reference": REFERENCE,
        "waiting_for_image": None,
    }
    return {**rollout("running", states={"eu-1": "pending"}), **about, **more}


BEGUN = resolving(status="resolving", image=None, digest=None, release=None, started_at=None)
ENDED = resolving(status="succeeded", image=PINNED, ended_at=3_500)
ASKED = fact(11, "ImageResolveRequested", job="c1#image", rollout="c1", app="shop", reference=REFERENCE)
AWAITED = fact(12, "ImageAwaited", job="c1#image", app="shop", message=MISSING, until=9)
RESOLVED = fact(13, "ImageResolved", job="c1#image", app="shop", image=PINNED)
STARTED = fact(14, "RolloutStarted", rollout="c1", app="shop", release=3, image=PINNED, stacks=["eu-1"])


def deploying(fake: Fake, begun: dict[str, Any], *facts: dict[str, Any], ended: dict[str, Any] = ENDED) -> None:
    fake.on("POST", "/apps/shop/deployments", admitted("DeployRequested", 10, "c1"))
    fake.on("GET", "/rollouts/c1", ok(begun), ok(ended))
    fake.on("GET", "/events", stream(*facts))


def test_a_tag_is_shown_to_be_resolved_waited_for_and_pinned(fake: Fake, ownstack: Run) -> None:
    end = fact(30, "DeploySucceeded", rollout="c1")
    other = fact(12, "ImageResolved", job="c2#image", app="blog", image="blog@sha256:" + "b" * 64)
    deploying(fake, BEGUN, ASKED, other, AWAITED, RESOLVED, STARTED, *deployed("eu-1", 15), end)
    ended = ownstack(*DEPLOY)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[:6] == [
        f"shop, {REFERENCE}",
        f"  resolving the digest of {REFERENCE} …",
        f"  waiting for the image: {MISSING}",
        f"  the image is {PINNED}",
        "shop v3 aaaaaaa",
        "  · eu-1  waiting for a deployer",
    ]


def test_whoever_comes_while_it_is_waited_for_sees_that(fake: Fake, ownstack: Run) -> None:
    deploying(
        fake, {**BEGUN, "waiting_for_image": MISSING}, RESOLVED, STARTED, fact(30, "DeploySucceeded", rollout="c1")
    )
    assert ownstack(*DEPLOY).out.splitlines()[1] == f"  waiting for the image: {MISSING}"


def test_an_image_that_was_found_at_once_is_said_too(fake: Fake, ownstack: Run) -> None:
    deploying(fake, ENDED)
    assert ownstack(*DEPLOY).out.splitlines()[:2] == ["shop v3 aaaaaaa", f"  the image is {PINNED}"]


def test_what_the_rollout_had_it_from_the_first_is_said_once_and_in_order(fake: Fake, ownstack: Run) -> None:
    running = resolving(image=PINNED)
    end = fact(30, "DeploySucceeded", rollout="c1")
    deploying(fake, running, ASKED, AWAITED, RESOLVED, STARTED, *deployed("eu-1", 15), end)
    assert ownstack(*DEPLOY).out.splitlines()[:3] == [
        "shop v3 aaaaaaa",
        f"  the image is {PINNED}",
        "  · eu-1  waiting for a deployer",
    ]


def test_one_that_never_came_fails_with_the_reason(fake: Fake, ownstack: Run) -> None:
    why = "ghcr.io has no org/app:v2. Push it, and deploy it again."
    failed = {**BEGUN, "status": "failed", "message": why, "code": "image-missing", "stacks": [], "ended_at": 2}
    not_resolved = fact(12, "ImageNotResolved", job="c1#image", app="shop", code="image-missing", message=why)
    end = fact(13, "DeployFailed", rollout="c1", code="image-missing", message=why)
    deploying(fake, BEGUN, ASKED, not_resolved, end, ended=failed)
    ended = ownstack(*DEPLOY)
    assert (ended.code, ended.out.splitlines()[-1]) == (1, f"failed: {why}")


def promoting(fake: Fake, retag: dict[str, Any] | None, *facts: dict[str, Any]) -> None:
    fake.on("POST", "/apps/shop-staging/promotions", admitted("PromotionRequested", 10, "c1"))
    fake.on("GET", "/rollouts/c1", ok(rollout()), ok({**rollout("succeeded"), "retag": retag}))
    fake.on("GET", "/promotions/c1", ok({**rollout("succeeded"), "retag": retag}))
    fake.on("GET", "/events", stream(*facts, fact(30, "PromotionSucceeded", promotion="c1")))


TAGGED = {"tag": "shop-v3", "image": f"ghcr.io/org/app:shop-v3@sha256:{'a' * 64}", "code": None, "message": None}
SKIPPED = {"tag": "shop-v3", "image": None, "code": "no-credentials", "message": "ops has none for ghcr.io."}
ASKED_FOR = {"tag": "shop-v3", "image": None, "code": None, "message": None}


@pytest.mark.parametrize(
    ("retag", "said"),
    [
        (TAGGED, "tagged ghcr.io/org/app:shop-v3"),
        (SKIPPED, "not tagged shop-v3: ops has none for ghcr.io."),
        (ASKED_FOR, None),
        (None, None),
    ],
)
def test_a_promotion_says_in_a_line_what_became_of_the_tag(
    fake: Fake, ownstack: Run, retag: dict[str, Any] | None, said: str | None
) -> None:
    promoting(fake, retag)
    shown = ownstack("app", "pipeline", "promote", "shop-staging").out
    assert [line for line in shown.splitlines() if "tagged" in line] == ([said] if said else [])
    info = ownstack("promotion", "info", "c1").out
    assert re.search(rf"^tag +{re.escape(said or '—')}", info, re.MULTILINE)


def test_while_it_is_tagged_that_is_shown(fake: Fake, ownstack: Run) -> None:
    asked = fact(11, "ImageRetagRequested", job="c1#image", rollout="c1", app="shop", tag="shop-v3")
    promoting(fake, TAGGED, asked, fact(12, "ImageRetagged", job="c1#image", app="shop", image=TAGGED["image"]))
    assert "  tagging the image shop-v3 …" in ownstack("app", "pipeline", "promote", "shop-staging").out.splitlines()


@pytest.mark.parametrize(
    ("options", "body", "said"),
    [
        (("--no-retag",), {"retag": False}, "shop: retag is off."),
        (
            ("--retag", "--retag-to", "ghcr.io/org/x"),
            {"retag": True, "retag_to": "ghcr.io/org/x"},
            "shop: retag is on, retag_to is ghcr.io/org/x.",
        ),
        (("--retag-to", ""), {"retag_to": ""}, "shop: retag_to is empty."),
    ],
)
def test_whether_and_where_images_are_tagged_is_a_setting(
    fake: Fake, ownstack: Run, options: tuple[str, ...], body: dict[str, Any], said: str
) -> None:
    fake.on("PATCH", "/apps/shop/settings", admitted("AppSettingsChanged"))
    ended = ownstack("app", "settings", "shop", *options)
    assert (ended.code, fake.asked[0].body, ended.out) == (0, body, f"{said}\n")


@pytest.mark.parametrize("repository", ["ghcr.io/org/x:v1", "ghcr.io/Org", "x@sha256:" + "a" * 64])
def test_a_repository_that_is_none_is_not_sent(fake: Fake, ownstack: Run, repository: str) -> None:
    ended = ownstack("app", "settings", "shop", "--retag-to", repository)
    assert (ended.code, fake.asked, "is no repository of images" in ended.err) == (2, [], True)


@pytest.mark.parametrize(
    ("retag", "to", "shown"),
    [
        (True, None, "shop-vN, in the repository of the image"),
        (True, "ghcr.io/org/x", "shop-vN, in ghcr.io/org/x"),
        (False, "ghcr.io/org/x", "tag if promoted  none"),
    ],
)
def test_an_app_shows_it(fake: Fake, ownstack: Run, retag: bool, to: str | None, shown: str) -> None:
    settings = {**APP["settings"], "retag": retag, "retag_to": to}  # type: ignore[dict-item]
    fake.on("GET", "/apps/shop", ok({**APP, "settings": settings}))
    assert shown in ownstack("app", "info", "shop").out


AT_WORK = {"rollout": "c9", "reference": REFERENCE, "since": 1_000, "waiting_for_image": None}
FAILED = {"rollout": "c9", "code": "image-missing", "message": "ghcr.io has no org/app:v2.", "at": 1_000}


@pytest.mark.parametrize(
    ("news", "field", "shown"),
    [
        ({"resolving": {**AT_WORK, "waiting_for_image": MISSING}}, "image", f"awaited since .*: {re.escape(MISSING)}"),
        ({"resolving": AT_WORK}, "image", f"being looked for: {re.escape(REFERENCE)}"),
        ({"resolving": AT_WORK}, "under way", "c9"),
        ({"last_failure": FAILED}, "latest deployment", r"failed: ghcr\.io has no org/app:v2\."),
        ({"last_failure": {**FAILED, "message": None}}, "latest deployment", "failed: image-missing"),
    ],
)
def test_an_app_shows_a_deployment_that_has_not_begun(
    fake: Fake, ownstack: Run, news: dict[str, Any], field: str, shown: str
) -> None:
    view = {**APP, "review": {"production": "shop", "number": 9, "sha": "a" * 40, "expires_at": None, "closing": False}}
    fake.on("GET", "/apps/shop", ok({**view, **news}))
    fake.on("GET", "/apps", page({**view, **news}))
    switched = {"stack": "r", "image": "x:{number}", "expires": None, "forks": False, "secrets": False}
    fake.on(
        "GET", "/pipelines/shop", ok({"production": "shop", "created_at": 1, "stages": [], "review_apps": switched})
    )
    assert re.search(rf"^{field} +{shown} *$", ownstack("app", "info", "shop").out, re.MULTILINE)
    if field != "under way":
        for listing in (("app", "list"), ("app", "pipeline", "info", "shop")):
            assert re.search(rf"{field} {shown} *$", ownstack(*listing).out, re.MULTILINE), listing


def test_a_stage_shows_it_too(fake: Fake, ownstack: Run) -> None:
    stage = {"app": "shop", "summary": "shop — deployed v3", "stacks": [], "promotion": None}
    fake.on("GET", "/pipelines/shop", ok({"production": "shop", "created_at": 1, "stages": [stage]}))
    fake.on("GET", "/apps", page({**APP, "last_failure": FAILED}))
    assert "latest deployment failed: ghcr.io has no org/app:v2." in ownstack("app", "pipeline", "info", "shop").out


def test_an_app_of_which_nothing_new_is_known_says_nothing_of_it(fake: Fake, ownstack: Run) -> None:
    fake.on("GET", "/apps/shop", ok({**APP, "resolving": None, "last_failure": None}))
    shown = ownstack("app", "info", "shop").out
    assert not re.search("^(image|latest deployment)", shown, re.MULTILINE)
