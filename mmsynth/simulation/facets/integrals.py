"""Physical-optics integrals of many smooth facets as one Warp kernel: `scattering.smooth_integral` in lanes.

A lane is a facet; those of a thread are cut alike, so that none waits for another, and nothing branches. The inner part
is native, since LLVM makes no vectors of what Warp writes for it: a piece takes a quarter of the time.
"""

import warp as wp
from torch import Tensor

from mmsynth.simulation.kernels.lanes import LANES, MEAN_WAVE, threads_of
from mmsynth.simulation.kernels.launch import launch, native
from mmsynth.simulation.scattering import MOST_PIECES

wp.set_module_options({"enable_backward": False})

# Numbers of a facet: three corners and three sagittas, each as its place across the bisector (two numbers) and its
# phase along it, and the complex factor of the integral.
NUMBERS = 20

_SNIPPET = (
    LANES
    + MEAN_WAVE
    + f"    lane flat[{NUMBERS}];"
    + """
    read_items(flat);
    const int cut = cuts.data[thread];
    const float step = 1.0f / cut;
    // Node (i, j) of the cut quadratic triangles, from corners and sagittas (`scattering.pieces_of`).
    auto node = [&](int i, int j, lane* at) {
        float a = step * i, b = step * j, c = 1.0f - a - b;
        float d = 4.0f * c * a, e = 4.0f * a * b, f = 4.0f * b * c;
        for (int n = 0; n < 3; ++n)
            at[n] = c * flat[n] + a * flat[n + 3] + b * flat[n + 6]  //
                + d * flat[n + 9] + e * flat[n + 12] + f * flat[n + 15];
    };
    lane bulge = (flat[11] + flat[14] + flat[17]) * (1.0f / (3 * cut * cut));
    lane sum[2] = {zero, zero}, rise[2] = {zero, zero}, mean[2], slope[2], old[3], last[3], at[3];
    for (int i = 0; i < cut; ++i) {
        node(i, 0, old);
        node(i + 1, 0, last);
        for (int m = 1; m < 2 * (cut - i); ++m) {
            // The strip zigzags: (i, 0), (i + 1, 0), (i, 1), (i + 1, 1), ...; every second piece is turned over.
            node(i + 1 - m % 2, (m + 1) / 2, at);
            lane area = (last[0] - old[0]) * (at[1] - old[1]) - (last[1] - old[1]) * (at[0] - old[0]);
            area = most(m % 2 ? area : -area, zero);
            mean_wave(old[2], last[2], at[2], bulge, mean, slope);
            for (int n = 0; n < 2; ++n) {
                sum[n] += area * mean[n];
                rise[n] += area * slope[n];
            }
            for (int n = 0; n < 3; ++n) {
                old[n] = last[n];
                last[n] = at[n];
            }
        }
    }
    float sums[4][L];
    store(sums[0], flat[18] * sum[0] - flat[19] * sum[1]);
    store(sums[1], flat[18] * sum[1] + flat[19] * sum[0]);
    store(sums[2], flat[18] * rise[0] - flat[19] * rise[1]);
    store(sums[3], flat[18] * rise[1] + flat[19] * rise[0]);
    for (int l = 0; l < L; ++l) {
        int item = order.data[thread * L + l];
        if (item < 0)
            continue;
        int facet = item / gains, first = item % gains;
        int end = alike.data[facet] ? gains : first + 1;
        for (int k = first; k < end; ++k)
            for (int n = 0; n < 4; ++n)
                gain.data[facet * gains + k].c[n] += sums[n][l];
    }
"""
)


@native(_SNIPPET, "thread")
def _integrate(
    items: wp.array(dtype=float),
    order: wp.array(dtype=wp.int32),
    cuts: wp.array(dtype=wp.int32),
    alike: wp.array(dtype=wp.uint8),
    gains: int,
    gain: wp.array(dtype=wp.vec4),
):
    """Add to the gains and slopes of facets, strip by strip of their pieces, their integrals times their factors."""


def add_integrals(items: Tensor, cut: Tensor, alike: Tensor, gain: Tensor) -> None:
    """Add to gains and slopes [facets, gains, 4] the integrals of `items` [facets * gains, NUMBERS] times factors.

    `cut` [facets * gains] says in how many pieces to cut the edges of each, 0 for none that counts; of a facet that is
    `alike` [facets], the first counts for all.
    """
    order, cuts = threads_of(cut, MOST_PIECES)
    if len(cuts):
        inputs = [items.flatten(), order, cuts, alike, gain.shape[1], gain.flatten(0, 1)]
        launch(_integrate, len(cuts), inputs, items.device)
