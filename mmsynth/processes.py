"""Long work: how it tells how far it is, and worker processes that do not outlive whoever started them."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

Progress = Callable[[int, int], None]  # called with (done, total)


def worker_pool(
    count: int, begin: Callable[..., None] | None = None, given: tuple[Any, ...] = ()
) -> ProcessPoolExecutor:
    """A pool of worker processes, one torch thread each, which end with this process, however it ends.

    Args:
        count: of processes.
        begin: what each calls first, a function of a module.
        given: its arguments.
    """
    # Spawned, not forked: a process that has used a GPU must not be forked.
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin, (begin, given))


def _begin(begin: Callable[..., None] | None, given: tuple[Any, ...]) -> None:
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
