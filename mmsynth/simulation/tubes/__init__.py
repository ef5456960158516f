"""Bounces from person to person: shooting and bouncing ray tubes, with physical optics at their last hit.

* shooting: rays from the TX, from surface to surface, and how tubes between them are cut.
* patch: one facet and the smooth surface over it.
* tube: how a tube between six rays goes on, widens, and turns in phase.
* closing: gains of the tubes that end on a surface, towards the RX.
* footprints: their integrals, a kernel in lanes.
* ways: delays and directions over chains of surface points.
* tubes: tubes shot and cut until their sum no longer changes, and the paths along them.
"""
