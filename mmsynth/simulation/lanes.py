"""Arithmetic on vectors of lanes in Warp: on a CPU a lane is a float of an AVX register, on CUDA there is but one."""

from functools import cache
from typing import Any

import torch
import warp as wp

# Warp's own flags hold LLVM back from turning the lanes into vector instructions.
FLAGS = "-march=native -ffp-contract=fast"

LARGEST = 8  # lanes that there may be

# Adding and taking away 1.5 * 2^23 rounds a float to a whole number.
_MAGIC = wp.constant(12582912.0)


@cache
def lane_type(lanes: int) -> Any:
    """The vector of so many lanes."""
    return wp.types.vector(length=lanes, dtype=float)


def lanes_of(device: torch.device) -> int:
    """How many lanes a thread takes at once: an AVX register of floats; on CUDA threads are the lanes."""
    return 1 if device.type == "cuda" else LARGEST


@wp.func
def _series(w: Any, a: float, b: float, c: float, d: float, e: float):
    """1 + a w + b w^2 + ... + e w^5 of a vector of lanes."""
    one = type(w)(1.0)
    total = e * w + d * one
    total = wp.cw_mul(total, w) + c * one
    total = wp.cw_mul(total, w) + b * one
    total = wp.cw_mul(total, w) + a * one
    return wp.cw_mul(total, w) + one


@wp.func
def wave(phase: Any):
    """Cosine and sine of a vector of lanes, by those of half the angle."""
    magic = type(phase)(_MAGIC)
    turns = phase * 0.15915494309189535
    half = (turns - ((turns + magic) - magic)) * 3.141592653589793
    w = wp.cw_mul(half, half)
    sine = wp.cw_mul(half, _series(w, -1.0 / 6.0, 1.0 / 120.0, -1.0 / 5040.0, 1.0 / 362880.0, -2.5052108e-8))
    cosine = _series(w, -0.5, 1.0 / 24.0, -1.0 / 720.0, 1.0 / 40320.0, -2.7557319e-7)
    return type(phase)(1.0) - 2.0 * wp.cw_mul(sine, sine), 2.0 * wp.cw_mul(sine, cosine)


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
