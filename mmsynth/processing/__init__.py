"""From ADC samples to what a radar reports, by the device's own chain: spectra, point clouds, heatmaps.

    AdcFrames -range_doppler-> RadarCube -detect-> PointCloud -track_people-> Tracks
                                         -beamform-> Heatmap, -micro_doppler-> Heatmap

TI's names, in the order of their data path, and where each stands here:

    rangeProc (window, 1D FFT)                        spectrum.range_spectrum
    calibDcRangeSig (antenna coupling)                Processing.dc_range_bins
    clutterRemoval (static clutter)                   Processing.clutter_removal
    dopplerProc (window, 2D FFT, detection matrix)    spectrum.range_doppler, spectrum.detection_level
    cfarCfg (CA, CAGO, CASO; OS beside them)          cfar.noise_estimate
    peakGrouping                                      cfar.local_maxima
    compRangeBiasAndRxChanPhase                       RadarSetup.calibration, by the readers of recordings
    aoaProc: Doppler compensation, BPM decoding       angle.untangle
    aoaProc: azimuth FFT, multiObjBeamForming         angle.row_spectra, angle.second_peak
    aoaProc: elevation from the raised transmitter    angle.elevation_cosine
    extendedMaxVelocity                               Processing.extended_velocity
    cfarFovCfg, aoaFovCfg                             Processing.range_limits, velocity_limits, azimuth_limits ...

Beside the device's chain stand what research uses: the strongest cells as points (`Processing.points`), Capon and MUSIC
maps (`Processing.angle_method`), clusters and tracks of people.
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
