"""What is on the disk and should not be, and what is not and should, as the program's own audit finds it."""

from tests.faults.fleet import FaultyFleet
from tests.faults.server import FaultyServer

# Parts of what an audit says that may be right after a fault
UNFINISHED = ": left over from an upload or a compression"
STRAYS = (": no image has this file of ", UNFINISHED)


def left_behind(stack: FaultyFleet | FaultyServer, allowed: tuple[str, ...]) -> list[str]:
    """What an audit finds, though nothing is under way, and what a second one finds after the first has repaired it.

    What the first one finds and is `allowed` is right.
    """
    found = _audit(stack)
    again = [f"after an audit: {problem}" for problem in _audit(stack)] if found else []
    return [problem for problem in found if not any(part in problem for part in allowed)] + again


def _audit(stack: FaultyFleet | FaultyServer) -> list[str]:
    """Repair everything; the problems there were, one a line."""
    done = stack.manage("audit", "--fix", "--older-than", "0")
    problems = done.stdout.splitlines()[:-1] if done.returncode == 0 else [*done.stdout.splitlines(), done.stderr]
    if isinstance(stack, FaultyServer):  # its worker touches a file there every second, to say that it lives
        problems = [problem for problem in problems if f"/dinding-worker-{stack.pid('serve.1')}:" not in problem]
    return problems
