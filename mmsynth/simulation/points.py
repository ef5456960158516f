"""The naive scatterer, for comparison: every visible facet is one isotropic point."""

from torch import Tensor


def point_amplitude(area: Tensor, cosines: Tensor) -> Tensor:
    """Square-root RCS [facets] in m of a point that returns what falls on a facet, evenly: sqrt(area cos_i).

    `cosines` [2, facets] are those of incidence and scattering; with their geometric mean the law is reciprocal. The
    phase is that of the way to the centroid alone, which undersamples a facet of several wavelengths.
    """
    return (area * (cosines[0] * cosines[1]).clamp_min(1e-12).sqrt()).sqrt()
