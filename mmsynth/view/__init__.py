"""Figures: each a pure function from nouns to a matplotlib Figure, which the caller saves with `save_figure`."""

from mmsynth.view.antennas import array_figure as array_figure
from mmsynth.view.body import contact_sheet as contact_sheet
from mmsynth.view.body import draw_mesh as draw_mesh
from mmsynth.view.body import scene_figure as scene_figure
from mmsynth.view.clips import clips_figure as clips_figure
from mmsynth.view.maps import heatmaps_figure as heatmaps_figure
from mmsynth.view.maps import micro_doppler_figure as micro_doppler_figure
from mmsynth.view.poses import pose_figure as pose_figure
from mmsynth.view.scores import ablation_figure as ablation_figure
from mmsynth.view.scores import confusion_figure as confusion_figure
from mmsynth.view.scores import curve_figure as curve_figure
from mmsynth.view.scores import histograms_figure as histograms_figure
from mmsynth.view.style import save_figure as save_figure
