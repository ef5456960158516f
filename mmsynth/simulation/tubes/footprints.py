"""Integrals over the footprints of ray tubes as one Warp kernel, in lanes; `closing` says what they are of.

A lane is a tube; those of a thread are cut alike. Lengths are differences from those at the first node of a tube, so
that single precision resolves their phase to 1e-6 rad.
"""

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.kernels.lanes import LANES, MEAN_WAVE, threads_of
from mmsynth.simulation.kernels.launch import launch, native

wp.set_module_options({"enable_backward": False})

# Numbers of a tube. Of each of its six nodes: the way to the last surface there and the place on it, less those of the
# first node, and the length of all ways to the surface before. Then, of the first node, the way to the last surface and
# from there to the RX, whose lengths those before hold; three coefficients of the weight; by how much phase the edges
# bend off straight ones, together.
NUMBERS = 52
# Into how many pieces an edge of a tube is cut at most.
MOST_PIECES = 12

_SNIPPET = (
    LANES
    + MEAN_WAVE
    + f"    lane of[{NUMBERS}];"
    + """
    read_items(of);
    auto length = [&](lane x, lane y, lane z) { return root(x * x + y * y + z * z); };
    const lane *way = of + 42, *out = of + 45, *weight = of + 48;
    const lane along = length(way[0], way[1], way[2]), back = length(out[0], out[1], out[2]);
    const int cut = cuts.data[thread];
    const float step = 1.0f / cut;
    // Phase at node (i, j): quadratic up to the last surface but one, from there by its very distances.
    auto phase = [&](int i, int j) {
        float u = step * i, v = step * j, t = 1.0f - u - v;
        float a = t * (2.0f * t - 1.0f), b = u * (2.0f * u - 1.0f), c = v * (2.0f * v - 1.0f);
        float d = 4.0f * t * u, e = 4.0f * u * v, f = 4.0f * v * t;
        lane at[7];
        for (int n = 0; n < 7; ++n)
            at[n] = a * of[n] + b * of[n + 7] + c * of[n + 14] + d * of[n + 21] + e * of[n + 28] + f * of[n + 35];
        // |x + y| - |x| = y (2 x + y) / (|x + y| + |x|); where a tube starts on its last surface, no way at all.
        lane x = way[0] + at[0], y = way[1] + at[1], z = way[2] + at[2];
        lane more = at[0] * (way[0] + x) + at[1] * (way[1] + y) + at[2] * (way[2] + z);
        lane sum = at[6] + more / most(length(x, y, z) + along, zero + 1e-20f);
        x = out[0] - at[3], y = out[1] - at[4], z = out[2] - at[5];
        lane less = at[3] * (out[0] + x) + at[4] * (out[1] + y) + at[5] * (out[2] + z);
        return wavenumber * (sum - less / (length(x, y, z) + back));
    };
    const lane bulge = of[51] * (step * step / 3.0f);
    lane real = zero, imag = zero, mean[2], unused[2];
    for (int i = 0; i < cut; ++i) {
        lane old = phase(i, 0), last = phase(i + 1, 0);
        for (int m = 1; m < 2 * (cut - i); ++m) {
            // The strip zigzags: (i, 0), (i + 1, 0), (i, 1), (i + 1, 1), ...
            lane at = phase(i + 1 - m % 2, (m + 1) / 2);
            const float third = m % 2 ? 1.0f / 3.0f : 2.0f / 3.0f;
            const float u = step * (i + third), v = step * ((m - 1) / 2 + third);
            lane size = most(weight[0] + weight[1] * u + weight[2] * v, zero);
            mean_wave(old, last, at, bulge, mean, unused);
            real += size * mean[0];
            imag += size * mean[1];
            old = last;
            last = at;
        }
    }
    float sums[2][L];
    store(sums[0], real * (0.5f * step * step));
    store(sums[1], imag * (0.5f * step * step));
    for (int l = 0; l < L; ++l) {
        int item = order.data[thread * L + l];
        if (item >= 0)
            found.data[item] = {sums[0][l], sums[1][l]};
    }
"""
)


@native(_SNIPPET, "thread")
def _integrate(
    items: wp.array(dtype=float),
    order: wp.array(dtype=wp.int32),
    cuts: wp.array(dtype=wp.int32),
    wavenumber: float,
    found: wp.array(dtype=wp.vec2),
):
    """The integral over each tube, strip by strip of its pieces."""


def integrals(items: Tensor, cut: Tensor, wavenumber: float) -> Tensor:
    """Integrals [tubes] (complex) of exp(j phase) over the parameters of tubes, times their weights.

    `items` [tubes, NUMBERS] are those of tubes that count, whose edges are cut into `cut` [tubes] pieces; 0 = it does
    not count, and its integral is zero.
    """
    order, cuts = threads_of(cut, MOST_PIECES)
    found = torch.zeros(len(cut), 2, device=cut.device)
    if len(cuts):
        launch(_integrate, len(cuts), [items.flatten(), order, cuts, wavenumber, found], cut.device)
    return torch.view_as_complex(found)
