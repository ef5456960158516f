"""Data sets, synthetic and real, in one HDF5 format.

`DatasetWriter` writes clips, `Dataset.open` reads them, `Datasets` joins files.
"""

from mmsynth.datasets.attributes import Attributes as Attributes
from mmsynth.datasets.batches import Batch as Batch
from mmsynth.datasets.batches import BatchSettings as BatchSettings
from mmsynth.datasets.batches import WindowDataset as WindowDataset
from mmsynth.datasets.batches import collate as collate
from mmsynth.datasets.capture import Capture as Capture
from mmsynth.datasets.capture import ImportReport as ImportReport
from mmsynth.datasets.capture import write_capture as write_capture
from mmsynth.datasets.cards import Card as Card
from mmsynth.datasets.cards import card_names as card_names
from mmsynth.datasets.cards import check_source as check_source
from mmsynth.datasets.cards import load_card as load_card
from mmsynth.datasets.clips import Clips as Clips
from mmsynth.datasets.clips import FlatPoints as FlatPoints
from mmsynth.datasets.clips import LabelTable as LabelTable
from mmsynth.datasets.dataset import Dataset as Dataset
from mmsynth.datasets.folder import alone as alone
from mmsynth.datasets.folder import run_folder as run_folder
from mmsynth.datasets.importers import import_source as import_source
from mmsynth.datasets.info import info as info
from mmsynth.datasets.joined import Datasets as Datasets
from mmsynth.datasets.joined import files_of as files_of
from mmsynth.datasets.mars import import_mars as import_mars
from mmsynth.datasets.radhar import import_radhar as import_radhar
from mmsynth.datasets.raw.export import export_recordings as export_recordings
from mmsynth.datasets.recordings import import_recordings as import_recordings
from mmsynth.datasets.sources import RecordingSettings as RecordingSettings
from mmsynth.datasets.sources import recording_settings as recording_settings
from mmsynth.datasets.splits import Split as Split
from mmsynth.datasets.splits import load_split as load_split
from mmsynth.datasets.splits import split_names as split_names
from mmsynth.datasets.windows import WindowTable as WindowTable
from mmsynth.datasets.windows import check_lengths as check_lengths
from mmsynth.datasets.windows import keep_points as keep_points
from mmsynth.datasets.windows import lay_end_to_end as lay_end_to_end
from mmsynth.datasets.windows import lengths as lengths
from mmsynth.datasets.windows import periods as periods
from mmsynth.datasets.windows import select_points as select_points
from mmsynth.datasets.windows import take_clips as take_clips
from mmsynth.datasets.windows import windows as windows
from mmsynth.datasets.writer import DatasetWriter as DatasetWriter
