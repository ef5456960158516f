"""From paths to IF samples: the direct sum, and the fast ones."""

from mmsynth.simulation.synthesis.samples import synthesize as synthesize
from mmsynth.simulation.synthesis.samples import synthesize_direct as synthesize_direct
from mmsynth.simulation.synthesis.samples import synthesize_frames as synthesize_frames
