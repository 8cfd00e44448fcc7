"""What each field means: a field has one meaning wherever it stands, unless its message is named beside it."""

from __future__ import annotations

from ownstack_contracts.message import Message

ENVELOPE = {
    "specversion": "The version of CloudEvents.",
    "id": "Of a command: chosen by its publisher, unique in the team for 14 days; the same id twice is decided once. "
    "It becomes the id of the promotion or rollout that the command opens.",
    "source": "Who wrote the record: a URI reference, such as `/ci/github`.",
    "type": "The type of the message.",
    "dataschema": "`urn:ownstack:<type>:<version>`; absent: the present version.",
    "datacontenttype": "The type of `data`.",
    "time": "When it was written (RFC 3339); of a fact, the time that it was decided with. Decisions on commands and "
    "reports go by the broker's append time, never by this.",
    "team": "Whose it is; also the key of the record.",
    "actor": "Who asked for it.",
    "correlationid": "The id of the command that began the story which this belongs to.",
    "causationid": "The id of the record that this follows from.",
    "traceparent": "W3C trace context.",
    "sequence": "History: the place in the team's chain, counted from 1.",
    "previoushash": "History: the `hash` of the team's fact before; 64 zeros for the first.",
    "hash": "History: SHA-256 over the canonical form (RFC 8785) of the record without `hash`, in hexadecimal.",
    "input": "History: `topic/partition/offset` of the record that was decided on.",
    "step": "History: the place within that decision, counted from 0.",
    "steps": "History: how many facts that decision has.",
    "data": "The fields of the message.",
}

