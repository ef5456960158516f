"""Human motion: built-in generators, readers of motion files, interpolation and editing."""

from mmsynth.motion.activity import Activity as Activity
from mmsynth.motion.articulate import breathing as breathing
from mmsynth.motion.articulate import swaying as swaying
from mmsynth.motion.catalogue import ACTIVITIES as ACTIVITIES
from mmsynth.motion.edit import SHORTEST as SHORTEST
from mmsynth.motion.edit import centre as centre
from mmsynth.motion.edit import cut as cut
from mmsynth.motion.edit import heading_of as heading_of
from mmsynth.motion.edit import loop as loop
from mmsynth.motion.edit import mirror as mirror
from mmsynth.motion.edit import noisy as noisy
from mmsynth.motion.edit import place as place
from mmsynth.motion.edit import speed as speed
from mmsynth.motion.generators import generate_motion as generate_motion
from mmsynth.motion.interpolate import resample as resample
from mmsynth.motion.legs import keep_feet as keep_feet
from mmsynth.motion.read import FORMATS as FORMATS
from mmsynth.motion.read import read_motion as read_motion
from mmsynth.motion.scaling import scaled as scaled
from mmsynth.motion.sources import SOURCES as SOURCES
from mmsynth.motion.sources import MotionSource as MotionSource
from mmsynth.motion.sources import list_sources as list_sources
from mmsynth.motion.subject import Range as Range
from mmsynth.motion.subject import Subject as Subject
from mmsynth.motion.subject import sample_subject as sample_subject
