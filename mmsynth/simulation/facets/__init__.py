"""What facets of people return to the radar, by physical optics.

* paths: the paths over all facets that are seen.
* gains: what a facet scatters, in torch: the reference, and the route of gradients.
* fused: the same in one kernel.
* integrals: the phase integral over curved facets, a kernel.
* ways: delays of every antenna and directions, a kernel.
* structs: the surfaces of a pose as kernels take them.
"""
