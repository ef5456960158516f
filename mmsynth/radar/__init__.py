"""Radars: devices and their profiles, antenna patterns, what a configuration can resolve."""

from mmsynth.radar.device import Device as Device
from mmsynth.radar.device import device_named as device_named
from mmsynth.radar.device import devices as devices
from mmsynth.radar.device import load_device as load_device
from mmsynth.radar.pattern import pattern_gain as pattern_gain
from mmsynth.radar.setup import load_radar as load_radar
from mmsynth.radar.setup import radar_names as radar_names
