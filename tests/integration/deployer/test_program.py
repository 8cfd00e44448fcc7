"""The program driver with real programs: how they are started, what they are told, and how they end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.integration.deployer.programs import DIGEST, IMAGE, Kept, Stage, job

from ownstack_contracts.jobs import Live, StackLookRequested
from ownstack_deployer.clock import now
from ownstack_deployer.drivers.port import Job, PhaseFailed


async def fails(stage: Stage, **changes: object) -> PhaseFailed:
    with pytest.raises(PhaseFailed) as failed:
        await stage.restart(**changes)
    return failed.value


async def test_exit_0_is_success_and_what_it_printed_is_the_log(stage: Stage) -> None:
    stage.folder.script('echo "phase $1"; echo oops >&2; echo done')
    assert await stage.restart() == ["phase restart", "oops", "done"]


async def test_each_operation_is_a_phase(stage: Stage) -> None:
    stage.folder.script('echo "$# $1 $OWNSTACK_PHASE"')
    async with stage.driver.hold(job(stage.folder.program)) as place:
        for operation in (place.release_task, place.restart, place.post_deploy, place.remove):
            await operation(stage.log)
    phases = ("release-task", "restart", "post-deploy", "remove")
    assert stage.log.lines == [f"1 {phase} {phase}" for phase in phases]


async def test_another_exit_code_is_a_failure_with_the_last_lines(stage: Stage) -> None:
    stage.folder.script("for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i; done; exit 3")
    failure = await fails(stage)
    assert failure.code == "exit-3"
    assert "exit code 3" in failure.message
    assert "line 10" in failure.message
    assert "line 2\n" not in failure.message


async def test_a_program_that_fails_without_a_word_is_told_in_one_line(stage: Stage) -> None:
    stage.folder.script("exit 1")
    failure = await fails(stage)
    assert failure.message == f"{stage.folder.program} restart ended with exit code 1 and said nothing."


async def test_a_program_that_kills_itself_is_told_by_its_signal(stage: Stage) -> None:
    stage.folder.script("kill -KILL $$")
    assert (await fails(stage)).code == "killed-by-sigkill"


async def test_a_signal_without_a_name_is_told_by_its_number(stage: Stage) -> None:
    stage.folder.script("kill -40 $$")
    assert (await fails(stage)).code == "killed-by-signal-40"


async def test_a_missing_program_is_told(stage: Stage) -> None:
    failure = await fails(stage)
    assert failure.code == "program-missing"
    assert str(stage.folder.program) in failure.message


async def test_a_program_whose_interpreter_is_missing_is_told(stage: Stage) -> None:
    stage.folder.script("true", interpreter="/no/such/interpreter")
    failure = await fails(stage)
    assert failure.code == "program-missing"
    assert "interpreter" in failure.message


async def test_a_program_that_may_not_be_run_is_told(stage: Stage) -> None:
    stage.folder.script("true").chmod(0o644)
    assert (await fails(stage)).code == "program-not-executable"


async def test_a_folder_is_no_program(stage: Stage) -> None:
    stage.folder.program.mkdir()
    assert (await fails(stage)).code == "program-not-executable"


async def test_a_file_that_is_no_program_is_told_and_no_shell_runs_it(stage: Stage) -> None:
    stage.folder.program.write_text(f"touch {stage.folder.path}/ran\n")
    stage.folder.program.chmod(0o755)
    assert (await fails(stage)).code == "program-not-executable"
    assert not (stage.folder.path / "ran").exists()


@pytest.mark.parametrize("address", ["", "driver", "./driver", "/bin/sh\0", "sh -c true"])
async def test_an_address_that_is_no_absolute_path_is_refused(stage: Stage, address: str) -> None:
    assert (await fails(stage, address=address)).code == "program-not-absolute"


async def test_a_path_is_one_program_whatever_is_in_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.folder.program = tmp_path / "my driver; touch $HOME 'x'"
    stage.folder.script("echo ran")
    assert await stage.restart() == ["ran"]


async def test_it_is_told_exactly_this(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in {"PATH": "/usr/bin:/bin", "HOME": "/home/x", "LANG": "C.UTF-8", "TZ": "UTC"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SECRET", "of the deployer")
    monkeypatch.setenv("OWNSTACK_BUS", "sqlite:///x")
    stage.folder.script("import os\nfor item in os.environ.items(): print('='.join(item))", sys.executable)
    printed = dict(line.split("=", 1) for line in await stage.restart(settings={"region": "eu", "tier_2": "a=b c"}))
    assert printed == {
        "PATH": "/usr/bin:/bin",
        "HOME": "/home/x",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "OWNSTACK_PHASE": "restart",
        "OWNSTACK_TEAM": "acme",
        "OWNSTACK_APP": "shop",
        "OWNSTACK_APP_ID": "shop.1",
        "OWNSTACK_STACK": "eu-1",
        "OWNSTACK_IMAGE": IMAGE,
        "OWNSTACK_IMAGE_DIGEST": DIGEST,
        "OWNSTACK_RELEASE": "7",
        "OWNSTACK_DEPLOYMENT": "r1.eu-1",
        "OWNSTACK_ATTEMPT": "2",
        "OWNSTACK_GENERATION": "4",
        "OWNSTACK_SETTING_REGION": "eu",
        "OWNSTACK_SETTING_TIER_2": "a=b c",
        "OWNSTACK_CONFIG": "",
    }


async def test_what_a_job_does_not_have_is_empty(stage: Stage) -> None:
    stage.folder.script('echo "[$OWNSTACK_IMAGE][$OWNSTACK_DEPLOYMENT][$OWNSTACK_ATTEMPT][$OWNSTACK_RELEASE]" >&2')
    fields = job(stage.folder.program).request.model_dump()
    known = {name: fields[name] for name in StackLookRequested.model_fields if name in fields and name != "config"}
    async with stage.driver.hold(Job("acme", StackLookRequested(**known), "run1", now() + 60)) as place:
        assert await place.look(stage.log, now() + 60) is None
    assert stage.log.lines == ["[][][][]"]


async def test_a_setting_that_no_environment_can_hold_is_told(stage: Stage) -> None:
    stage.folder.script("true")
    assert (await fails(stage, settings={"region": "e\0u"})).code == "program-not-started"


async def test_it_has_no_input_and_holds_only_the_lock_beside_its_output(stage: Stage) -> None:
    # given files of the deployer's own are open, and one that it got from whoever started it
    with (stage.folder.path / "mine").open("w"), (stage.folder.path / "passed on").open("w") as passed_on:
        os.set_inheritable(passed_on.fileno(), True)
        stage.folder.script(
            "import os, sys\n"
            "print(repr(sys.stdin.read()))\n"
            "print(sorted(int(f) for f in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{f}')))\n"
            "print(os.path.basename(os.readlink('/proc/self/fd/3')))",
            sys.executable,
        )
        printed = await stage.restart()
    assert printed[:2] == ["''", "[0, 1, 2, 3]"]
    assert printed[2].startswith("shop@eu-1-")


async def test_signals_that_python_ignores_are_not_ignored_in_it(stage: Stage) -> None:
    stage.folder.script("grep -E 'Sig(Ign|Blk)' /proc/self/status")
    of_the_c_library = 0b11 << 31  # 32 and 33, which no program can use
    assert [int(line.split()[1], 16) & ~of_the_c_library for line in await stage.restart()] == [0, 0]


async def test_it_leads_a_session_of_its_own(stage: Stage) -> None:
    stage.folder.script("import os; print(os.getsid(0) == os.getpid() == os.getpgrp())", sys.executable)
    assert await stage.restart() == ["True"]


async def test_what_it_prints_may_be_anything(stage: Stage) -> None:
    stage.folder.script("printf 'a\\377\\000b\\n\\303\\274\\n'; head -c 300000 /dev/urandom; echo; echo end")
    lines = await stage.restart()
    assert lines[:2] == ["a\ufffd\ufffdb", "ü"]
    assert lines[-1] == "end"
    assert all(len(line) <= 4_000 for line in lines)


async def test_what_some_readers_take_for_the_end_of_a_line_or_a_control_sequence_is_taken_out(stage: Stage) -> None:
    text = "a\u2028id: 9\u2029b\u0085c\u009b31md"
    stage.folder.script(f"printf '{text}\\n'; exit 1")
    failure = await fails(stage)
    (line,) = stage.log.lines
    assert line == "a\ufffdid: 9\ufffdb\ufffdc\ufffd31md"
    assert failure.message.endswith(f"\n{line}")


async def test_one_that_floods_ends_and_its_last_lines_are_known(stage: Stage) -> None:
    stage.folder.script("seq 1 400000; echo the end; exit 9")
    failure = await fails(stage)
    assert failure.code == "exit-9"
    assert failure.message.endswith("the end")
    assert len(stage.log.lines) == 400_001


async def test_past_its_deadline_it_is_stopped(stage: Stage) -> None:
    stage.folder.gate("never")
    stage.folder.script("read x < $HERE/never")
    assert (await fails(stage, seconds=0.1)).code == "running-deadline"


async def test_one_that_is_not_to_begin_any_more_is_stopped_at_once(stage: Stage) -> None:
    stage.folder.gate("never")
    stage.folder.script("read x < $HERE/never")
    assert (await fails(stage, seconds=-5)).code == "running-deadline"


async def test_what_it_leaves_running_holds_neither_the_lock_nor_the_deployer(stage: Stage) -> None:
    stage.folder.gate("server")
    stage.folder.script("(read x < $HERE/server; echo still here > $HERE/answer) & echo started")
    assert await stage.restart() == ["started"]  # though its output is still open
    stage.folder.script("true")
    await stage.restart()  # though its lock is still open
    await stage.folder.open("server")
    assert await stage.folder.written("answer") == "still here\n"


LIVE = (
    '{"image": "registry.example/shop@' + DIGEST + '", "generation": 3, "deployment": "r0.eu-1", "release": 6, '
    '"team": "acme", "app_id": "shop.1"}'
)


async def look(stage: Stage, printed: str) -> Live | None:
    (stage.folder.path / "printed").write_text(printed)
    stage.folder.script("echo looking >&2; cat $HERE/printed")
    async with stage.driver.hold(job(stage.folder.program)) as place:
        return await place.look(stage.log, now() + 60)


async def test_look_reads_what_is_live_and_logs_only_errors(stage: Stage) -> None:
    assert await look(stage, f"\n{LIVE}\n") == Live(
        image=f"registry.example/shop@{DIGEST}", generation=3, deployment="r0.eu-1", release=6, team="acme",
        app_id="shop.1",
    )  # fmt: skip
    assert stage.log.lines == ["looking"]


async def test_look_needs_only_to_know_the_image(stage: Stage) -> None:
    assert await look(stage, f'{{"image": "shop@{DIGEST}"}}') == Live(image=f"shop@{DIGEST}")


@pytest.mark.parametrize("printed", ["", "\n", "null", " null\n"])
async def test_look_may_say_that_nothing_is_there(stage: Stage, printed: str) -> None:
    assert await look(stage, printed) is None


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("shop is fine", "JSON"),
        ("[]", "object"),
        ('{"image": "shop:latest"}', "image"),
        (LIVE.replace("3", '"3"', 1), "generation"),
        (LIVE.replace("deployment", "deploiment"), "deploiment"),
        (LIVE + LIVE, "JSON"),
        ('"' + "x" * 70_000 + '"', "64 KiB"),
        ("\udcff".encode("utf-8", "surrogatepass").decode("latin-1"), "JSON"),
    ],
)
async def test_what_look_says_otherwise_is_told_to_be_unreadable(stage: Stage, printed: str, reason: str) -> None:
    with pytest.raises(PhaseFailed, match=reason) as failed:
        await look(stage, printed)
    assert failed.value.code == "look-unreadable"


async def test_what_look_printed_is_told_without_what_it_could_do_to_a_terminal(stage: Stage) -> None:
    with pytest.raises(PhaseFailed) as failed:
        await look(stage, "x\u009b2J\u2028y")
    assert failed.value.message.endswith("It began with: x\ufffd2J\ufffdy")


async def test_a_look_that_fails_is_no_empty_stack(stage: Stage) -> None:
    stage.folder.script("echo unreachable >&2; exit 255")
    with pytest.raises(PhaseFailed, match="unreachable") as failed:
        await stage.with_place(lambda place: place.look(Kept(), now() + 60))
    assert failed.value.code == "exit-255"


async def test_a_look_has_a_deadline_of_its_own(stage: Stage) -> None:
    stage.folder.gate("never")
    stage.folder.script("read x < $HERE/never")
    with pytest.raises(PhaseFailed) as failed:
        await stage.with_place(lambda place: place.look(Kept(), now() + 0.1))
    assert failed.value.code == "running-deadline"