_FIELDS = {
    "acknowledge_migrations": "Release although release tasks have run since, which a roll back does not undo.",
    "address": "Where the stack is, as its driver reads it: of `program`, the absolute path of the program; of "
    "`dokku`, `user@host:port`.",
    "again_at": "When the stack will be looked at again: ms since the epoch.",
    "app": "The app.",
    "app_id": "The app in this one of its creations: `<app>.<sequence of AppCreated or AppImported>`.",
    "app_id/Live": "The creation of the app that left the release there.",
    "attempt": "Which attempt it is, counted from 1.",
    "before": "The stage to put it before; absent: production.",
    "behind": "The rollout that is under way on the app.",
    "code": "A stable code of the refusal or failure.",
    "command": "The id of the command.",
    "command/RunRequested": "The program and its arguments; no shell reads them.",
    "command/StackRunRequested": "The program and its arguments; no shell reads them.",
    "command_type": "The type of the command.",
    "config": "Whether the names of its config variables are asked for, too.",
    "config_fingerprint": "Stands for the config that the image is released with; `none` for no config.",
    "config_keys": "The names of the config variables of the app there; absent: not asked for, or the driver can't "
    "tell.",
    "data": "The fields of the command, without secrets.",
    "deadline": "Which deadline has passed: `waiting` for a first grant, or `running` from it on.",
    "deployer": "The name of the deployer, for people.",
    "deployment": "The release on this stack: `<rollout>.<stack>`.",
    "deployment/Live": "The deployment that left the release there.",
    "driver": "How the stack is driven.",
    "exit_code": "The exit code of the command.",
    "fingerprint": "The fingerprint of `host_key`, as OpenSSH shows it: `SHA256:…`.",
    "forget": "Leave the apps that are on the stack behind there, instead of refusing.",
    "generation": "Grows with every attempt and removal per app and stack; a driver refuses one lower than it finds.",
    "generation/Live": "The generation that was left there; 0: left by something other than us.",
    "hint": "What to do next.",
    "host_key": "The key that the stack showed: a line of OpenSSH, without a comment.",
    "image": "The image.",
    "image/Live": "The image, by digest; absent: what runs there has none in any registry.",
    "input": "`topic/partition/offset` of the input that was decided on.",
    "job": "The job: `<deployment>.<attempt>`, `<deployment>#postdeploy.<n>`, `<app_id>.<stack>#look|remove.<n>`, "
    "`<command>#run`, `<command>#check`.",
    "job/StackAppLeftBehind": "The removal that did not come about; absent: the stack was forgotten.",
    "kind": "What kind of job or rollout it is.",
    "lease": "For how many seconds the run may work unless it is heard of.",
    "lines": "What was printed, line by line.",
    "lines/StackRunEnded": "How many lines it printed that are kept.",
    "live": "What the stack holds of the app now; absent: nothing, or not known.",
    "looked_at": "The stacks of the source that are looked at.",
    "message": "A sentence for people.",
    "number": "The number of the first line, counted per run from 0.",
    "origin": "Where the release comes from; `found`: it was live when its stack was looked at.",
    "outcome": "How the deployment on the stack ended.",
    "phase": "The phase it is about.",
    "postdeploy": "How its post-deploy scripts ended, the worst of them; absent: none ran.",
    "postdeploy/AppSettingsChanged": "How often the post-deploy script runs.",
    "postdeploy/StackRetryRequested": "Retry the post-deploy scripts that failed or whose outcome is unknown.",
    "postdeploy_done": "Whether the stack has run the post-deploy script itself, as Dokku does at the first "
    "deployment of an app.",
    "production": "The production app, which gives the pipeline its name.",
    "promotion": "The promotion: the id of its `PromotionRequested`.",
    "public_key": "The public key of the deployer: a line of OpenSSH. The stack has to let it in.",
    "ran": "Whether there was a release task; the image may have none.",
    "reason": "Why.",
    "redeploy": "Release also where the digest and config are live already.",
    "reference": "What the stack calls an image that has no digest.",
    "release": "The number of the release, counted per app from 1.",
    "release/Live": "The number of the release that was left there.",
    "release/PromotionRequested": "The release to promote; absent: the newest that is live on all stacks of the app.",
    "release/RollbackRequested": "The release to go back to; absent: the one that was live before the current one.",
    "release_task": "Whether this stack runs the release task.",
    "release_task/AppSettingsChanged": "Whether each stack runs the release task, or only the first while others wait.",
    "release_task_began/JobGranted": "Whether an earlier run has said that the release task begins.",
    "release_task_began": "Whether the release task of this run has begun, or may have.",
    "release_task_done": "Whether an earlier run reported that the release task succeeded.",
    "release_tasks": "The release tasks that have run since the release that is rolled back to.",
    "requester": "Who asked for it.",
    "results": "What became of each stack, in the order of the app.",
    "rolled_back_to": "Of a roll back: the release whose image it is.",
    "rollout": "The rollout: the id of the command that opened it.",
    "run": "One run of a deployer at a job: a new random id each time.",
    "running_deadline": "Within how many seconds of the first grant it has to end.",
    "running_until": "Past it nothing starts: ms since the epoch.",
    "runs": "The runs that go on.",
    "settings": "What the driver wants to know beside the address; never a secret.",
    "settings/StackChanged": "The settings to change; one that is given empty is gone.",
    "source": "The app that is promoted from.",
    "source_app": "The app that was promoted from.",
    "source_release": "The release that was promoted.",
    "source_release/PromotionBegun": "The release that is known to be live on the source; absent: none is known yet.",
    "stack": "The stack.",
    "stack/LookRequested": "The stack to look at; absent: all of the app.",
    "stacks": "The stacks, in order.",
    "stacks/DeployRequested": "The stacks to release on; absent: all of the app.",
    "stacks/PromotionRequested": "The stacks to release on; absent: all of the next stage.",
    "stacks/RollbackRequested": "The stacks to release on; absent: all of the app.",
    "stage": "The app to take out.",
    "staging": "The app to put in.",
    "succeeded": "Whether it is known to have ended well.",
    "superseded_by": "The newer rollout that took its place.",
    "target": "The app that is promoted to.",
    "target_app_id": "The creation of the target app.",
    "team": "The team that left the release there.",
    "uncertain": "Whether an earlier run may have done something: wait for the stack-side lock and look first.",
    "waiting_deadline": "Within how many seconds of being asked a deployer has to begin.",
    "waiting_until": "When it has to have begun: ms since the epoch.",
    "unchanged": "Whether the stack served it already, so that nothing was done.",
    "unless_live": "Deploy only if the stack does not hold the digest, as it is known to.",
    "written": "How many of its facts were written.",
}


def meaning_of(kind: type[Message], field: str) -> str:
    """What a field of a message means. Raises KeyError if nobody has said it."""
    return _FIELDS.get(f"{field}/{kind.type_name()}") or _FIELDS[field]


def unused(kinds: set[type[Message]]) -> set[str]:
    """The entries here that no field of these messages uses."""
    used = set()
    for kind in kinds:
        for field in kind.model_fields:
            special = f"{field}/{kind.type_name()}"
            used.add(special if special in _FIELDS else field)
    return set(_FIELDS) - used
