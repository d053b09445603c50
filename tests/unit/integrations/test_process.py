"""A command runs to its end and leaves nothing behind, however it or Tidegate ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tidegate.errors import ExecutableNotFoundError
from tidegate.integrations import process, supervise
from tidegate.integrations.process import Ended

SOURCE = Path(process.__file__).parents[2]


def run(
    *command: str,
    cwd: Path,
    timeout_s: float = 30,
    on_line: Callable[[str], None] = lambda _: None,
    on_start: Callable[[int], None] = lambda _: None,
    env: Mapping[str, str] | None = None,
) -> Ended:
    return process.run(command, cwd=cwd, env=env or os.environ, timeout_s=timeout_s, on_start=on_start, on_line=on_line)


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", textwrap.dedent(code))


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie; it may vanish at any moment while it is looked at."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()
    return state.rsplit(")", 1)[1].split()[0] != "Z"


PATIENCE_S = 60.0
"""How long anything may take that is waited for, on a busy machine; nothing is asserted of the time itself."""

ENDLESS_S = 600
"""How long a command would go on that nobody stops: far longer than `PATIENCE_S`."""


def gone(pid: int, within_s: float = PATIENCE_S) -> bool:
    deadline = time.monotonic() + within_s
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def read_pid(file: Path, within_s: float = PATIENCE_S) -> int:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if file.exists() and file.read_text().strip():
            return int(file.read_text())
        time.sleep(0.02)
    raise AssertionError(f"{file} was never written")


def timed_out(script: str, begun: Path) -> Ended:
    """Run a script whose time is over after it wrote `begun`: it gets more of it where a busy machine needs more."""
    for timeout_s in (0.4, 2.0, 10.0, PATIENCE_S):
        ended = run("sh", "-c", script, cwd=begun.parent, timeout_s=timeout_s)
        if begun.exists() and begun.read_text().strip():
            return ended
    raise AssertionError(f"{begun} was never written")


def with_graces(patch: pytest.MonkeyPatch, folder: Path, **graces: float) -> None:
    """Let the supervisor be as patient as a test says."""
    text = Path(supervise.__file__).read_text(encoding="utf-8")
    for name, seconds in graces.items():
        text, found = re.subn(rf"^{name} = .+$", f"{name} = {seconds}", text, flags=re.MULTILINE)
        assert found == 1, name
    (folder / "supervise.py").write_text(text, encoding="utf-8")
    patch.setattr(supervise, "__file__", str(folder / "supervise.py"))


def once_begun(file: Path, stop: Callable[[], None]) -> threading.Thread:
    """Do something as soon as a process wrote its number into a file."""
    thread = threading.Thread(target=lambda: (read_pid(file), stop()))
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -9), ("kill -TERM $$", -15)], ids=str
)
def test_the_exit_code_is_the_commands_own(script: str, code: int, tmp_path: Path) -> None:
    ended = run("sh", "-c", script, cwd=tmp_path)
    assert (ended.exit_code, ended.timed_out, ended.left_behind) == (code, False, 0)


def test_output_and_errors_arrive_as_lines_in_order(tmp_path: Path) -> None:
    lines: list[str] = []
    run("sh", "-c", "echo one; echo two >&2; printf 'three'", cwd=tmp_path, on_line=lines.append)
    assert lines == ["one", "two", "three"]


def test_a_line_that_was_overwritten_counts_in_its_last_state(tmp_path: Path) -> None:
    lines: list[str] = []
    run("printf", r"10%%\r50%%\r100%%\nwindows\r\n", cwd=tmp_path, on_line=lines.append)
    assert lines == ["100%", "windows"]


def test_bytes_that_are_no_text_do_not_stop_it(tmp_path: Path) -> None:
    lines: list[str] = []
    run("printf", r"caf\351\n", cwd=tmp_path, on_line=lines.append)
    assert lines == ["caf\N{REPLACEMENT CHARACTER}"]


def test_a_very_long_line_is_cut(tmp_path: Path) -> None:
    lines: list[str] = []
    run(*python("print('x' * 3_000_000, end='')"), cwd=tmp_path, on_line=lines.append)
    assert len(lines) > 1
    assert sum(map(len, lines)) == 3_000_000


def test_it_runs_in_its_folder_with_its_environment_and_without_stdin(tmp_path: Path) -> None:
    lines: list[str] = []
    env = {"PATH": os.environ["PATH"], "GREETING": "hello"}
    run("sh", "-c", "pwd; echo $GREETING; cat; env | wc -l", cwd=tmp_path, env=env, on_line=lines.append)
    assert lines[:2] == [str(tmp_path), "hello"]
    assert len(lines) == 3  # `cat` met the end of its input at once


def test_signals_that_python_ignores_are_the_commands_again(tmp_path: Path) -> None:
    lines: list[str] = []
    run("sh", "-c", "yes | head -1; echo done", cwd=tmp_path, on_line=lines.append)
    assert lines == ["y", "done"]  # `yes` ends by SIGPIPE and says nothing of a broken pipe


def test_cpu_seconds_of_the_command_and_its_children_are_counted(tmp_path: Path) -> None:
    burn = "import time; t = time.process_time()\nwhile time.process_time() - t < 0.3: pass"
    ended = run("sh", "-c", f"{sys.executable} -c '{burn}'; {sys.executable} -c '{burn}'", cwd=tmp_path)
    assert 0.6 <= ended.cpu_s < 3
    assert ended.wall_s >= 0.6


def test_the_peak_is_the_memory_of_the_largest_process(tmp_path: Path) -> None:
    small, large = (f"{sys.executable} -c 'bytearray({size})'" for size in (1_000, 200_000_000))
    peaks = [run("sh", "-c", f"{small}; {one}", cwd=tmp_path).peak_bytes for one in (small, large)]
    assert None not in peaks
    assert 1_000_000 < peaks[0] < 150_000_000
    assert 200_000_000 < peaks[1] < 400_000_000


def test_the_group_is_told_before_the_command_starts(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    groups: list[int] = []

    def started(group: int) -> None:
        time.sleep(0.2)
        assert not mark.exists()
        assert os.getpgid(group) == group
        groups.append(group)

    lines: list[str] = []
    run(*python(f"import os; open({str(mark)!r}, 'w'); print(os.getpgrp())"), cwd=tmp_path, on_start=started,
        on_line=lines.append)  # fmt: skip
    assert [int(line) for line in lines] == groups


def test_the_command_never_starts_when_the_group_cannot_be_noted(tmp_path: Path) -> None:
    def refuse(_: int) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run("touch", "mark", cwd=tmp_path, on_start=refuse)
    assert not (tmp_path / "mark").exists()


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExecutableNotFoundError, match="`no-such-program` is not installed"):
        run("no-such-program", cwd=tmp_path)
    with pytest.raises(ExecutableNotFoundError, match=r"there is no program `.*/no/such`"):
        run("./no/such", cwd=tmp_path)


def test_a_program_that_the_kernel_cannot_execute_is_named(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    with pytest.raises(ExecutableNotFoundError, match="cannot be executed: No such file"):
        run(str(script), cwd=tmp_path)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 3", "ended with 3"),
        ("kill -9 $$", "was killed (signal 9; often the system ran out of memory)"),
        ("kill -11 $$", "was ended by signal 11 (Segmentation fault)"),
        ("sh -c 'kill -9 $$'; exit $?", "ended with 137: a program that it ran was killed (signal 9; often the"),
    ],
    ids=["ends", "is killed", "crashes", "its program is killed"],
)
def test_how_it_ended_is_said_in_words(tmp_path: Path, script: str, words: str) -> None:
    ended = run("sh", "-c", script, cwd=tmp_path)
    assert ended.words.startswith(words)
    assert ended.is_cut_off == (script != "exit 3")


def test_a_timeout_stops_the_whole_group(tmp_path: Path) -> None:
    ended = timed_out(f"sleep {ENDLESS_S} & echo $! > child; wait", tmp_path / "child")
    assert ended.timed_out
    assert ended.wall_s < ENDLESS_S
    assert gone(read_pid(tmp_path / "child"))


def test_what_ignores_the_request_to_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_graces(monkeypatch, tmp_path, GRACE_S=0.3)
    ended = timed_out("trap '' TERM; echo $$ > me; while :; do sleep 0.05; done", tmp_path / "me")
    assert ended.timed_out
    assert ended.exit_code == -9
    assert gone(read_pid(tmp_path / "me"))


def test_a_chatterbox_can_be_stopped(tmp_path: Path) -> None:
    ended = run("yes", cwd=tmp_path, timeout_s=0.3)
    assert ended.timed_out
    assert ended.wall_s < PATIENCE_S


def test_a_daemon_that_holds_the_pipe_open_does_not_hang_us(tmp_path: Path) -> None:
    started = time.monotonic()
    ended = run("sh", "-c", f"sleep {ENDLESS_S} & echo $! > child; echo done", cwd=tmp_path, timeout_s=2 * ENDLESS_S)
    assert time.monotonic() - started < PATIENCE_S
    assert ended.exit_code == 0
    assert gone(read_pid(tmp_path / "child"))


@pytest.mark.skipif(sys.platform != "linux", reason="finding a process that left its session needs /proc")
def test_a_daemon_that_left_the_session_is_stopped_and_counted(tmp_path: Path) -> None:
    away = f"setsid sh -c 'echo $$ > child; sleep {ENDLESS_S}' &"
    ended = run("sh", "-c", f"{away} while [ ! -s child ]; do sleep 0.02; done", cwd=tmp_path, timeout_s=PATIENCE_S)
    assert ended.left_behind >= 1
    assert gone(read_pid(tmp_path / "child"))


def test_what_ends_by_itself_soon_after_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_graces(monkeypatch, tmp_path, LEFTOVER_GRACE_S=PATIENCE_S)
    assert run("sh", "-c", "sleep 0.1 &", cwd=tmp_path).left_behind == 0


def test_an_error_while_listening_stops_the_command(tmp_path: Path) -> None:
    def broken(_: str) -> None:
        raise OSError("log is full")

    with pytest.raises(OSError, match="log is full"):
        run("sh", "-c", f"echo $$ > me; echo x; sleep {ENDLESS_S}", cwd=tmp_path, on_line=broken)
    assert gone(read_pid(tmp_path / "me"))


def test_an_interrupt_stops_the_command(tmp_path: Path) -> None:
    timer = once_begun(tmp_path / "me", lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        run("sh", "-c", f"echo $$ > me; sleep {ENDLESS_S}", cwd=tmp_path, timeout_s=2 * ENDLESS_S)
    timer.join()
    assert gone(read_pid(tmp_path / "me"))


@pytest.mark.parametrize("victim", ["parent", "supervisor", "group"])
def test_kill_9_leaves_no_writer(victim: str, tmp_path: Path) -> None:
    """Whoever is killed: the command, its children, and on Linux those that left the session are gone."""
    away = "setsid sh -c 'echo $$ > away; sleep 600' &" if sys.platform == "linux" and victim == "parent" else ""
    script = f"trap '' TERM; echo $$ > me; {away} sleep 600 & echo $! > child; wait"
    code = f"""
    import os
    from pathlib import Path
    from tidegate.integrations import process
    process.run(["sh", "-c", {script!r}], cwd=Path({str(tmp_path)!r}), env=os.environ, timeout_s=900,
                on_start=lambda group: Path({str(tmp_path / "group")!r}).write_text(str(group)), on_line=print)
    """
    parent = subprocess.Popen(python(code), env=os.environ | {"PYTHONPATH": str(SOURCE)})
    try:
        group, me = read_pid(tmp_path / "group"), read_pid(tmp_path / "me")
        others = [read_pid(tmp_path / "child")]
        others += [read_pid(tmp_path / "away")] if away else []
        if victim == "parent":
            parent.kill()
        elif victim == "supervisor":
            os.kill(group, signal.SIGKILL)
        else:
            os.killpg(group, signal.SIGKILL)
        assert all(gone(pid) for pid in (group, me, *others))
    finally:
        parent.kill()
        parent.wait()


def test_a_killed_supervisor_is_no_timeout(tmp_path: Path) -> None:
    groups: list[int] = []
    killer = once_begun(tmp_path / "me", lambda: os.kill(groups[0], signal.SIGKILL))
    ended = run(
        "sh", "-c", f"echo $$ > me; sleep {ENDLESS_S}", cwd=tmp_path, timeout_s=2 * ENDLESS_S, on_start=groups.append
    )
    killer.join()
    assert (ended.exit_code, ended.timed_out) == (None, False)
    assert ended.words == "ended, and nobody could tell how"


def test_the_log_has_every_line_at_once(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "step.log"
    with process.StepLog(path=path) as log:
        log.write("first")
        assert path.read_text() == "first\n"
        for number in range(1000):
            log.write(str(number))
    assert len(log.tail) == process.TAIL_LINES
    assert list(log.tail)[-1] == "999"
