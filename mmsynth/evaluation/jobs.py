"""Independent jobs on worker processes."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from typing import Any

from mmsynth.processes import worker_pool


def each(work: Callable[..., Any], jobs: Sequence[tuple[Any, ...]], workers: int) -> Iterator[int]:
    """Call `work(*job)` for every job and yield the index of each job that is done, in the order of completion.

    Args:
        work: a function of a module; what it finds it leaves on the disk.
        jobs: its arguments.
        workers: processes, one thread each; 1 = this process, in turn.
    """
    if workers <= 1:
        for k, job in enumerate(jobs):
            work(*job)
            yield k
        return
    with worker_pool(workers) as pool:
        futures = {pool.submit(work, *job): k for k, job in enumerate(jobs)}
        try:
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        finally:
            pool.shutdown(cancel_futures=True)
