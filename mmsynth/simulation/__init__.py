"""Simulation: from surfaces in motion to the samples of a radar's ADC.

From the top down, each importing only what stands below it:

* simulate: a clip, several frames at once: trace, synthesize, receive.
* room, retrace, shadows: echoes of what stands still, once a clip, where they meet it, and what people hide of them.
  outline: what waves that pass people lose, and what their outline bends.
* paths: the trace of people, by facets, mirrors and tubes, and sets of paths.
* tubes/, mirrors/: bounces from person to person, and off the flat surfaces of a room.
* facets/: what facets return by physical optics.
* bones: SynMotion's ellipsoids, for comparison.
* visible: which facets the antennas see.
* legs/: the way from the antennas to a surface, straight or over mirrors.
* pose, surface: the surfaces of a scene at the knots of a frame, and the geometry of their facets. cutting: large ones
  near by in pieces.
* scattering: Fresnel, phase integrals, roughness, Lambert, materials.
* rays/: shadow rays.
* synthesis/: from paths to samples. receiver: filters, noise and imperfections of the device.
* budget: what may be left out. settings: what is simulated, and when bodies are posed. memory: for worker processes.
* kernels/: how Warp kernels are written.

Kernels carry no gradients: where somebody asks for one, the reference of a kernel in plain torch takes its place.
"""

from mmsynth.simulation.memory import hold_memory as hold_memory
from mmsynth.simulation.paths import trace as trace
from mmsynth.simulation.receiver import receive as receive
from mmsynth.simulation.room import trace_room as trace_room
from mmsynth.simulation.settings import Simulation as Simulation
from mmsynth.simulation.settings import frame_knots as frame_knots
from mmsynth.simulation.settings import knot_times as knot_times
from mmsynth.simulation.settings import settled as settled
from mmsynth.simulation.simulate import simulate as simulate
from mmsynth.simulation.simulate import simulate_clean as simulate_clean
from mmsynth.simulation.simulate import simulate_room as simulate_room
from mmsynth.simulation.simulate import simulate_traced as simulate_traced
from mmsynth.simulation.simulate import with_room as with_room
from mmsynth.simulation.synthesis import synthesize as synthesize
from mmsynth.simulation.synthesis import synthesize_direct as synthesize_direct
from mmsynth.simulation.synthesis import synthesize_frames as synthesize_frames
