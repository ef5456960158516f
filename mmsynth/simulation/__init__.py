"""Simulation: from surfaces in motion to the samples of a radar's ADC."""

from mmsynth.simulation.memory import hold_memory as hold_memory
from mmsynth.simulation.paths import trace as trace
from mmsynth.simulation.receiver import receive as receive
from mmsynth.simulation.room import trace_room as trace_room
from mmsynth.simulation.settings import Simulation as Simulation
from mmsynth.simulation.settings import frame_knots as frame_knots
from mmsynth.simulation.settings import knot_times as knot_times
from mmsynth.simulation.simulate import simulate as simulate
from mmsynth.simulation.simulate import simulate_clean as simulate_clean
from mmsynth.simulation.simulate import simulate_traced as simulate_traced
from mmsynth.simulation.synthesis import synthesize as synthesize
from mmsynth.simulation.synthesis import synthesize_direct as synthesize_direct
from mmsynth.simulation.synthesis import synthesize_frames as synthesize_frames
