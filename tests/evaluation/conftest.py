"""The made-up recordings, as fixtures of this folder."""

from made_up import generated as generated
from made_up import posed as posed
from made_up import recordings as recordings
from made_up import write as write
