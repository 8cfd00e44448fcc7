"""An app that runs already is taken over, once it was seen on its stack."""

from __future__ import annotations

from tests.unit.promoter.story import A, Story, names, one

from ownstack_contracts.apps import AppCreated, AppImported, AppImportFailed, AppImportRequested, ReleaseCreated
from ownstack_contracts.jobs import Live, StackLookRequested
from ownstack_contracts.reports import StackLookFailed
from ownstack_contracts.stacks import StackRemoved


def asked(story: Story, *, config: bool = False) -> StackLookRequested:
    """An import of shop from eu-1 that waits for its look."""
    return one(StackLookRequested, story.say(AppImportRequested(app="shop", stack="eu-1", config=config)))


def new() -> Story:
    """A team with one stack."""
    story = Story()
    story.stacks("eu-1")
    return story


def test_an_app_is_taken_over_with_its_image_and_the_names_of_its_config() -> None:
    story = new()
    look = asked(story, config=True)
    assert look.config
    facts = story.answer_look(look, Live(image=A), config_keys=("DATABASE_URL",))
    assert names(facts) == ["AppImported", "StackObserved", "ReleaseCreated"]
    imported, release = one(AppImported, facts), one(ReleaseCreated, facts)
    assert imported.config_keys == ("DATABASE_URL",)
    assert imported.app_id == look.app_id == release.app_id
    assert (release.release, release.origin, release.image) == (1, "found", A)
    assert story.team.current_release(story.team.apps["shop"]) == 1


def test_until_it_was_seen_there_is_no_such_app_and_its_name_is_taken() -> None:
    story = new()
    asked(story)
    assert "shop" not in story.team.apps
    assert story.refused(AppCreated(app="shop")) == "app-importing"
    assert story.refused(AppImportRequested(app="shop", stack="eu-1")) == "app-importing"
    assert story.refused(StackRemoved(stack="eu-1", forget=True)) == "stack-in-use"


def test_what_is_not_there_is_not_taken_over() -> None:
    story = new()
    facts = story.answer_look(asked(story), None)
    assert one(AppImportFailed, facts).code == "app-not-on-stack"
    assert story.team.apps == {}
    assert "AppCreated" in names(story.say(AppCreated(app="shop")))


def test_what_is_another_teams_is_left_to_them() -> None:
    story = new()
    facts = story.answer_look(asked(story), Live(image=A, team="other"))
    assert one(AppImportFailed, facts).code == "foreign-app"
    assert story.team.apps == {}


def test_an_image_without_a_digest_is_taken_over_and_is_no_release() -> None:
    story = new()
    facts = story.answer_look(asked(story), Live(reference="dokku/shop:latest"))
    assert names(facts) == ["AppImported", "StackObserved"]
    held = story.team.apps["shop"].live["eu-1"]
    assert (held.image, held.reference) == (None, "dokku/shop:latest")


def test_a_stack_that_cannot_be_looked_at_ends_it() -> None:
    story = new()
    look = asked(story)
    about = {"job": look.job, "run": story.claim(look), "app": "shop", "stack": "eu-1"}
    facts = story.say(StackLookFailed(**about, code="unreachable", message="It is off."))
    end = one(AppImportFailed, facts)
    assert (end.code, end.message) == ("unreachable", "It is off.")
    assert story.team.imports == {}


def test_nobody_who_looks_ends_it_too() -> None:
    story = new()
    asked(story)
    assert one(AppImportFailed, story.wait(900)).code == "waiting-deadline"
    assert story.team.jobs == {}


def test_an_app_that_is_known_is_not_taken_over_again() -> None:
    story = new()
    story.app("shop", "eu-1")
    assert story.refused(AppImportRequested(app="shop", stack="eu-1")) == "app-exists"
    assert story.refused(AppImportRequested(app="blog", stack="us-1")) == "stack-unknown"
