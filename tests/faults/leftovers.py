"""What is on the disk and should not be, and what is not and should, as the program's own audit finds it."""

from tests.faults.fleet import FaultyFleet
from tests.faults.server import FaultyServer

STRAYS = (": no image has this file of ", ": left over from an upload or a compression")


def left_behind(stack: FaultyFleet | FaultyServer, *, may_leave_files: bool) -> list[str]:
    """What an audit finds, though nothing runs any more, and what a second one finds after the first has repaired it.

    With `may_leave_files` those that no image has are right, as after a kill, as long as the audit deletes them.
    """
    found = _audit(stack)
    again = [f"after an audit: {problem}" for problem in _audit(stack)] if found else []
    return [problem for problem in found if not (may_leave_files and any(stray in problem for stray in STRAYS))] + again


def _audit(stack: FaultyFleet | FaultyServer) -> list[str]:
    """Repair everything; the problems there were, one a line."""
    done = stack.manage("audit", "--fix", "--older-than", "0")
    problems = done.stdout.splitlines()[:-1] if done.returncode == 0 else [*done.stdout.splitlines(), done.stderr]
    if isinstance(stack, FaultyServer):  # its worker touches a file there every second, to say that it lives
        problems = [problem for problem in problems if f"/dinding-worker-{stack.pid('serve.1')}:" not in problem]
    return problems
