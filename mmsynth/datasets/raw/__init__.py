"""Raw recordings and device logs: DCA1000, TI's cascade, Infineon, plain arrays; of points TI's UART and Visualizer."""

from mmsynth.datasets.raw.arrays import Layout as Layout
from mmsynth.datasets.raw.arrays import read_array as read_array
from mmsynth.datasets.raw.cascade import read_cascade as read_cascade
from mmsynth.datasets.raw.cascade import write_cascade as write_cascade
from mmsynth.datasets.raw.dca1000 import Order as Order
from mmsynth.datasets.raw.dca1000 import order_of as order_of
from mmsynth.datasets.raw.dca1000 import read_dca1000 as read_dca1000
from mmsynth.datasets.raw.dca1000 import write_dca1000 as write_dca1000
from mmsynth.datasets.raw.export import export_recordings as export_recordings
from mmsynth.datasets.raw.infineon import infineon_setup as infineon_setup
from mmsynth.datasets.raw.infineon import read_infineon as read_infineon
from mmsynth.datasets.raw.infineon import write_infineon as write_infineon
from mmsynth.datasets.raw.recording import Recording as Recording
from mmsynth.datasets.raw.recording import board_correction as board_correction
from mmsynth.datasets.raw.ti_replay import read_replay as read_replay
from mmsynth.datasets.raw.ti_uart import UartLog as UartLog
from mmsynth.datasets.raw.ti_uart import read_ti_uart as read_ti_uart
