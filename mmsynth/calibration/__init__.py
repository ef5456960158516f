"""Simulator settings, and which of several models to trust, from recordings that need no labels."""

from mmsynth.calibration.calibrate import Calibration as Calibration
from mmsynth.calibration.calibrate import calibrate as calibrate
from mmsynth.calibration.cost import Cost as Cost
from mmsynth.calibration.cost import estimate as estimate
from mmsynth.calibration.cost import short as short
from mmsynth.calibration.errors import Distance as Distance
from mmsynth.calibration.levels import Level as Level
from mmsynth.calibration.ranking import Ranking as Ranking
from mmsynth.calibration.ranking import answers as answers
from mmsynth.calibration.ranking import rank as rank
from mmsynth.calibration.settings import CalibrationSettings as CalibrationSettings
