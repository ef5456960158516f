"""A CUDA device that is pretended on the CPU, in a process of its own: what a GPU would refuse is refused here.

Tensors on cuda:0 hold memory of the CPU, but no operation takes them beside tensors of the CPU, and NumPy does not take
them at all. What `torch.empty` gives is filled with NaN, as memory of a GPU may hold. Kernels are those of CUDA (one
lane a thread), compiled for the CPU, and their threads run in reversed order. Streams, and threads that write at the
same time, are not pretended, nor is C++ told: there a tensor is on the CPU, where gradients may come out.

Import it before mmsynth: it changes torch and Warp for good.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
import warp as wp
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_map

CUDA, _aten = torch.device("cuda", 0), torch.ops.aten
_INDEXING = {_aten.index.Tensor, _aten.index_put.default, _aten.index_put_.default, _aten._index_put_impl_.default}
_EMPTY = {_aten.empty.memory_format, _aten.empty_like.default, _aten.new_empty.default, _aten.empty_strided.default}
_POINTWISE = {_aten.fill_.Tensor, _aten.masked_fill.Tensor, _aten.masked_fill_.Tensor}


class There(Tensor):
    """A tensor that says it is on the device; `inner` holds it."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    device = property(lambda self: CUDA)  # type: ignore[assignment]
    is_cuda = property(lambda self: True)  # type: ignore[assignment]
    inner: Tensor

    @staticmethod
    def __new__(cls: type, inner: Tensor) -> "There":
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset()}
        layout = layout if inner.layout == torch.strided else {}
        found = Tensor._make_wrapper_subclass(cls, inner.size(), dtype=inner.dtype, **layout)  # type: ignore[attr-defined]
        found.inner = inner
        return found  # type: ignore[no-any-return]

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})

    def numpy(self, *_: Any, **__: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    __array__ = numpy

    def new_tensor(self, data: Any, **kwargs: Any) -> Tensor:
        return There(self.inner.new_tensor(data, **kwargs))

    def tolist(self) -> Any:
        return self.inner.tolist()


class Pretend(TorchDispatchMode):
    """Within it, there is such a device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _refuse_mixed(func: Any, args: Sequence[Any], here: list[Tensor]) -> None:
    """Raise what torch would of an operation with tensors of the CPU beside those of the device."""
    scalars, first = all(x.dim() == 0 for x in here), isinstance(args[0], There)
    if func is _aten.copy_.default:
        return
    if func in _INDEXING:  # indices may be anywhere
        right = first and (len(args) < 3 or isinstance(args[2], There) or args[2].dim() == 0)
    else:
        pointwise = torch.Tag.pointwise in func.tags or func in _POINTWISE
        right = pointwise and scalars and (first or not func._schema.is_mutable)
    if not right:
        raise RuntimeError(f"expected all tensors on one device, got cuda:0 and cpu ({func})")


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [x for x in tree_iter((args, kwargs)) if isinstance(x, Tensor)]
    there = [x for x in tensors if isinstance(x, There)]
    here = [x for x in tensors if not isinstance(x, There)]
    if there and here:
        _refuse_mixed(func, args, here)
    wrap, device = bool(there), kwargs.get("device")
    if func in (_aten.copy_.default, _aten._local_scalar_dense.default):
        wrap = func is _aten.copy_.default and isinstance(args[0], There)
    if device is not None:
        wrap, kwargs = wrap or torch.device(device).type == "cuda", kwargs | {"device": torch.device("cpu")}
    own = {id(x.inner): x for x in there}
    out = func(*tree_map(_stripped, args), **tree_map(_stripped, kwargs))
    for x in there:  # a shape that is changed in place
        if x.shape != x.inner.shape:
            with torch._C._DisableTorchDispatch():
                func(x, *args[1:], **kwargs)
    if wrap and func in _EMPTY and out.dtype.is_floating_point:
        out.fill_(torch.nan)

    def dressed(x: Any) -> Any:
        if not wrap or not isinstance(x, Tensor):
            return x
        return own[id(x)] if id(x) in own else There(x.resolve_conj() if x.layout == torch.strided else x)

    return tree_map(dressed, out)


class _Generator(torch.Generator):
    """One of the device draws on the CPU."""

    def __new__(cls, device: Any = "cpu") -> Any:
        return super().__new__(cls, "cpu")


def _stripped(x: Any) -> Any:
    return x.inner if isinstance(x, There) else x


def _to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """As `Tensor.to`, also to and from the device."""
    rest, target = [x for x in args if x is not None and not isinstance(x, bool)], kwargs.pop("device", None)
    if rest and isinstance(rest[0], (str, torch.device)):
        target = rest.pop(0)
    elif rest and isinstance(rest[0], Tensor):
        target, rest[0] = rest[0].device, rest[0].dtype
    kind = torch.device(target).type if target is not None else self.device.type
    if kind != self.device.type:
        self = There(self.detach().clone()) if kind == "cuda" else _stripped(self.detach()).clone()
    return _torch_to(self, *rest, **kwargs) if rest or kwargs else self


def _launch(kernel: Any, dim: Any, inputs: Sequence[Any], device: Any) -> None:
    """As `wp.launch`, on arrays that are all where the launch is."""
    for k, value in enumerate(inputs):
        for name, array in _arrays(f"{kernel.key}[{k}]", value):
            if array.size and getattr(array, "kind", _asked[0]) != _asked[0]:
                raise RuntimeError(f"{name}: expected an array on {_asked[0]}, got one on {array.kind}")
    _warp_launch(kernel, dim=dim, inputs=inputs, device=device)


def _arrays(name: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, wp.array):
        return [(name, value)]
    parts = getattr(getattr(value, "_cls", None), "vars", {})
    return [found for part in parts for found in _arrays(f"{name}.{part}", getattr(value, part))]


def _from_torch(values: Tensor, dtype: Any = None) -> Any:
    array = _warp_from_torch(_stripped(values), dtype=dtype)
    array.kind = values.device.type
    return array


def _device_from_torch(device: torch.device) -> Any:
    _asked[0] = device.type
    return wp.get_device("cpu")


def _func_native(snippet: str) -> Any:
    """As `wp.func_native`, of what CUDA compiles."""
    where = "defined(__CUDA_ARCH__) || defined(__CUDACC_RTC__)"
    return _warp_func_native(snippet.replace(where, "true"))


def _reverse_threads() -> None:
    """Let kernels on the CPU go through their threads from the last to the first."""
    module: Any = wp._src.codegen  # type: ignore[attr-defined]
    loop = "for (size_t task_index = 0; task_index < dim->size; ++task_index)"
    names = [name for name, text in vars(module).items() if isinstance(text, str) and loop in text]
    assert names, "Warp writes another loop over threads than this turns round"
    for name in names:
        setattr(module, name, getattr(module, name).replace(loop, "for (size_t task_index = dim->size; task_index--;)"))


_asked, _torch_to = ["cpu"], Tensor.to
_warp_launch, _warp_from_torch, _warp_func_native = wp.launch, wp.from_torch, wp.func_native
torch.cuda._lazy_init = lambda: None
torch.cuda.current_stream = lambda device=None: None  # type: ignore[assignment,return-value]
torch.Generator = _Generator  # type: ignore[misc]
torch._C._set_only_lift_cpu_tensors(True)
Tensor.to = _to  # type: ignore[assignment,method-assign]
Tensor.cpu = lambda self: self.to("cpu")  # type: ignore[assignment,method-assign]
wp.launch, wp.from_torch, wp.func_native = _launch, _from_torch, _func_native
wp.device_from_torch, wp.stream_from_torch, wp.ScopedStream = _device_from_torch, lambda stream: None, nullcontext
_reverse_threads()
