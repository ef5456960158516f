"""How the simulator's Warp kernels are written: arithmetic in lanes, one source for CPU and CUDA."""
