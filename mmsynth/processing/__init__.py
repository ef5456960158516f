"""From ADC samples to what a radar reports, by the device's own chain: spectra, point clouds, heatmaps.

AdcFrames -range_doppler-> RadarCube -detect-> PointCloud
                                     -beamform-> Heatmap, -micro_doppler-> Heatmap
"""

from mmsynth.processing.cfar import local_maxima as local_maxima
from mmsynth.processing.cfar import noise_estimate as noise_estimate
from mmsynth.processing.cloud import detect as detect
from mmsynth.processing.heatmaps import beamform as beamform
from mmsynth.processing.heatmaps import micro_doppler as micro_doppler
from mmsynth.processing.regions import label_points as label_points
from mmsynth.processing.spectrum import detection_level as detection_level
from mmsynth.processing.spectrum import range_doppler as range_doppler
from mmsynth.processing.tracking import Tracking as Tracking
from mmsynth.processing.tracking import Tracks as Tracks
from mmsynth.processing.tracking import cluster_points as cluster_points
from mmsynth.processing.tracking import track_people as track_people
