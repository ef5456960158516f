"""Independent jobs on worker processes."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from typing import Any, TypeVar

from mmsynth.processes import telling_of_lost_workers, worker_pool

T = TypeVar("T")


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
