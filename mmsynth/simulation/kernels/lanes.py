"""Arithmetic on vectors of lanes in native snippets of Warp kernels.

On a CPU a lane is a float of an AVX register, on CUDA there is but one: one source serves both. What Warp itself writes
for vectors LLVM often leaves as scalars.
"""

import torch
from torch import Tensor

LARGEST = 8  # lanes that there may be


def lanes_of(device: torch.device) -> int:
    """How many lanes a thread takes at once: an AVX register of floats; on CUDA threads are the lanes."""
    return 1 if device.type == "cuda" else LARGEST


def threads_of(cut: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """The items [threads * lanes] of each thread, -1 = none, and how they are cut [threads], all of a thread alike.

    `cut` [items] is from 1 to `most`, or 0 for none that counts.
    """
    lanes, device = lanes_of(cut.device), cut.device
    items = cut.nonzero()[:, 0]
    how, place = cut.index_select(0, items).sort(stable=True)
    count = how.bincount(minlength=most + 1)
    threads = (count + (lanes - 1)) // lanes
    # Those cut alike begin with a thread of their own.
    gap = (threads * lanes).cumsum(0) - threads * lanes - (count.cumsum(0) - count)
    each = torch.arange(most + 1, dtype=torch.int32, device=device).repeat_interleave(threads)
    order = torch.full((len(each) * lanes,), -1, dtype=torch.int32, device=device)
    slots = torch.arange(len(items), device=device) + gap.index_select(0, how)
    return order.index_copy_(0, slots, items.index_select(0, place).to(torch.int32)), each


_ONE = """
    typedef float lane;
    typedef double wide;
    typedef int whole;
    auto root = [](lane x) { return sqrtf(x); };
    auto long_root = [](wide x) { return sqrt(x); };
    auto widen = [](lane x) { return wide(x); };
    auto narrow = [](wide x) { return lane(x); };
    auto whole_of = [](lane x) { return whole(x); };
    auto lane_of = [](whole x) { return lane(x); };
"""
_SEVERAL = """
    typedef float lane __attribute__((vector_size(32)));
    typedef double wide __attribute__((vector_size(64)));
    typedef int whole __attribute__((vector_size(32)));
    auto root = [](lane x) { return __builtin_elementwise_sqrt(x); };
    auto long_root = [](wide x) { return __builtin_elementwise_sqrt(x); };
    auto widen = [](lane x) { return __builtin_convertvector(x, wide); };
    auto narrow = [](wide x) { return __builtin_convertvector(x, lane); };
    auto whole_of = [](lane x) { return __builtin_convertvector(x, whole); };
    auto lane_of = [](whole x) { return __builtin_convertvector(x, lane); };
"""
_ARITHMETIC = """
    constexpr int L = sizeof(lane) / sizeof(float);
    const lane zero = lane();
    auto load = [&](const float* from) { lane x; memcpy(&x, from, sizeof(lane)); return x; };
    auto store = [&](float* to, lane x) { memcpy(to, &x, sizeof(lane)); };
    auto least = [&](lane a, lane b) { return a < b ? a : b; };
    auto most = [&](lane a, lane b) { return a > b ? a : b; };
    auto size_of = [&](lane x) { return most(x, -x); };
    // Whether a comparison holds in some lane.
    auto any = [](auto x) {
        long long part[(sizeof(x) + 7) / 8] = {}, all = 0;
        memcpy(part, &x, sizeof(x));
        for (auto one : part)
            all |= one;
        return all != 0;
    };
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

# What native snippets begin with: the types `lane` of L floats, `wide` of doubles and `whole` of integers, and what is
# done with them; or the same of one number, also on a CPU.
LANES = f"\n#if defined(__CUDA_ARCH__) || defined(__CUDACC_RTC__){_ONE}#else{_SEVERAL}#endif{_ARITHMETIC}"
ONE_LANE = _ONE + _ARITHMETIC

# The items of a thread whose order is that of `threads_of`, and the mean of a wave over triangles.
MEAN_WAVE = """
    // Numbers of the item of each lane; a lane that is left over takes those of the first, and nobody reads it.
    auto read_items = [&](auto& into) {
        constexpr int count = sizeof(into) / sizeof(lane);
        float numbers[count][L];
        for (int l = 0; l < L; ++l) {
            int item = order.data[thread * L + l];
            for (int n = 0; n < count; ++n)
                numbers[n][l] = items.data[(long long)count * (item < 0 ? 0 : item) + n];
        }
        for (int n = 0; n < count; ++n)
            into[n] = load(numbers[n]);
    };
    // Sin(x) / x for x >= 0, where the sine is known; a series near zero.
    auto sinc = [&](lane x, lane sine) {
        lane w = x * x;
        lane near = 1.0f + w * (w * (1.0f / 120.0f - w * (1.0f / 5040.0f)) - 1.0f / 6.0f);
        return x > 0.3f ? sine / x : near;
    };
    // Mean of exp(j phase) over triangles from phases at their corners, and its slope: `scattering.mean_wave`.
    auto mean_wave = [&](lane a, lane b, lane c, lane bulge, lane* wave_of, lane* slope_of) {
        lane real, imag;
        lane mean = (a + b + c) * (1.0f / 3.0f);
        lane low = least(least(a, b), c) - mean, high = most(most(a, b), c) - mean;
        lane middle = -(low + high), spread = high - low;
        lane low_c, low_s, high_c, high_s, c0, s0;
        wave(0.5f * low, low_c, low_s);
        wave(0.5f * high, high_c, high_s);
        // The halves of high - middle and of middle - low are high + low / 2 and -(low + high / 2).
        lane twice_c = 1.0f - 2.0f * high_s * high_s, twice_s = 2.0f * high_s * high_c;
        lane upper = sinc(0.5f * (high - middle), twice_s * low_c + twice_c * low_s);
        twice_c = 1.0f - 2.0f * low_s * low_s, twice_s = 2.0f * low_s * low_c;
        lane lower = sinc(0.5f * (middle - low), -(twice_s * high_c + twice_c * high_s));
        auto wide = spread > 0.5f;
        lane scale = -2.0f / spread;
        lane e2 = low * high - middle * middle, e3 = low * middle * high;
        real = wide ? scale * (low_s * upper - high_s * lower) : 1.0f + e2 * (1.0f / 12.0f + e2 * (1.0f / 360.0f));
        imag = wide ? scale * (low_c * upper - high_c * lower) : e3 * (-1.0f / 60.0f);
        mean += bulge;
        wave(mean, c0, s0);
        lane along = low + mean, rise = 2.0f * (upper * low_c - real) - along * imag;
        lane turn = along * real - 2.0f * (upper * low_s + imag);
        wave_of[0] = real * c0 - imag * s0, wave_of[1] = real * s0 + imag * c0;
        slope_of[0] = rise * c0 - turn * s0, slope_of[1] = rise * s0 + turn * c0;
    };
"""

# What those add that need more than a phase: exponentials, angles, and vectors of space.
GEOMETRY = """
    // e^x for x <= 0, within 2e-7 of itself: 2^whole times a series over half a power of two.
    auto exponential = [&](lane x) {
        lane magic = zero + 12582912.0f, held = most(x, zero - 87.0f), turns = held * 1.4426950408889634f + magic;
        lane n = turns - magic, r = (held - n * 0.693359375f) + n * 2.12194440e-4f;
        lane sum = r * (r * (1.0f / 5040.0f) + 1.0f / 720.0f) + 1.0f / 120.0f;
        sum = r * (r * (r * (r * sum + 1.0f / 24.0f) + 1.0f / 6.0f) + 0.5f);
        whole bits = (whole_of(n) + 127) * 8388608;
        lane scale;
        memcpy(&scale, &bits, sizeof(lane));
        return scale * (1.0f + (r + r * sum));
    };
    // Natural logarithm for x > 0, within 2e-7 (Cephes' logf).
    auto logarithm = [&](lane x) {
        whole bits;
        memcpy(&bits, &x, sizeof(lane));
        whole power = (bits >> 23) - 127;
        bits = (bits & 0x7fffff) | 0x3f800000;
        lane m;
        memcpy(&m, &bits, sizeof(lane));
        auto big = m > 1.41421356f;
        lane e = lane_of(power) + (big ? zero + 1.0f : zero);
        m = (big ? 0.5f * m : m) - 1.0f;
        lane w = m * m, sum = m * 7.0376836292e-2f - 1.1514610310e-1f;
        sum = m * (m * (m * sum + 1.1676998740e-1f) - 1.2420140846e-1f) + 1.4249322787e-1f;
        sum = m * (m * (m * (m * sum - 1.6668057665e-1f) + 2.0000714765e-1f) - 2.4999993993e-1f) + 3.3333331174e-1f;
        return (m + (m * w * sum + e * -2.12194440e-4f - 0.5f * w)) + e * 0.693359375f;
    };
    // Angle in rad of (x, y) from the axis of x, within 2e-7 (Cephes' atanf).
    auto angle_of = [&](lane y, lane x) {
        lane up = size_of(y), along = size_of(x), low = least(up, along), high = most(up, along);
        auto wider = low > 0.41421356f * high;
        lane t = (wider ? low - high : low) / most(wider ? low + high : high, zero + 1e-30f), w = t * t;
        lane sum = w * (w * (w * 8.05374449538e-2f - 1.38776856032e-1f) + 1.99777106478e-1f) - 3.33329491539e-1f;
        lane angle = (wider ? zero + 0.78539816339f : zero) + (t + t * w * sum);
        angle = up > along ? 1.57079632679f - angle : angle;
        angle = x < zero ? 3.14159265359f - angle : angle;
        return y < zero ? -angle : angle;
    };
    struct three {
        lane x, y, z;
        CUDA_CALLABLE three operator+(const three& b) const { return {x + b.x, y + b.y, z + b.z}; }
        CUDA_CALLABLE three operator-(const three& b) const { return {x - b.x, y - b.y, z - b.z}; }
        CUDA_CALLABLE three operator*(lane a) const { return {x * a, y * a, z * a}; }
    };
    auto dot = [](const three& a, const three& b) { return a.x * b.x + a.y * b.y + a.z * b.z; };
    auto cross = [](const three& a, const three& b) {
        return three{a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
    };
    auto length = [&](const three& a) { return root(dot(a, a)); };
    auto unit = [&](const three& a) { return a * (1.0f / most(length(a), zero + 1e-20f)); };
    auto pick = [](auto mark, const three& a, const three& b) {
        return three{mark ? a.x : b.x, mark ? a.y : b.y, mark ? a.z : b.z};
    };
    auto same = [&](const auto& v) { return three{zero + v.c[0], zero + v.c[1], zero + v.c[2]}; };
    // A vector turned by a matrix that all lanes share.
    auto turned_by = [&](const wp::mat33& m, const three& a) {
        lane r[3];
        for (int i = 0; i < 3; ++i)
            r[i] = m.data[i][0] * a.x + m.data[i][1] * a.y + m.data[i][2] * a.z;
        return three{r[0], r[1], r[2]};
    };
"""
