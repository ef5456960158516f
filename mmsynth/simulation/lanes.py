"""Arithmetic on vectors of lanes in native snippets of Warp kernels.

On a CPU a lane is a float of an AVX register, on CUDA there is but one: one source serves both. What Warp itself writes
for vectors LLVM often leaves as scalars.
"""

import torch

LARGEST = 8  # lanes that there may be


def lanes_of(device: torch.device) -> int:
    """How many lanes a thread takes at once: an AVX register of floats; on CUDA threads are the lanes."""
    return 1 if device.type == "cuda" else LARGEST


# What native snippets begin with: the type `lane` of L floats, and what is done with it.
LANES = """
#if defined(__CUDA_ARCH__) || defined(__CUDACC_RTC__)
    typedef float lane;
#else
    typedef float lane __attribute__((vector_size(32)));
#endif
    constexpr int L = sizeof(lane) / sizeof(float);
    const lane zero = lane();
    auto load = [&](const float* from) { lane x; memcpy(&x, from, sizeof(lane)); return x; };
    auto store = [&](float* to, lane x) { memcpy(to, &x, sizeof(lane)); };
    auto least = [&](lane a, lane b) { return a < b ? a : b; };
    auto most = [&](lane a, lane b) { return a > b ? a : b; };
    // Cosine and sine, each within 3e-7: by those of half the angle, which need no branch.
    auto wave = [&](lane phase, lane& c, lane& s) {
        lane turns = phase * 0.15915494309189535f, magic = zero + 12582912.0f;
        lane half = (turns - ((turns + magic) - magic)) * 3.141592653589793f, w = half * half;
        lane sine = w * (1.0f / 362880.0f - w * 2.5052108e-8f) - 1.0f / 5040.0f;
        sine = half * (1.0f + w * (-1.0f / 6.0f + w * (1.0f / 120.0f + w * sine)));
        lane cosine = w * (1.0f / 40320.0f - w * 2.7557319e-7f) - 1.0f / 720.0f;
        cosine = 1.0f + w * (-0.5f + w * (1.0f / 24.0f + w * cosine));
        c = 1.0f - 2.0f * sine * sine;
        s = 2.0f * sine * cosine;
    };
"""
