"""Warp: its start, kernels of native code, and their launch on torch's tensors."""

import inspect
import linecache
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import warp as wp
from torch import Tensor


def _init_quietly() -> None:
    """Start Warp; where there is no GPU, its native code would say so on stderr every time."""
    wp.config.log_level = wp.LOG_ERROR
    if torch.cuda.is_available():
        wp.init()
        return
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        wp.init()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


_init_quietly()

# Options of kernels in which products and sums are fused on a CPU too, as Warp does on CUDA alone: a tenth of the time
# of sums over paths; nothing for gains and integrals.
FUSED = {
    "enable_backward": False,
    "cpu_compiler_flags": f"{wp.config.cpu_compiler_flags or '-march=native'} -ffp-contract=fast",
}


def native(snippet: str, *threads: str, **options: Any) -> Callable[[Callable[..., None]], Any]:
    """Make a kernel of native code out of a function that names its arguments, and that has no body.

    Args:
        snippet: the code; it has the arguments, and the integers `threads`, which say what a thread is, by their names.
        threads: one name an axis of the launch.
        options: of `wp.kernel`.
    """

    def decorate(stub: Callable[..., None]) -> Any:
        name, types = stub.__name__, inspect.get_annotations(stub)
        inputs, everything = ", ".join(types), ", ".join([*types, *threads])
        lines = [
            f"def {name}_of({everything}): ...",
            f"def {name}({inputs}):",
            f"    {', '.join(threads)} = wp.tid()",
            f"    {name}_of({everything})",
        ]
        # Warp reads the source of what it compiles, so that it must be found under the name of some file.
        source, file = "\n".join(lines) + "\n", f"<{stub.__module__}.{name}, native>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        scope: dict[str, Any] = {"__name__": stub.__module__, "wp": wp}
        exec(compile(source, file, "exec"), scope)
        scope[f"{name}_of"].__annotations__ = types | dict.fromkeys(threads, int)
        scope[name].__annotations__ = types
        scope[f"{name}_of"] = wp.func_native(snippet)(scope[f"{name}_of"])
        return wp.kernel(**options)(scope[name])

    return decorate


def launch(kernel: Any, size: int | tuple[int, ...], inputs: Sequence[Any], device: torch.device) -> None:
    """Run a kernel over so many threads, with contiguous tensors as the arrays that it names, also what it writes.

    On CUDA it works in torch's stream.
    """
    arrays = (
        as_array(value, argument.type.dtype) if isinstance(value, Tensor) else value
        for value, argument in zip(inputs, kernel.adj.args, strict=True)
    )
    with torch_stream(device):
        wp.launch(kernel, dim=size, inputs=list(arrays), device=wp.device_from_torch(device))


def as_array(values: Tensor, dtype: Any = None) -> Any:
    """A tensor as Warp sees it, in place and without its gradient.

    Raises:
        ValueError: it is not contiguous: native code reads in order of memory, and what a copy is given is lost.
    """
    if not values.is_contiguous():
        raise ValueError(f"tensor of a kernel: expected a contiguous one, got {values.shape} of {values.stride()}")
    return wp.from_torch(values.detach(), dtype=dtype)


def torch_stream(device: torch.device) -> AbstractContextManager[Any]:
    """On CUDA, let Warp work in torch's stream, so that neither reads what the other has not written yet."""
    if device.type != "cuda":
        return nullcontext()
    stream: AbstractContextManager[Any] = wp.ScopedStream(wp.stream_from_torch(torch.cuda.current_stream(device)))
    return stream
