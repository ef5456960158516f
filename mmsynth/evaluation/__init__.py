"""Scores on recordings: leak-free protocols, controls, and the report."""

from mmsynth.evaluation.evaluate import Report as Report
from mmsynth.evaluation.evaluate import evaluate as evaluate
from mmsynth.evaluation.pose import PoseReport as PoseReport
from mmsynth.evaluation.pose import evaluate_poses as evaluate_poses
from mmsynth.evaluation.protocol import Corpus as Corpus
from mmsynth.evaluation.protocol import corpus as corpus
from mmsynth.evaluation.protocol import folds as folds
from mmsynth.evaluation.scores import Scores as Scores
from mmsynth.evaluation.shares import share_curve as share_curve
