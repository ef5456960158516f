"""From labelled clips to a network: windows, features, models, and the loop that trains them.

Reads data sets and nothing that simulates: importing this room leaves the simulator's kernels unloaded.
"""

from mmsynth.training.fit import Estimate as Estimate
from mmsynth.training.fit import estimate as estimate
from mmsynth.training.fit import fit as fit
from mmsynth.training.known import are_known as are_known
from mmsynth.training.predict import Poses as Poses
from mmsynth.training.predict import Predictions as Predictions
from mmsynth.training.predict import predict as predict
from mmsynth.training.predict import predict_poses as predict_poses
from mmsynth.training.radars import other_radar as other_radar
from mmsynth.training.recipe import Recipe as Recipe
from mmsynth.training.recipe import load_recipe as load_recipe
from mmsynth.training.run import Run as Run
from mmsynth.training.run import load_run as load_run
from mmsynth.training.windows import Windows as Windows
from mmsynth.training.windows import WindowSettings as WindowSettings
from mmsynth.training.windows import cut as cut
from mmsynth.training.withheld import held_out as held_out
from mmsynth.training.withheld import leaks as leaks
from mmsynth.training.workers import Team as Team
from mmsynth.training.workers import local_device as local_device
from mmsynth.training.workers import team as team
