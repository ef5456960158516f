"""Tables of points: columns, frames without points, units, damage."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmsynth.datasets import (
    import_source,
)
from mmsynth.datasets.table import read_table
from mmsynth.radar import load_radar


def test_point_table(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(
        "Timestamp,X,Y,Z,Doppler,SNR,colour\n100.0,1,2,3,-0.5,12,red\n100.0,4,5,6,0.5,13,red\n100.3,7,8,9,1,14,blue\n"
    )
    cloud = read_table(path)
    np.testing.assert_allclose(cloud.times, [0, 0.3])
    assert cloud.offsets.tolist() == [0, 2, 3]
    np.testing.assert_allclose(cloud.position, [[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    np.testing.assert_allclose(cloud.velocity, [-0.5, 0.5, 1])
    np.testing.assert_allclose(cloud.snr_db, [12, 13, 14])
    assert bool(cloud.noise_db.isnan().all())


def test_point_table_by_frame_number(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("frame,x,y,z\n5,1,2,3\n5,1,2,3\n8,1,2,3\n")
    radar = load_radar("mars").radar
    cloud = read_table(path, replace(radar, waveform=replace(radar.waveform, frame_period=0.05)))
    assert cloud.offsets.tolist() == [0, 2, 2, 2, 3]
    np.testing.assert_allclose(cloud.times, [0, 0.05, 0.1, 0.15])
    with pytest.raises(ValueError, match="expected a column 'time', or a radar"):
        read_table(path)
    (sample,) = import_source("csv", path, "mars").samples
    np.testing.assert_allclose(sample.cloud.times, [0, 0.1, 0.2, 0.3])


def test_frames_without_points_are_those_whose_numbers_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    # Every second number is a frame; 14 has no points, and after 16 the device was started again.
    rows = [(10, 5.0), (12, 5.1), (12, 5.1), (16, 5.3), (90, 5.4), (92, 5.5)]
    path.write_text("frame,time,x,y,z\n" + "".join(f"{frame},{time},1,2,3\n" for frame, time in rows))
    cloud = read_table(path)
    np.testing.assert_allclose(cloud.times, [0, 0.1, 0.2, 0.3, 0.4, 0.5], atol=1e-9)
    assert cloud.offsets.diff().tolist() == [1, 2, 0, 1, 1, 1]


def test_a_row_without_a_place_is_a_frame_without_points(tmp_path: Path) -> None:
    """Also at both ends, where no other number tells of it: labels count from the first row."""
    path = tmp_path / "p.csv"
    rows = ["0,5.0,,,,", "1,5.1,1,2,3,0.5", "1,5.1,4,5,6,", "2,5.2,nan,nan,nan,nan", "3,5.3,7,8,9,1", "4,5.4,,,,"]
    path.write_text("\n".join(["frame,time,x,y,z,v", *rows]))
    cloud = read_table(path)
    assert cloud.offsets.diff().tolist() == [0, 2, 0, 1, 0]
    np.testing.assert_allclose(cloud.times, [0, 0.1, 0.2, 0.3, 0.4], atol=1e-9)
    np.testing.assert_allclose(cloud.position, [[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    np.testing.assert_allclose(cloud.velocity, [0.5, np.nan, 1])


def test_velocities_in_cm_a_second_are_noticed_without_a_radar(tmp_path: Path) -> None:
    path, speeds = tmp_path / "p.csv", (0, 0, 0, -0.2, 0.3, 1.1)
    for unit, message in ((1, ""), (100, "expected v in m/s, got half of the points that move at 30 or more")):
        path.write_text("time,x,y,z,v\n" + "".join(f"{i / 10},1,2,3,{unit * v:g}\n" for i, v in enumerate(speeds)))
        if message:
            with pytest.raises(ValueError, match=message):
                read_table(path)
        else:
            assert len(read_table(path).velocity) == len(speeds)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a column 'x'"),
        ("frame,x,y,z\n", "at least one point"),
        ("x,y,z\n1,2,3\n", "'frame' or 'time'"),
        ("time,t,x,y,z\n1,1,1,2,3\n", "one column for 'time', got 2"),
        ("time,x,y,z\n1,1,2,three\n", "three"),
        ("time,x,y,z\n1,1,2,nan\n", "finite numbers"),
        ("time,x,y,z\n1,,,\n", "at least one point"),
        ("time,x,y,z\n,1,2,3\n", "finite numbers in time"),
        ("time,x,y,z\n1,1,2\n", "p.csv"),
        ("time,x,y,z\n2,1,2,3\n1,1,2,3\n", "line 3: expected frames in order"),
        (
            "time;x;y;z\n0;1,0;2,0;3,0\n",
            "p.csv: expected columns apart by commas .*, got semicolons",
        ),
        ("frame,time,x,y,z\n1,5,1,2,3\n2,5,1,2,3\n", "a later time for each frame"),
        (
            "time,x,y,z\n1,100,2000,30\n2,0,2010,0\n",
            "expected x, y and z in m, got half of the points beyond 20",
        ),
        ("time,x,y,z,v\n0,1,2,3,0\n0.1,1,2,3,-18\n", "expected v in m/s, at most 17.1 by this radar, got 18"),
        ("timestamp,x,y,z\n1700000000000,1,2,3\n1700000000100,1,2,3\n", "expected times in s, got a frame every 100"),
    ],
)
def test_point_table_damage(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        read_table(path, load_radar("mars").radar)
