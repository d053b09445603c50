"""Run a step's command to its end, with its output, CPU seconds and timeout, leaving no process behind."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from tidegate.errors import ExecutableNotFoundError
from tidegate.integrations import supervise

KILL_AFTER_S = supervise.GRACE_S + 2.0
"""How long the supervisor may take to stop everything before its group is killed from here."""

MAX_LINE_BYTES = 1 << 20
"""A longer line is cut into pieces. Chosen, not derived."""

KILLED_INSIDE = 128 + signal.SIGKILL
"""What a shell ends with when the program that it ran was killed."""

RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
"""In which unit the kernel tells the largest resident set: man 2 getrusage."""

MAX_READS = 64
TAIL_LINES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended.

    `exit_code` is negative when a signal ended it, None when nobody could tell; `left_behind` counts the processes
    that still ran when the command itself had ended, and that were stopped. `peak_bytes` is the most memory that
    one process had at once.
    """

    exit_code: int | None
    timed_out: bool
    wall_s: float
    cpu_s: float
    left_behind: int
    peak_bytes: int | None = None

    @property
    def is_cut_off(self) -> bool:
        """Whether a signal ended it, so that its last words do not say why."""
        return self.exit_code is None or self.exit_code < 0 or self.exit_code == KILLED_INSIDE

    @property
    def words(self) -> str:
        """How it ended, to follow "it" or "dbt"."""
        memory = "signal 9; often the system ran out of memory"
        if self.exit_code is None:
            return "ended, and nobody could tell how"
        if self.exit_code == -signal.SIGKILL:
            return f"was killed ({memory})"
        if self.exit_code == KILLED_INSIDE:
            return f"ended with {self.exit_code}: a program that it ran was killed ({memory})"
        if self.exit_code < 0:
            return f"was ended by signal {-self.exit_code} ({signal.strsignal(-self.exit_code)})"
        return f"ended with {self.exit_code}"


def one_after_the_other(first: Ended, second: Ended) -> Ended:
    """Two commands as one: it ended as the worse of them did."""
    worse = second if first.exit_code == 0 else first
    return replace(
        worse,
        timed_out=first.timed_out or second.timed_out,
        wall_s=first.wall_s + second.wall_s,
        cpu_s=first.cpu_s + second.cpu_s,
        left_behind=first.left_behind + second.left_behind,
    )


@dataclass(slots=True, kw_only=True)
class StepLog:
    """A step's log file: every line is on disk when `write` returns; `tail` has the last ones."""

    path: Path
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    _file: IO[str] | None = None

    def __enter__(self) -> StepLog:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a", encoding="utf-8", buffering=1)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, line: str) -> None:
        self.tail.append(line)
        if self._file is not None:
            self._file.write(line + "\n")


@dataclass(slots=True)
class _Lines:
    """Cuts bytes into lines; a line that a progress bar overwrote (carriage return) counts only in its last state."""

    on_line: Callable[[str], None]
    rest: bytes = b""

    def feed(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self._emit(line)
        if len(self.rest) > MAX_LINE_BYTES:
            self._emit(self.rest)
            self.rest = b""

    def finish(self) -> None:
        if self.rest:
            self._emit(self.rest)
            self.rest = b""

    def _emit(self, line: bytes) -> None:
        self.on_line(line.rstrip(b"\r").rsplit(b"\r", 1)[-1].decode("utf-8", errors="replace"))


def find_executable(name: str, *, cwd: Path, env: Mapping[str, str], hint: str | None = None) -> str:
    """The path of a program, as the command itself would find it from `cwd`; `hint` says where its name can be corrected.

    Raises:
        ExecutableNotFoundError: no such file, or it is not executable.
    """
    if os.sep in name:
        path = cwd / name
        if not path.is_file():
            raise ExecutableNotFoundError(f"there is no program `{path}`", hint=hint)
        if not os.access(path, os.X_OK):
            run_it = f"make it executable with `chmod +x {name}`, or write the program that runs it before its name"
            raise ExecutableNotFoundError(f"`{name}` is not an executable file", hint=run_it)
        return str(path)
    found = shutil.which(name, path=env.get("PATH", os.defpath))
    if found is None:
        raise ExecutableNotFoundError(f"`{name}` is not installed: it is in no folder of PATH", hint=hint)
    return str(Path(found).absolute())


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float,
    on_start: Callable[[int], None],
    on_line: Callable[[str], None],
) -> Ended:
    """Run `command` with `env` as its whole environment and no stdin; call `on_line` with each line of output.

    The command runs in a session of its own below a small supervisor, whose process group goes to `on_start` before the
    command starts. When it ends, times out (TERM, KILL after five seconds), when this process is interrupted or dies
    (`kill -9` included), every process of the group ends, on Linux also those that made a session of their own.

    Raises:
        ExecutableNotFoundError: the program is missing, or the kernel cannot execute it.
        KeyboardInterrupt, or whatever `on_start` and `on_line` raise: after everything was stopped.
    """
    program = find_executable(command[0], cwd=cwd, env=env)
    started = time.monotonic()
    supervisor, conversation = _supervise([program, *command[1:]], cwd=cwd, env=env, on_line=on_line)
    try:
        on_start(supervisor.pid)
        conversation.say(b"g")
        conversation.listen(until=started + timeout_s)
    finally:
        cpu_s = conversation.end(supervisor)
    conversation.raise_if_not_started(command[0])
    return Ended(
        exit_code=conversation.exit_code,
        timed_out=conversation.timed_out,
        wall_s=time.monotonic() - started,
        cpu_s=cpu_s,
        peak_bytes=conversation.peak_bytes,
        left_behind=conversation.left_behind,
    )


