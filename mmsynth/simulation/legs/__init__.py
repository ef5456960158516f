"""The way from the antennas to a surface and back: straight, or by the image method over plane mirrors.

* leg: what a leg is; delays, fields and patterns along it.
* images: legs with one more mirror, and which there can be.
* free: whether a way exists over all its mirrors, and nothing is in it.
* structs: legs and patterns as kernels take them.
"""

from mmsynth.simulation.legs.free import free as free
from mmsynth.simulation.legs.free import free_over as free_over
from mmsynth.simulation.legs.images import beside as beside
from mmsynth.simulation.legs.images import extended as extended
from mmsynth.simulation.legs.images import longer as longer
from mmsynth.simulation.legs.images import may_reach as may_reach
from mmsynth.simulation.legs.leg import RADAR_CLEARANCE as RADAR_CLEARANCE
from mmsynth.simulation.legs.leg import SURFACE_OFFSET as SURFACE_OFFSET
from mmsynth.simulation.legs.leg import Leg as Leg
from mmsynth.simulation.legs.leg import Mirror as Mirror
from mmsynth.simulation.legs.leg import between as between
from mmsynth.simulation.legs.leg import delays as delays
from mmsynth.simulation.legs.leg import direct_legs as direct_legs
from mmsynth.simulation.legs.leg import field as field
from mmsynth.simulation.legs.leg import in_radar as in_radar
from mmsynth.simulation.legs.leg import pattern as pattern
from mmsynth.simulation.legs.leg import reflect as reflect
from mmsynth.simulation.legs.leg import share_rays as share_rays
