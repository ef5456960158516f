"""The nouns of the line: frozen, checked at construction. Read this folder first.

    Motion -body model-> MeshSequence -trace-> Paths -synthesize-> AdcFrames
        -range_doppler-> RadarCube -detect-> PointCloud, -beamform-> Heatmap;  all of a clip: Sample

`people`, `scene` and `radar` are what goes in, `signals` what runs down the line, `processing` a device's settings.
Units are SI. World: z up, floor z = 0. Radar frame: x right, y boresight, z up. Array fields carry axes and unit in
their annotation; `mmsynth` (the package docstring) states the conventions.
"""

from mmsynth.types.fields import Amplitude as Amplitude
from mmsynth.types.fields import Excess as Excess
from mmsynth.types.fields import check_kinds as check_kinds
from mmsynth.types.fields import check_numbers as check_numbers
from mmsynth.types.pattern import Pattern as Pattern
from mmsynth.types.people import Labels as Labels
from mmsynth.types.people import MeshSequence as MeshSequence
from mmsynth.types.people import Motion as Motion
from mmsynth.types.people import Skeleton as Skeleton
from mmsynth.types.processing import Cfar as Cfar
from mmsynth.types.processing import ChannelCalibration as ChannelCalibration
from mmsynth.types.processing import Processing as Processing
from mmsynth.types.processing import RadarSetup as RadarSetup
from mmsynth.types.radar import Radar as Radar
from mmsynth.types.radar import Receiver as Receiver
from mmsynth.types.radar import Waveform as Waveform
from mmsynth.types.scene import Material as Material
from mmsynth.types.scene import Scene as Scene
from mmsynth.types.signals import AdcFrames as AdcFrames
from mmsynth.types.signals import Heatmap as Heatmap
from mmsynth.types.signals import Paths as Paths
from mmsynth.types.signals import PointCloud as PointCloud
from mmsynth.types.signals import RadarCube as RadarCube
from mmsynth.types.signals import Sample as Sample
from mmsynth.types.signals import gain_rows as gain_rows