def _supervise(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], on_line: Callable[[str], None]
) -> tuple[subprocess.Popen[bytes], _Conversation]:
    """Start the supervisor, which waits for the word before it starts the command."""
    ours, theirs = socket.socketpair()
    read_end, write_end = os.pipe()
    conversation = _Conversation(ours, read_end, _Lines(on_line))
    try:
        supervisor = subprocess.Popen(
            [sys.executable, "-I", "-S", supervise.__file__, str(theirs.fileno()), *command],
            stdin=subprocess.DEVNULL,
            stdout=write_end,
            stderr=write_end,
            cwd=cwd,
            env=dict(env),
            start_new_session=True,
            pass_fds=[theirs.fileno()],
        )
    except OSError:
        conversation.close()
        raise
    finally:
        os.close(write_end)
        theirs.close()
    return supervisor, conversation


class _Conversation:
    """The talk with one supervisor: its output and its answer, until both are known."""

    def __init__(self, control: socket.socket, output: int, lines: _Lines) -> None:
        self._control, self._output, self._lines = control, output, lines
        self._answer = b""
        self._hung_up = False
        self.timed_out = False
        os.set_blocking(output, False)
        control.setblocking(False)

    def say(self, word: bytes) -> None:
        with contextlib.suppress(OSError):
            self._control.send(word)

    def listen(self, *, until: float) -> None:
        """Pass the output on until the supervisor has ended; stop everything at the instant `until`."""
        self._wait(until)
        if self._over:
            return
        self.timed_out = True
        self.say(b"t")
        self._wait(time.monotonic() + KILL_AFTER_S)

    def end(self, supervisor: subprocess.Popen[bytes]) -> float:
        """Make sure that the group is gone, collect the last output and the CPU seconds."""
        try:
            if not self._over and not self.timed_out:
                self.say(b"t")
                self._wait(time.monotonic() + KILL_AFTER_S)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(supervisor.pid, signal.SIGKILL)
            _, status, usage = os.wait4(supervisor.pid, 0)
            supervisor.returncode = os.waitstatus_to_exitcode(status)
            self._read_output()
            self.close()
        self._lines.finish()
        return usage.ru_utime + usage.ru_stime

    def close(self) -> None:
        os.close(self._output)
        self._control.close()

    @property
    def exit_code(self) -> int | None:
        status = self._said("status")
        return None if status is None else os.waitstatus_to_exitcode(status)

    @property
    def peak_bytes(self) -> int | None:
        """As the supervisor tells it: the kernel counts what this process had when it forked as its child's."""
        told = self._said("peak")
        return None if told is None else told * RSS_UNIT_BYTES

    @property
    def left_behind(self) -> int:
        return self._said("left") or 0

    def raise_if_not_started(self, name: str) -> None:
        if (number := self._said("errno")) is not None:
            hint = "write the program that runs it before its name, or begin the file with `#!` and that program"
            raise ExecutableNotFoundError(f"`{name}` cannot be executed: {os.strerror(number)}", hint=hint)

    @property
    def _answered(self) -> bool:
        return self._said("status") is not None

    @property
    def _over(self) -> bool:
        return self._answered or self._hung_up

    def _said(self, key: str) -> int | None:
        for line in self._answer.splitlines():
            with contextlib.suppress(ValueError):
                value = json.loads(line).get(key)
                if value is not None:
                    return int(value)
        return None

    def _wait(self, until: float) -> None:
        """Read both ends until the answer is there, the supervisor hung up, or the time is over."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._output, selectors.EVENT_READ)
            while not self._over and (left := until - time.monotonic()) > 0:
                ready = {key.fd for key, _ in selector.select(left)}
                if self._output in ready and self._read_output():
                    selector.unregister(self._output)
                if self._control.fileno() in ready:
                    self._read_answer()

    def _read_output(self) -> bool:
        """Take what is there now, at most a few megabytes so that an endless writer cannot hold us; whether all hung up."""
        for _ in range(MAX_READS):
            try:
                data = os.read(self._output, 65536)
            except BlockingIOError:
                return False
            if not data:
                return True
            self._lines.feed(data)
        return False

    def _read_answer(self) -> None:
        """Take what the supervisor said; nothing at all means that it is dead."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            data = self._control.recv(4096)
        self._answer += data
        self._hung_up = not data
