"""RadHAR's text: columns, frames, drops, damage; and the published folder itself."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from mmsynth.datasets import Dataset, import_radhar, import_source, load_card, write_capture
from mmsynth.datasets.rostext import frame_times, read_ros_text

_START = 1561866868  # 30 June 2019, 03:54:28 UTC


def block(point: int, x: float, y: float, z: float, v: float = 0.0, nsecs: int = 0, secs: int = _START) -> str:
    # As rostopic prints it: nanoseconds are padded to nine places with blanks.
    return (
        f"header: \n  seq: 7\n  stamp: \n    secs: {secs}\n    nsecs: {nsecs:>9}\n  frame_id: \"ti_mmwave\"\n"
        f"point_id: {point}\nx: {x!r}\ny: {y!r}\nz: {z!r}\nrange: 2.0\nvelocity: {v!r}\ndoppler_bin: 8\n"
        f"bearing: 1.5\nintensity: 25.5\n---\n"
    )  # fmt: skip


def folder(root: Path, text: str, name: str = "Train/walk/a.txt") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return root


def test_columns_go_to_the_radar_frame(tmp_path: Path) -> None:
    text = block(0, 2.0, 0.5, -0.25, v=-0.6147) + block(1, 1.5, -0.5, 1e-05, v=0.6147)
    (sample,) = import_radhar(folder(tmp_path, text)).samples
    # Forward is y; the driver's y is left, the radar's x right; negative = approaching in both.
    expected = np.array([[-0.5, 2.0, -0.25], [0.5, 1.5, 1e-05]], np.float32)
    np.testing.assert_array_equal(sample.cloud.position.numpy(), expected)
    np.testing.assert_array_equal(sample.cloud.velocity.numpy(), np.array([-0.6147, 0.6147], np.float32))
    assert sample.id == "a"
    assert (sample.labels.activity, sample.labels.session) == ("walk", "2019-06-30-a")
    assert sample.provenance["start"] == "2019-06-30T03:54:28.000+00:00"


def test_what_macos_adds_to_an_archive_is_no_take(tmp_path: Path) -> None:
    folder(tmp_path, block(0, 2.0, 0.5, -0.25))
    folder(tmp_path, "Mac OS X", "__MACOSX/Train/walk/._a.txt")
    capture = import_source("radhar", tmp_path)
    assert [sample.id for sample in capture.samples] == ["a"]
    assert any(note.startswith("missing: 1 of 131 files Train/*/*.txt") for note in capture.report.notes)


@pytest.mark.parametrize(
    ("date", "first", "last", "session"),
    [
        # From the first take's stamp to the last one's of each sitting, in UTC.
        ("2019-06-28", "00:27", "01:02", "2019-06-28-a"),
        ("2019-06-28", "01:38", "01:53", "2019-06-28-b"),
        ("2019-06-30", "03:01", "04:07", "2019-06-30-a"),
        ("2019-06-30", "04:18", "04:37", "2019-06-30-b"),
        # Takes of other days are of no sitting, but of their own day.
        ("2019-06-27", "23:59", "23:59", "2019-06-27"),
        ("2019-06-29", "00:00", "23:59", "2019-06-29"),
        ("2019-07-01", "00:00", "23:59", "2019-07-01"),
    ],
)
def test_a_take_is_of_the_day_and_the_sitting_of_its_stamp(
    tmp_path: Path, date: str, first: str, last: str, session: str
) -> None:
    for clock in (first, last):
        stamp = int(datetime.fromisoformat(f"{date}T{clock}:00+00:00").timestamp())
        folder(tmp_path, block(0, 2.0, 0.0, 0.0, secs=stamp), f"Train/walk/{clock.replace(':', '')}.txt")
    found = {sample.labels.session for sample in import_radhar(tmp_path).samples}
    assert found == {session} and session.startswith(date)


def test_frames_begin_at_point_zero_on_the_radars_beat(tmp_path: Path) -> None:
    # Two messages a burst, the second burst 66.7 ms later, then a pause in which two frames were lost.
    stamps = [1_000_000, 2_000_000, 67_700_000, 68_700_000, 201_000_000, 202_000_000]
    text = "".join(block(k, 2.0, 0.0, 0.0, nsecs=t) for t in stamps for k in (0, 1, 3))
    capture = import_radhar(folder(tmp_path, text))
    (sample,) = capture.samples
    np.testing.assert_array_equal(sample.cloud.offsets.numpy(), np.arange(0, 19, 3))
    # The configuration writes the period as 33.333 ms: 1e-5 off a thirtieth of a second.
    np.testing.assert_allclose(sample.cloud.times.numpy() * 30, [0, 1, 2, 3, 6, 7], rtol=2e-5)
    assert capture.report.dropped["frames lost by the recorder"] == 2


def test_points_before_the_first_whole_frame_are_left_out(tmp_path: Path) -> None:
    """A recorder is switched on in the middle of a frame; a take begins with its first whole one."""
    cut = "".join(block(k, 2.0 + k, 0.0, 0.0, secs=_START - 1) for k in (4, 5))
    whole = "".join(block(k, 3.0 + k, 0.0, 0.0, nsecs=t) for t in (0, 33_000_000) for k in (0, 1))
    capture = import_radhar(folder(tmp_path, cut + whole))
    (sample,) = capture.samples
    assert sample.cloud.position[:, 1].tolist() == [3, 4, 3, 4] and sample.cloud.offsets.tolist() == [0, 2, 4]
    assert capture.report.dropped["points before a file's first whole frame"] == 2
    assert sample.provenance["start"] == "2019-06-30T03:54:28.000+00:00"


def test_a_steady_recording_loses_nothing() -> None:
    stamps = np.repeat(np.arange(300) / 15, 2) + np.tile([0.0, 0.001], 300)
    np.testing.assert_allclose(frame_times(stamps, 1 / 30), np.arange(600) / 30, atol=1e-9)


def test_frames_that_come_one_by_one_are_missed_one_by_one() -> None:
    number = np.delete(np.arange(100), [10, 40, 41, 70])
    jitter = np.random.default_rng(0).uniform(0, 0.02, len(number))
    np.testing.assert_allclose(frame_times(0.1 * number + jitter, 0.1), 0.1 * number, atol=1e-9)
    np.testing.assert_allclose(frame_times(np.array([5.0]), 0.1), [0.0])


def test_what_cannot_be_a_person_is_dropped_and_counted(tmp_path: Path) -> None:
    points = [
        (0.2, 0.2, 0.2, 0.0),
        (2.0, 0.0, 0.0, 0.0),
        (69.0, 0.0, 0.0, 0.0),
        (2.0, 0.0, 0.0, -887.0),
        (0.3, 0.2, 0, 0),
    ]
    text = "".join(block(k, *p) for k, p in enumerate(points))
    capture = import_radhar(folder(tmp_path, text))
    (sample,) = capture.samples
    assert len(sample.cloud.velocity) == 2 and len(sample.cloud.times) == 1
    assert sorted(count for count in capture.report.dropped.values() if count) == [1, 1, 1]
    assert capture.report.read == {"files": 1, "frames": 1, "points": 5}
    # At the limits themselves, in space and of either sign.
    kept = [(0.3, 0.0, 0.19, 0.0), (5.09, 0.0, 0.0, 4.9), (2.0, 0.0, 0.0, -4.9)]
    left = [(0.0, 0.3, 0.17, 0.0), (5.0, 0.0, -1.2, 0.0), (2.0, 0.0, 0.0, 5.1)]
    text = "".join(block(k, *p) for k, p in enumerate([*kept, *left]))
    (sample,) = import_radhar(folder(tmp_path / "limits", text)).samples
    np.testing.assert_allclose(sample.cloud.position[:, 1], [x for x, *_ in kept], rtol=1e-6)


def test_damaged_blocks_are_left_out_and_counted(tmp_path: Path) -> None:
    good = block(0, 2.0, 0.0, 0.0)
    cases = {
        "cut": good * 2 + good[:150],
        "no end of line": good * 2 + good[:-2],
        "wrong key": good * 2 + good.replace("bearing", "baering"),
        "no number": good * 2 + good.replace("x: 2.0", "x: two"),
        "nan": good * 2 + good.replace("x: 2.0", "x: nan"),
        "line too many": good * 2 + good.replace("---", "more: 1\n---"),
        "line lost": good + good.replace("z: 0.0\n", "") + good,
        "empty line": good + "\n" + good + good.replace("x: 2.0", "x: "),
    }
    for name, text in cases.items():
        path = tmp_path / "a.txt"
        path.write_text(text)
        columns, damaged = read_ros_text(path)
        want = (1, 2) if name == "empty line" else (2, 1)
        assert (len(columns["x"]), damaged) == want, name
    for text in ("", "hello\n", good[:100], "---\n---\n"):
        path.write_text(text)
        with pytest.raises(ValueError, match="found no whole one"):
            read_ros_text(path)


def test_mutated_text_is_read_or_refused(tmp_path: Path) -> None:
    text = np.frombuffer((block(0, 2.0, 0.1, 0.2) + block(1, 1.0, 0.2, 0.3)).encode(), np.uint8)
    draw = np.random.default_rng(0)
    path = tmp_path / "a.txt"
    for _ in range(300):
        mutant = text.copy()
        mutant[draw.integers(0, len(text), 3)] = draw.integers(0, 256, 3)
        path.write_bytes(mutant[: draw.integers(1, len(text) + 1)].tobytes())
        try:
            columns, damaged = read_ros_text(path)
        except ValueError:
            continue
        assert damaged >= 0 and all(np.isfinite(c).all() for c in columns.values())


def test_not_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such folder"):
        import_radhar(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="found none"):
        import_radhar(tmp_path)
    with pytest.raises(ValueError, match="nearest: 'radhar'"):
        import_source("radahr", tmp_path)


def test_an_import_tells_what_is_known_to_be_wrong_and_what_is_missing(tmp_path: Path) -> None:
    folder(tmp_path / "src", block(0, 2.0, 0.0, 0.0))
    lines = write_capture(import_source("radhar", tmp_path / "src"), tmp_path / "a.h5").lines()
    assert Dataset.open(tmp_path / "a.h5").attributes.notes["import"].split("\n") == lines
    known = [line.removeprefix("known: ") for line in lines if line.startswith("known: ")]
    assert tuple(known) == load_card("radhar").defects
    assert any(line.startswith("missing: ") for line in lines[-2:])


def test_nothing_is_left_of_an_import_that_fails(tmp_path: Path) -> None:
    folder(tmp_path / "src", block(0, 2.0, 0.0, 0.0))
    folder(tmp_path / "src", "hello\n", "Train/walk/b.txt")
    with pytest.raises(ValueError, match="b.txt"):
        write_capture(import_radhar(tmp_path / "src"), tmp_path / "out.h5")
    assert [p.name for p in tmp_path.iterdir()] == ["src"]


@pytest.mark.real
@pytest.mark.slow
def test_the_published_folder(real_data: Path, tmp_path: Path) -> None:
    report = write_capture(import_radhar(real_data / "radhar"), tmp_path / "r.h5")
    assert report.read == {"files": 131, "frames": 78812, "points": 1641362}
    assert sum(report.dropped.values()) == 500158 + 460 + 2
    with Dataset.open(tmp_path / "r.h5") as data:
        flat = data.points()
        assert len(flat.values) == 1641362 - 500158 - 460
        # Doppler bins of the configuration's own step, approaching = negative: a walker's range falls while v < 0.
        assert data.attributes.radar is not None
        step = data.attributes.radar.velocity_resolution
        np.testing.assert_allclose(flat.values[:, 3] / step, np.rint(flat.values[:, 3] / step), atol=2e-3)
        assert _range_rate_agrees(data) > 0.8


def _range_rate_agrees(data: Dataset) -> float:
    """Share of steps of half a second in which walkers' range changes as the sign of their mean velocity says."""
    agree = []
    for i in np.flatnonzero(data.labels.activity == "walk"):
        cloud = data[int(i)].cloud
        moving = cloud.velocity.abs() > 0.05
        distance, v = cloud.position.norm(dim=1)[moving].numpy(), cloud.velocity[moving].numpy()
        block = (cloud.times[cloud.frame_index()][moving].numpy() / 0.5).astype(int)
        count = np.bincount(block)
        mean = np.bincount(block, distance) / np.maximum(count, 1)
        speed = np.bincount(block, v) / np.maximum(count, 1)
        both = (count[:-1] >= 3) & (count[1:] >= 3) & (np.abs(speed[:-1] + speed[1:]) > 1.0)
        agree += (np.sign(np.diff(mean)) == np.sign(speed[:-1] + speed[1:]))[both].tolist()
    return float(np.mean(agree))
