"""Radars: devices and their profiles, antenna patterns, what a configuration can resolve."""

from mmsynth.radar.describe import advice as advice
from mmsynth.radar.describe import angle_resolution as angle_resolution
from mmsynth.radar.describe import aperture as aperture
from mmsynth.radar.describe import describe as describe
from mmsynth.radar.describe import noise_band as noise_band
from mmsynth.radar.describe import noise_power as noise_power
from mmsynth.radar.device import Device as Device
from mmsynth.radar.device import device_named as device_named
from mmsynth.radar.device import device_of as device_of
from mmsynth.radar.device import devices as devices
from mmsynth.radar.device import load_device as load_device
from mmsynth.radar.if_filter import folded_power as folded_power
from mmsynth.radar.if_filter import if_response as if_response
from mmsynth.radar.pattern import cosine_exponent as cosine_exponent
from mmsynth.radar.pattern import pattern_gain as pattern_gain
from mmsynth.radar.setup import load_radar as load_radar
from mmsynth.radar.setup import processed_by as processed_by
from mmsynth.radar.setup import radar_file as radar_file
from mmsynth.radar.setup import radar_names as radar_names
from mmsynth.radar.ti_cfg import parse_cfg as parse_cfg
from mmsynth.radar.ti_cfg import read_cfg as read_cfg
from mmsynth.radar.ti_write import write_cfg as write_cfg
