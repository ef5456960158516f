"""Long work: how it tells how far it is, worker processes that do not outlive whoever started them, and their jobs."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, TypeVar

try:
    from signal import pthread_sigmask
except ImportError:  # Windows has none: there, workers that are interrupted as they start say so at length
    pthread_sigmask = None  # type: ignore[assignment]

T = TypeVar("T")
Progress = Callable[[int, int], None]  # called with (done, total)


class Steps:
    """Work of so many steps, called whenever one is done."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.progress, self.done, self.total = progress, 0, total

    def __call__(self) -> None:
        """One more is done."""
        self.done += 1
        self.progress(self.done, self.total)


def worker_pool(
    count: int, begin: Callable[..., None] | None = None, given: tuple[Any, ...] = ()
) -> ProcessPoolExecutor:
    """A pool of worker processes, one torch thread each, which end with this process, however it ends.

    An interruption (Ctrl-C reaches them too) ends them without a word; it is this process that tells of it.

    Args:
        count: of processes.
        begin: what each calls first, a function of a module.
        given: its arguments.
    """
    # Spawned, not forked: a process that has used a GPU must not be forked.
    return ProcessPoolExecutor(count, _Context(), _begin, (begin, given))


@contextmanager
def telling_of_lost_workers(script: str) -> Iterator[None]:
    """Say in one sentence that a worker died.

    Args:
        script: what a script does that workers would do again, if it did it outside of its main part.

    Raises:
        OSError: instead of what the pool raises.
    """
    try:
        yield
    except BrokenProcessPool:
        raise OSError(
            f"a worker process ended before its time: out of memory, or a script that {script} outside of "
            '`if __name__ == "__main__":`; the same command goes on'
        ) from None


def each(work: Callable[..., T], jobs: Sequence[tuple[Any, ...]], workers: int) -> Iterator[tuple[int, T]]:
    """Call `work(*job)` for every job and yield its index and what it gave, in the order of completion.

    Args:
        work: a function of a module.
        jobs: its arguments.
        workers: processes, one thread each; 1 = this process, in turn.

    Raises:
        OSError: a worker died.
    """
    if workers <= 1:
        for k, job in enumerate(jobs):
            yield k, work(*job)
        return
    with telling_of_lost_workers("starts workers"), worker_pool(workers) as pool:
        futures = {pool.submit(work, *job): k for k, job in enumerate(jobs)}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


class _Worker(SpawnProcess):
    """A process that no interruption reaches until it has begun: what it imports until then would answer at length."""

    def start(self) -> None:
        """Start it with the interruption blocked, which it inherits; one that comes meanwhile reaches us after."""
        before = pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if pthread_sigmask is not None else None
        try:
            super().start()
        finally:
            if before is not None:
                pthread_sigmask(signal.SIG_SETMASK, before)


class _Context(SpawnContext):
    Process = _Worker


def _begin(begin: Callable[..., None] | None, given: tuple[Any, ...]) -> None:
    # Runs in the background of a script are begun with interruptions ignored: their workers go on as they do.
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if pthread_sigmask is not None:
        pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    end_with_parent()
    import torch  # a program that only starts workers need not load it

    torch.set_num_threads(1)
    if begin:
        begin(*given)


def end_with_parent() -> None:
    """See that this process, if another one of Python's started it, ends as soon as that one has.

    A pool's workers wait for work for ever where their parent was killed, and until then write files that a run which
    goes on in its place writes too.
    """
    parent = multiprocessing.parent_process()
    if parent:
        threading.Thread(target=_outlive, args=(parent,), daemon=True).start()


def _outlive(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
