"""Every kernel compiles for CUDA, also where there is no GPU: Warp brings NVIDIA's compiler along."""

import importlib
import pkgutil

import pytest
import warp as wp

import mmsynth.simulation
from mmsynth.simulation.synthesis.buckets import sum_kernel, turns_kernel
from mmsynth.simulation.synthesis.plan import CUDA_SHARE
from mmsynth.simulation.synthesis.records import records_kernel

ARCHITECTURE = 80


def _modules():
    """Modules of the package that hold kernels of their own."""
    for found in pkgutil.walk_packages(mmsynth.simulation.__path__, "mmsynth.simulation."):
        module = importlib.import_module(found.name)
        kernels = [x for x in vars(module).values() if isinstance(x, wp.Kernel)]
        if any(kernel.module.name == found.name for kernel in kernels):
            yield module


def test_kernels_compile_for_cuda(tmp_path):
    wp.init()
    if ARCHITECTURE not in wp.get_cuda_supported_archs():
        pytest.skip("this build of Warp has no compiler for CUDA")
    # One of each kind of the kernels that are made to measure; the others by module.
    made = [*(sum_kernel(4, 2, still, CUDA_SHARE[1]) for still in (True, False)), turns_kernel(7), records_kernel(7)]
    kernels = [kernel.module for kernel in made]
    for module in (*_modules(), *kernels):
        made = wp.compile_aot_module(module, arch=ARCHITECTURE, module_dir=tmp_path, use_ptx=True)
        assert all(path.stat().st_size > 0 for path in made)
    assert len(list(tmp_path.glob("*.ptx"))) >= 7
