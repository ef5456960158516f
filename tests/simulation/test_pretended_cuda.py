"""The simulator on a pretended CUDA device (`pretended.py`): what a GPU would refuse is found without one."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from simulation.scenes import error_db
from simulation.test_frames import walker

from mmsynth.simulation import Simulation, simulate_clean
from mmsynth.types import Radar, Scene

# Somebody walks in a room, whose walls mirror, before TX and RX that are apart: all kernels but the phases of one RX.
SCRIPT = """
import pretended
import sys
import torch
from simulation.test_pretended_cuda import apart
from mmsynth.arrays import moved
from mmsynth.processing import beamform, range_doppler
from mmsynth.simulation import receive, simulate_clean
from mmsynth.types import AdcFrames, Processing

with pretended.Pretend():
    scene, radar, settings = apart()
    clean = simulate_clean(moved(scene, "cuda:0"), radar, 1, settings, 7)
    cube = range_doppler(AdcFrames(radar, receive(clean, radar, torch.Generator()), torch.zeros(1)), Processing())
    made = [clean, cube.spectrum, beamform(cube, "range_doppler", Processing()).power]
    assert all(x.is_cuda for x in made)
    for mixed in (lambda: clean + torch.zeros(clean.shape), lambda: clean[0, 0, 0, 0].real.numpy()):
        try:
            mixed()
        except (RuntimeError, TypeError):
            continue
        raise SystemExit("what a GPU refuses was not refused")
    torch.save(clean.cpu(), sys.argv[1])
"""


def apart() -> tuple[Scene, Radar, Simulation]:
    """The scene of the test, in either process."""
    scene, radar, settings = walker("radhar", 8, True)
    # One RX: its kernel is compiled in a tenth of the time of four.
    return scene, replace(radar, rx=radar.rx[:1] + 0.1), settings


@pytest.mark.slow
def test_the_line_runs_on_a_pretended_device_and_gives_what_the_cpu_gives(tmp_path: Path) -> None:
    scene, radar, settings = apart()
    want, out = simulate_clean(scene, radar, 1, settings, 7), tmp_path / "samples.pt"
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(out)], cwd=tests, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # Threads in another order, one lane instead of eight, a bucket in eight pieces: rounding of single precision.
    assert error_db(torch.load(out, weights_only=True), want) < -110
