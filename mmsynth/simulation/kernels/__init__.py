"""How the simulator's Warp kernels are written, one source for CPU and CUDA.

* launch: the start of Warp, kernels of native code, and their launch on torch's tensors.
* lanes: arithmetic on as many floats as a register holds, which native code begins with.
"""
