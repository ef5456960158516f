"""From paths to IF samples.

* samples: what is computed; the direct sum, and the choice between the fast ones.
* products: the fast sum as small matrix products in torch: the reference of the kernels, and the route of gradients.
* spreading: the same as kernels, from plan (what a radar's frames share), records (what a path is) and buckets (sums
  over the paths of a range bin).
* series: the polynomial through the knots, and short series of exp(j x).
"""

from mmsynth.simulation.synthesis.samples import synthesize as synthesize
from mmsynth.simulation.synthesis.samples import synthesize_direct as synthesize_direct
from mmsynth.simulation.synthesis.samples import synthesize_frames as synthesize_frames
