"""The end of a process that serves nothing yet."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.conftest import PATIENCE

PROGRAM = """
import os, signal, threading, time
from hosting.runner.leave import EarlyExit

early = EarlyExit(lambda: os.write(1, b"cleaned up"))
other = threading.Thread(target=time.sleep, args=(600,), daemon=True)
other.start()

def send():
    time.sleep(0.2)  # until the main thread sleeps; where it does not yet, the test shows less
    signal.pthread_kill(other.ident, signal.SIGTERM)

threading.Thread(target=send, daemon=True).start()
time.sleep(600)  # as an app may do while it is imported
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="Windows has one way to end a process")
def test_sigterm_that_another_thread_gets_ends_a_process_that_waits_in_an_import() -> None:
    """The system chooses the thread: after a Ctrl-C that the main thread has not taken yet, it is another one."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"cleaned up", b"")


OTHER_HANDLER = """
import os, signal, threading, time
from hosting.runner.leave import EarlyExit

early = EarlyExit(lambda: None)
calls = []
{change}
os.kill(os.getpid(), signal.SIGTERM)
for thread in threading.enumerate():
    if thread.name == "hosting-early-exit":
        thread.join()  # it has read the signal
time.sleep(0)
print(*calls)
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="Windows has one way to end a process")
@pytest.mark.parametrize(
    ("change", "calls"),
    [
        ("signal.signal(signal.SIGTERM, lambda number, _frame: calls.append(number))", "15"),
        ("early.disable()", ""),
    ],
    ids=["a handler of the app", "a host that serves"],
)
def test_sigterm_is_handled_once_where_the_early_exit_does_not_handle_it(change: str, calls: str) -> None:
    """Nothing sends it a second time."""
    program = OTHER_HANDLER.format(change=change)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout.decode().strip(), done.stderr) == (0, calls, b"")
