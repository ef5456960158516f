"""Figures show what they are given, where it is."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from mmsynth import view
from mmsynth.geometry import radar_pose
from mmsynth.types import Heatmap, Labels, Radar, Sample, Waveform
from mmsynth.view.style import edges, new_figure


def texts(figure: Figure) -> list[str]:
    found = [figure.get_suptitle()]
    for axes in figure.axes:
        legend = axes.get_legend()
        found += [t.get_text() for t in axes.texts] + [axes.get_title(loc="left"), axes.get_xlabel()]
        found += [t.get_text() for t in legend.get_texts()] if legend else []
    return found


def test_scene_shows_the_points_of_its_frames_where_they_are(cube, cloud):
    figure = view.scene_figure(cube, cloud, 1, slice(1, 2), radar_pose((0.0, 0.0, 1.0)), "title")
    front, side = figure.axes[:2]
    assert front.collections[-1].get_offsets().data == pytest.approx(cloud.position[1:, [0, 2]].numpy())
    assert side.collections[-1].get_offsets().data == pytest.approx(cloud.position[1:, [1, 2]].numpy())
    assert "title" in texts(figure)
    # Receding is red, approaching blue; the radar hangs 1 m over the floor.
    figure.canvas.draw()
    receding, approaching = front.collections[-1].get_facecolors()
    assert receding[0] > receding[2] and approaching[2] > approaching[0]
    assert front.lines[0].get_ydata()[0] == pytest.approx(-1.0)


def test_clips_show_their_points_in_space_and_time(cloud):
    joints = torch.zeros(2, 19, 3)
    clips = [Sample("one", Labels("walk"), cloud, joints=joints, joint_set="mars19"), Sample("two", Labels(), cloud)]
    figure = view.clips_figure(clips)
    front, above, time = figure.axes[:3]
    assert front.collections[0].get_offsets().data == pytest.approx(cloud.position[:, [0, 2]].numpy())
    assert above.collections[0].get_offsets().data == pytest.approx(cloud.position[:, [0, 1]].numpy())
    moments = torch.stack([cloud.times[cloud.frame_index()], cloud.velocity], 1)
    assert time.collections[0].get_offsets().data == pytest.approx(moments.numpy())
    count = len(cloud.velocity)
    assert {"walk", "one", f"{count} points in 2 frames", "no label"} <= set(texts(figure))
    assert len(front.lines) > 10 and not figure.axes[3].lines  # sticks of the clip whose joints are known
    figure.canvas.draw()
    # A body is drawn whole, also where few points are of it: that of the instant in the middle.
    far = replace(clips[0], joints=joints + torch.tensor([[[9.0, 4.0, 5.0]], [[-3.0, 4.0, 5.0]]]))
    front = view.clips_figure([far]).axes[0]
    assert front.get_xlim()[0] < -3 and front.get_ylim()[1] > 5 and front.get_xlim()[1] < 9
    assert {float(x) for line in front.lines for x in line.get_xdata()} == {-3.0}


def test_clips_show_the_heatmaps_of_the_instant_in_the_middle(cloud):
    """Of the kinds that all of them have: levels of one frame under its strongest cell, up to 5 m."""
    rows, columns = torch.arange(1.0, 7.0), torch.linspace(-1.0, 1.0, 4)
    power = torch.arange(3 * 6 * 4, dtype=torch.float32).square().reshape(3, 6, 4)
    doppler, azimuth = (
        Heatmap(kind, power, rows, columns, torch.arange(3.0)) for kind in ("range_doppler", "range_azimuth")
    )
    clips = [
        Sample("one", Labels("walk"), cloud, heatmaps=(azimuth, doppler)),
        Sample("two", Labels(), cloud, heatmaps=(doppler,)),
    ]
    figure = view.clips_figure(clips)
    assert texts(figure).count("range-Doppler") == 2 and "range-azimuth" not in texts(figure)
    assert figure.get_suptitle() == ""
    drawn = figure.axes[3].collections[0].get_array()
    assert np.asarray(drawn).reshape(5, 4) == pytest.approx((power[1, :5] - power[1, 4, 3]).numpy())
    both = texts(view.clips_figure(clips[:1]))
    assert both.index("range-Doppler") < both.index("range-azimuth") and "azimuth, degrees" in both
    figure.canvas.draw()


@pytest.mark.parametrize(("side", "depth", "near"), [("front", 1, 2.0), ("side", 0, 0.5), ("top", 2, 1.0)])
def test_only_the_side_that_faces_the_viewer_is_drawn(cube, side, depth, near):
    axes = new_figure(2, 2).add_subplot()
    vertices, faces = cube.vertices[0].numpy(), cube.faces.numpy()
    view.draw_mesh(axes, vertices, faces, side)
    drawn = axes.collections[0].get_paths()
    facing = [f for f in faces if np.allclose(vertices[f][:, depth], near)]
    right, up = {"front": (0, 2), "side": (1, 2), "top": (0, 1)}[side]
    want = sorted(vertices[f][:, [right, up]].tolist() for f in facing)
    assert sorted(path.vertices[:3].tolist() for path in drawn) == want


def test_contact_sheet_has_a_row_a_clip_and_its_times(cube):
    figure = view.contact_sheet([("walk", cube), ("run", cube)], columns=3)
    assert len(figure.axes) == 6
    assert {"walk", "run", "0.00 s", "0.10 s", "0.20 s"} <= set(texts(figure))
    bare = texts(view.contact_sheet([("turned", cube)], columns=3, clock=False))
    assert "turned" in bare and not any(text.endswith(" s") for text in bare)


def heatmap(kind: str, rows: int = 20, columns: int = 9) -> Heatmap:
    power = torch.randn(2, rows, columns, generator=torch.Generator().manual_seed(0))
    power[:, 7, 6] = 30.0
    return Heatmap(kind, power, torch.arange(rows) * 0.1, torch.linspace(-1, 1, columns), torch.arange(2) / 10)


def test_heatmaps_put_the_strongest_cell_at_its_range_and_angle():
    maps = [heatmap("range_doppler"), heatmap("range_azimuth"), heatmap("range_elevation")]
    figure = view.heatmaps_figure(maps, frame=1, max_range=1.5)
    for axes, kind in zip(figure.axes, ("velocity", "azimuth", "elevation"), strict=False):
        image = axes.collections[0]
        row, column = np.unravel_index(image.get_array().argmax(), image.get_array().shape)
        assert image.get_array().max() == 0 and image.get_array().shape == (16, 9)
        corner = np.asarray(image.get_coordinates())[row : row + 2, column : column + 2].mean((0, 1))
        expected = 0.5 if kind == "velocity" else math.degrees(0.5)
        assert corner == pytest.approx([expected, 0.7]) and kind in axes.get_xlabel()


def test_micro_doppler_strings_the_frames_together():
    clip = Heatmap(
        "micro_doppler", torch.zeros(3, 8, 4), torch.linspace(-2, 2, 8), torch.arange(4) / 80, torch.arange(3) / 10
    )
    clip.power[2, 6, 1] = 50.0
    axes = view.micro_doppler_figure(clip, 0.1).axes[0]
    mesh = axes.collections[0]
    row, column = np.unravel_index(mesh.get_array().argmax(), mesh.get_array().shape)
    assert np.asarray(mesh.get_coordinates())[row, column] == pytest.approx([0.2 + 1.5 * 0.1 / 4, float(clip.rows[6])])


def test_confusion_matrix_is_read_by_row():
    figure = view.confusion_figure(np.array([[18, 2], [5, 5]]), ["sit", "stand"])
    found = texts(figure)
    assert {"90 %", "10 %", "50 %", "18", "2"} <= set(found)
    # Of windows 77 % are right.
    assert any("balanced accuracy 70.0 %, n = 30" in text for text in found)
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    # Rows from above: what sits and is taken for standing is in the first row's second cell.
    assert [t.get_text() for t in axes.texts if t.get_position()[0] == 1 and t.get_position()[1] < 0.5] == ["10 %", "2"]


def test_a_class_without_examples_does_not_count():
    figure = view.confusion_figure(np.array([[4, 0, 0], [0, 4, 0], [0, 0, 0]]), ["a", "b", "c"])
    assert any("100.0 %" in text for text in texts(figure))


def test_histograms_share_their_bins():
    rng = np.random.default_rng(0)
    figure = view.histograms_figure(
        {
            "range, m": (rng.normal(2, 1, 500), rng.normal(3, 1, 500), rng.normal(2.5, 1, 500)),
            "n": ([1, 2], [2, 3], [3, 9]),
        }
    )
    first, second = figure.axes[:2]
    assert len(first.patches) == 40 + 2 and {"recorded", "simulated", "calibrated"} <= set(texts(figure))
    # Whole numbers get a bin each, centred on them.
    assert {round(p.get_x() % 1, 6) for p in second.patches[:-2]} == {0.5}


def test_histograms_show_all_of_each_sample():
    # Steps of a device, rounded differently, and a few simulated values far from thousands of recorded ones.
    real, before, after = np.full(5000, 0.6147), np.full(4, 0.6146), np.array([2.0, 2.0, 0.6146])
    for others in ((before, after), (after, before), (before, before[:0])):
        (axes,) = view.histograms_figure({"speed (m/s)": (real, *others)}).axes[:1]
        bars = axes.patches[:-2]
        assert sum(bar.get_height() * bar.get_width() for bar in bars) == pytest.approx(1)
        for outline, values in zip(axes.patches[-2:], others, strict=True):
            x, y = outline.get_xy().T
            area = abs(float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))) / 2
            assert area == pytest.approx(1 if len(values) else 0)


def test_steps_of_a_device_fall_into_the_same_bins_however_they_are_rounded():
    # 39 bins over six steps: every second step lies half a bin from one.
    steps = 0.6147 * np.repeat(np.arange(1, 8), 100)
    (axes,) = view.histograms_figure({"speed (m/s)": (steps + 1e-7, steps - 1e-7, steps)}).axes[:1]
    tops = [[bar.get_height() for bar in axes.patches[:-2]], *(line.get_xy()[1:-1:2, 1] for line in axes.patches[-2:])]
    filled = [np.flatnonzero(own).tolist() for own in tops]
    assert filled[0] == filled[1] == filled[2] and len(filled[0]) == 7


def test_array_figure_gives_the_beam_widths_of_theory():
    half = 299792458.0 / 79e9 / 2
    waveform = Waveform(79e9, 1.0, 2, 2.0, 0.0, 1.0, 1, 10.0)
    row = half * torch.tensor([[float(i), 0, 0] for i in range(8)], dtype=torch.float64)
    radar = Radar("eight in a row", waveform, row[:1], row, torch.ones(1, 1, dtype=torch.float64))
    found = texts(view.array_figure(radar))
    # Uniform array of 8 half wavelengths: 0.886 lambda / L = 12.7 degrees.
    assert "azimuth: 13° at -3 dB" in found and "elevation: none" in found
    assert "virtual array: 8" in found and "eight in a row" in found
    # TX are numbered as on the board and in the printed schedule.
    assert [text for text in found if text.isdigit()] == ["1"]


def test_a_figure_is_written_in_the_format_of_its_name(tmp_path, cube, cloud):
    figure = view.contact_sheet([("cube", cube)], columns=2)
    for name, magic in (("a.png", b"\x89PNG"), ("a.pdf", b"%PDF"), ("a.svg", b"<?xml")):
        assert view.save_figure(figure, tmp_path / name).read_bytes().startswith(magic)


def test_edges_enclose_the_centres():
    assert edges(np.array([0.0, 1, 3])).tolist() == [-0.5, 0.5, 2.0, 4.0]
    assert edges(np.array([2.0])).tolist() == [1.5, 2.5]


def test_every_arm_of_a_curve_has_a_line_of_its_own():
    arms = {f"arm {k}": (np.array([np.nan, 0.5 + k / 20]), np.array([np.nan, 0.01])) for k in range(7)}
    (axes,) = view.curve_figure((0.0, 0.25), arms, "balanced accuracy").axes
    drawn = [bars.lines[0] for bars in axes.containers]
    assert [line.get_ydata().tolist() for line in drawn] == [[0.5 + k / 20] for k in range(7)]
    # Bars of one standard deviation; no recordings stand to the left of few.
    ends = [bars.lines[2][0].get_segments()[0][:, 1] for bars in axes.containers]
    np.testing.assert_allclose(ends, [[0.49 + k / 20, 0.51 + k / 20] for k in range(7)])
    assert [t.get_text() for t in axes.get_xticklabels()] == ["0 %", "25 %"] and np.diff(axes.get_xticks())[0] > 0
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(arms)
    for look in ("linestyle", "marker"):  # of one share there is no line
        assert len({(line.get_color(), getattr(line, f"get_{look}")()) for line in drawn}) == 7
