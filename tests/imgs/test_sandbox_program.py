"""A program with a sandbox leaves nothing behind, however it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Start = Callable[..., "subprocess.Popen[str]"]

SERVER = """
import asyncio, os, signal, sys
from pathlib import Path
from imgs.sandbox import ChildDied, Sandbox
from imgs.compression import Options
from tests.imgs.acts import act

async def main():
    sandbox = Sandbox(2)
    sandbox.start()
    try:
        for folder in sys.argv[1:]:
            source = Path(folder)
            print(await sandbox.run(act, source, source.parent, Options()), flush=True)
    finally:
        sandbox.stop()

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is started with it ignored
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.fixture
def server(tmp_path: Path) -> Start:
    """Starts a program with a sandbox that works on files of the given contents, one after another."""

    def start(*contents: str) -> "subprocess.Popen[str]":
        script = tmp_path / "server.py"
        script.write_text(SERVER)
        files = [tmp_path / f"{number}.source" for number in range(len(contents))]
        for file, content in zip(files, contents, strict=True):
            file.write_text(content)
        return subprocess.Popen(
            [sys.executable, "-W", "error", script, *files],
            env=os.environ | {"PYTHONPATH": os.getcwd()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return start


def test_a_program_that_stops_it_ends_without_a_word(server: Start) -> None:
    with server("who", "who") as process:
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    for child in output.split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(child), 0)


def test_ctrl_c_ends_program_and_child_without_a_traceback(server: Start) -> None:
    with server("hang /dev/stdout") as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=30)  # returns when the last process with this output has ended
    assert (process.returncode, output, errors) == (0, "interrupted\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_children_finish_their_picture_when_every_process_is_asked_to_stop(
    server: Start, tmp_path: Path, number: int
) -> None:
    pipe = tmp_path / "orders"
    os.mkfifo(pipe)
    with server("who", f"obey {pipe}", "who") as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pipe.open("wb", 0) as orders:  # opens when the child does
            for descendant in descendants(process.pid):
                os.kill(descendant, number)
            orders.write(b"done\n")
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert output.splitlines()[0] == "done"


@pytest.mark.parametrize("picture", ["obey", "hang"])
def test_children_end_with_a_program_that_is_killed(server: Start, tmp_path: Path, picture: str) -> None:
    pipe = tmp_path / "orders"
    os.mkfifo(pipe)
    with server("who", f"{picture} {pipe}") as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pipe.open("rb" if picture == "hang" else "wb", 0):  # opens when the child does
            process.kill()
            assert process.communicate(timeout=30) == ("", "")  # returns when the last process with this output ended


def descendants(pid: int) -> list[int]:
    """The processes below one; those of the sandbox are children of a child."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for path in lists for child in path.read_text().split()]
    return children + [found for child in children for found in descendants(child)]
