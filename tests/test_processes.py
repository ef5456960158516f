"""Worker processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmsynth.processes import each

PROGRAM = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from mmsynth.processes import end_with_parent

def work():
    print(os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("spawn"), end_with_parent) as pool:
        pool.submit(work).result()
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the worker in /proc")
def test_a_worker_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    with subprocess.Popen([sys.executable, tmp_path / "program.py"], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
    until = time.monotonic() + 10
    while _runs(worker) and time.monotonic() < until:
        time.sleep(0.02)
    alive = _runs(worker)
    if alive:
        os.kill(worker, 9)
    assert not alive


INTERRUPTED = """
import signal, sys, time
from mmsynth.processes import worker_pool

def work(seconds):
    print("at work", flush=True)
    time.sleep(seconds)

if __name__ == "__main__":
    # Whatever the tests were begun with: a script's background ignores interruptions.
    ignoring, seconds = sys.argv[1] == "ignoring", float(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN if ignoring else signal.default_int_handler)
    pool = worker_pool(1)
    try:
        job = pool.submit(work, seconds)
        print("submitted", flush=True)
        job.result()
    except KeyboardInterrupt:
        pool.shutdown(cancel_futures=True)
        sys.exit(130)
"""


def interrupted(folder: Path, word: str, way: str, seconds: float) -> tuple[int, str]:
    """The exit code of a program with a worker that is interrupted once it prints the word, and what it says."""
    (folder / "program.py").write_text(INTERRUPTED, encoding="utf-8")
    command = [sys.executable, folder / "program.py", way, str(seconds)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, **pipes) as parent:
        assert parent.stdout is not None
        while parent.stdout.readline().strip() != word:
            pass
        os.killpg(parent.pid, signal.SIGINT)
        try:
            _, said = parent.communicate(timeout=60)
        finally:
            parent.kill()
    return parent.returncode, said


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("word", ["submitted", "at work"])
def test_workers_that_are_interrupted_as_they_start_or_work_say_nothing(tmp_path: Path, word: str) -> None:
    assert interrupted(tmp_path, word, "heeding", 60.0) == (130, "")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_workers_of_a_run_in_the_background_go_on_as_it_does(tmp_path: Path) -> None:
    assert interrupted(tmp_path, "at work", "ignoring", 0.5) == (0, "")


def _runs(process: int) -> bool:
    """Whether a process is there and not merely waiting to be buried."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_is_done_once(tmp_path: Path, workers: int) -> None:
    jobs = [(tmp_path / name, name) for name in ("a", "bb", "ccc")]
    assert sorted(each(Path.write_text, jobs, workers)) == [(0, 1), (1, 2), (2, 3)]  # characters written
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a": "a", "bb": "bb", "ccc": "ccc"}


def test_what_a_job_raises_is_raised(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(each(Path.write_text, [(tmp_path / "no" / "a", "a"), (tmp_path / "b", "b")], 2))
