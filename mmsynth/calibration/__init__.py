"""Simulator settings from recordings that need no labels."""

from mmsynth.calibration.calibrate import Calibration as Calibration
from mmsynth.calibration.calibrate import CalibrationSettings as CalibrationSettings
from mmsynth.calibration.calibrate import calibrate as calibrate
