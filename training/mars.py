"""MARS: one command a part of RESULTS.md.

python training/mars.py real mars.h5
python training/mars.py motions mars.h5 --leave-out mars-s1 --out datasets/data/mars_motions
python training/mars.py transfer mars.h5 synthetic/dataset.h5 --skeletons mars-s1=without_s1/dataset.h5 ...
python training/mars.py paired mars.h5 --body free-low
python training/mars.py ablation mars.h5 --part validate --frames 20 --every 3 --workers 16
python training/mars.py ceiling mars.h5
python training/mars.py residual mars.h5 --frames 20 --every 3
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mmsynth.datasets import Dataset
from mmsynth.evaluation.mars import constant_pose, leave_one_out, mean_over_people, write_skeletons
from mmsynth.evaluation.scores import Row, row, signed, text_table, update_ledger
from mmsynth.processes import worker_pool
from mmsynth.training.frames import frames_of, join_frames

if TYPE_CHECKING:
    from mmsynth.evaluation.fidelity import Pair, Stage
    from mmsynth.types import Sample

HERE = Path(__file__).parent
# How far people's breastbones move as they breathe: the middle of the 4-12 mm that are published (Droitcour 2006).
BREATH = 8e-3


def main() -> None:
    """Parse, run, print, and keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    real_ = parts.add_parser("real", help="recordings alone: the constant pose, one person held out")
    real_.add_argument("recordings", type=Path)
    real_.add_argument("--seeds", type=int, default=3)
    real_.set_defaults(run=real)
    motions_ = parts.add_parser("motions", help="poses of all others as motion files, for datasets/mars_skeletons.toml")
    motions_.add_argument("recordings", type=Path)
    motions_.add_argument("--leave-out", nargs="+", required=True, help="subjects, of whom nothing is read")
    motions_.add_argument("--sizes", type=float, nargs="+", default=[1.0], help="people grown or shrunk by these")
    motions_.add_argument("--out", type=Path, required=True)
    motions_.set_defaults(run=motions)
    transfer_ = parts.add_parser("transfer", help="pre-training on synthetic clips, one person held out")
    transfer_.add_argument("recordings", type=Path)
    transfer_.add_argument("synthetic", type=Path, nargs="*", help="dataset.h5 of datasets/mars_synthetic.toml, others")
    transfer_.add_argument(
        "--skeletons",
        nargs="*",
        default=[],
        metavar="NAME=FILE",
        help="dataset.h5 of datasets/mars_skeletons.toml, to use when NAME is held out (their motions leave NAME out)",
    )
    transfer_.add_argument("--seeds", type=int, default=3)
    transfer_.set_defaults(run=transfer)
    for name, run, text in (
        ("paired", paired, "simulated against recorded clouds, frame by frame"),
        ("ablation", ablation, "the same without one part of the simulator after another"),
        ("residual", residual, "whether poses tell what the simulator leaves over, one person held out"),
    ):
        part = parts.add_parser(name, help=text)
        part.add_argument("recordings", type=Path)
        part.add_argument("--body", default="free")
        part.add_argument("--frames", type=int, default=60, help="of each recording")
        part.add_argument("--every", type=int, default=1, help="of how many consecutive frames one is taken")
        part.add_argument("--workers", type=int, default=1)
        part.add_argument("--device", default="cpu")
        if run is residual:
            part.add_argument("--trees", type=int, default=30)
        else:
            part.add_argument("--part", default="test", help="official part of each recording")
            part.add_argument("--only", nargs="*", metavar="NAME", help="these rows of the ablation and no others")
        part.set_defaults(run=run)
    ceiling_ = parts.add_parser("ceiling", help="what trees reach in the place of the simulator, one person held out")
    ceiling_.add_argument("recordings", type=Path)
    ceiling_.add_argument("--frames", type=int, default=60, help="of each recording, as for paired")
    ceiling_.add_argument("--part", default="validate", help="official part of each recording that is asked about")
    ceiling_.add_argument("--trees", type=int, default=30)
    ceiling_.set_defaults(run=ceiling)
    parser.add_argument("--ledger", type=Path, default=HERE / "results.json")
    options = parser.parse_args()
    for made in options.run(options):
        rows = signed([made], "training/mars.py", sys.argv[1:])
        print(text_table(rows).splitlines()[-1], flush=True)
        update_ledger(options.ledger, rows)


def real(options: argparse.Namespace) -> list[Row]:
    """The constant pose and trees, one person held out."""
    poses = frames_of(Dataset.open(options.recordings)).posed()
    constant = constant_pose(poses)
    errors = [leave_one_out(poses, seed) for seed in range(options.seeds)]
    each = ", ".join(f"{k} {v:.2f}" for k, v in constant.items())
    trees = ", ".join(f"{k} {np.mean([e[k] for e in errors]):.2f}" for k in constant)
    return [
        row("mars/constant_cm", mean_over_people([constant]), "mean pose", note=f"MAE; {each}"),
        row("mars/all_real_cm", mean_over_people(errors), "trees", note=f"MAE; {trees}"),
    ]


def motions(options: argparse.Namespace) -> list[Row]:
    """The poses of everybody but one person, as motion files."""
    written = write_skeletons(Dataset.open(options.recordings), options.leave_out, options.out, 2.8, options.sizes)
    print(f"{options.out}: {len(written)} files of others than {', '.join(options.leave_out)}")
    return []


def transfer(options: argparse.Namespace) -> list[Row]:
    """What `mmsynth train` makes of recordings with and without synthetic poses, at shares of the real ones."""
    from mmsynth.datasets.mars import RADAR_POSITION
    from mmsynth.evaluation.mars_transfer import ARMS, transfer_errors
    from mmsynth.training import load_recipe

    torch.set_num_threads(1)
    recorded, files = Dataset.open(options.recordings), [Dataset.open(path) for path in options.synthetic]
    real = frames_of(recorded).posed()
    people = sorted(set(real.subject.tolist()))
    own = {name: list(files) for name in people}
    for pair in options.skeletons:
        name, _, path = pair.partition("=")
        if name not in own:
            raise ValueError(f"--skeletons: expected one of {', '.join(people)} before '=', got '{pair}'")
        own[name].append(Dataset.open(path))
    if not all(own.values()):
        raise ValueError(f"synthetic: expected a data set for each of {', '.join(people)}, got none for some")
    # Recorded labels are in the frame in which the board reads its points, RADAR_POSITION under the board.
    up = np.array(RADAR_POSITION, np.float32)
    joined = {name: join_frames([frames_of(f).posed() for f in sets]) for name, sets in own.items()}
    synthetic = {name: replace(frames, joints=frames.joints + up) for name, frames in joined.items()}
    about, recipe = own[people[0]][0].attributes, load_recipe(HERE / "mars_pose.toml")
    shares, recipes = (0.01, 0.1, 1.0), [replace(recipe, seed=seed) for seed in range(options.seeds)]
    runs = []
    for own_recipe in recipes:
        runs.append(transfer_errors(real, recorded.labels.id, synthetic, shares, own_recipe))
        print(f"seed {own_recipe.seed}: {runs[-1]}", flush=True)
    more = {"method": about.method, "facets": about.facets}
    counts = [len(np.unique(frames.clip)) for frames in synthetic.values()]
    sources = ["generators"] * bool(files) + ["skeletons of the others"] * bool(options.skeletons)
    zero = [{name: run[0.0][name][1] for name in people} for run in runs]
    each = ", ".join(f"{name} {np.mean([z[name] for z in zero]):.2f}" for name in people)
    note = f"MAE, {np.mean(counts):.0f} clips of {' and '.join(sources)}; {each}"
    rows = [row("mars/zero_shot_cm", mean_over_people(zero), "perceptron", note=note, **more)]
    for share in shares:
        errors = {name: np.array([run[share][name] for run in runs]) for name in people}
        for arm, name in enumerate(ARMS[1:], 1):
            gains = [float(np.mean([e[k, arm] - e[k, 0] for e in errors.values()])) for k in range(len(runs))]
            each = ", ".join(f"{who} {e[:, 0].mean():.2f} -> {e[:, arm].mean():.2f}" for who, e in errors.items())
            title, note = f"mars/loso_gain_{round(100 * share)}_cm", f"MAE; {each}"
            rows.append(row(title, gains, f"perceptron, {name}", note=note, **more))
    return rows


def paired(options: argparse.Namespace) -> list[Row]:
    """Correlations over frames, Chamfer and histogram distances of simulated and recorded clouds."""
    from mmsynth.evaluation.fidelity import at_the_body, chamfer_contrast, correlations, histogram_distances

    stage = _stage(options)
    [(_, _, pairs)] = _compared(options, [{"": stage}])
    for pair in pairs:
        sizes = " ".join(f"{np.mean([len(f) for f in side]):.1f}" for side in (pair.recorded, pair.simulated))
        each = {name: round(c, 2) for name, (c, _) in correlations([pair]).items()}
        print(pair.name, len(pair.recorded), f"points a frame {sizes}", each, flush=True)
    total = sum(len(p.recorded) for p in pairs)
    found = chamfer_contrast(pairs, np.random.default_rng(0))
    more = {"method": stage.settings.method, "facets": len(stage.body.faces)}
    rows = [
        row(f"mars/paired_{name}", [pooled], "", note=f"r over {total} frames; mean within clips {within:.2f}", **more)
        for name, (pooled, within) in correlations(pairs).items()
    ]
    for name, (pooled, within) in correlations([at_the_body(pair) for pair in pairs]).items():
        note = f"r of points within 25 cm of the pose's ranges; mean within clips {within:.2f}"
        rows.append(row(f"mars/paired_body_{name}", [pooled], "", note=note, **more))
    for name in ("shuffled", "surface"):
        note = f"matched {found['matched']:.3f} m, {name} {found[name]:.3f} m: matched over {name}"
        rows.append(row(f"mars/paired_chamfer_{name}", [found["matched"] / found[name]], "", note=note, **more))
    for name, distance in histogram_distances(pairs).items():
        note = "earth mover's distance in m, m/s or degrees"
        rows.append(row(f"mars/paired_histogram_{name}", [distance], "", note=note, **more))
    seen, made = (
        float(np.mean([len(f) for p in pairs for f in getattr(p, side)])) for side in ("recorded", "simulated")
    )
    return [*rows, row("mars/paired_points", [made], "", note=f"a frame; recorded {seen:.1f}", **more)]


def ablation(options: argparse.Namespace) -> Iterator[Row]:
    """The comparison of `paired` with one part of the simulator changed at a time."""
    from mmsynth.evaluation.fidelity import chamfer_contrast, correlations, histogram_distances

    wanted = [
        {name: stage for name, stage in group.items() if options.only is None or name in options.only}
        for group in _variants(_stage(options))
    ]
    for name, stage, pairs in _compared(options, [group for group in wanted if group]):
        near = chamfer_contrast(pairs, np.random.default_rng(0))
        r = {key: (round(pooled, 3), round(within, 2)) for key, (pooled, within) in correlations(pairs).items()}
        points = np.mean([len(frame) for pair in pairs for frame in pair.simulated])
        chamfer, moved = ({k: round(v, 3) for k, v in d.items()} for d in (near, histogram_distances(pairs)))
        note = f"r {r}; points a frame {points:.1f}; Chamfer {chamfer}; earth mover's {moved}"
        more = {"method": stage.settings.method, "facets": len(stage.body.faces), "note": note}
        yield row(f"mars/ablation/{name}", [near["matched"] / near["shuffled"]], "", **more)


def ceiling(options: argparse.Namespace) -> list[Row]:
    """Correlations of the recorded course with what trees predict from the poses, taught by the other people."""
    from mmsynth.datasets.mars import RADAR_POSITION
    from mmsynth.evaluation.ceiling import learned_correlations, stretch_of
    from mmsynth.evaluation.fidelity import steady_stretch
    from mmsynth.radar import load_radar

    dataset, period = Dataset.open(options.recordings), load_radar("mars").radar.waveform.frame_period
    known, asked = [], []
    for k, name in enumerate(dataset.labels.id.tolist()):
        sample = dataset[k]
        if sample.joints is None or not bool(sample.joints.isfinite().any()):
            continue
        if name.endswith("test") and options.part != "test":
            continue
        longest = steady_stretch(sample, period, len(sample.cloud.times))
        known.append(stretch_of(sample, longest, period, RADAR_POSITION))
        if name.endswith(options.part):
            some = steady_stretch(sample, period, options.frames)
            asked.append(stretch_of(sample, some, period, RADAR_POSITION))
    found = learned_correlations(known, asked, options.trees, seed=0)
    about = f"r over {sum(len(s.features) for s in asked)} frames of {options.part}, one person held out"
    return [
        row(f"mars/ceiling_{name}", [r], "trees", note=f"{about}; +- {error:.3f} over recordings")
        for name, (r, error) in found.items()
    ]


def residual(options: argparse.Namespace) -> list[Row]:
    """What trees can tell from the poses of recorded less simulated courses: training parts teach, validation asks."""
    from mmsynth.evaluation.ceiling import residual_gains, stretch_of
    from mmsynth.evaluation.fidelity import at_the_body, series

    stage, dataset = _stage(options), Dataset.open(options.recordings)
    period, index = stage.setup.radar.waveform.frame_period, {n: k for k, n in enumerate(dataset.labels.id.tolist())}
    found, rows = {}, []
    for part in ("train", "validate"):
        own = argparse.Namespace(**vars(options) | {"part": part})
        [(_, _, pairs)] = _compared(own, [{"": stage}])
        samples = [dataset[index[pair.name]] for pair in pairs]
        cut = [(s, _stretch(s, period, own)) for s in samples]
        stretches = [stretch_of(s, frames, period, stage.radar_position) for s, frames in cut]
        found[part] = list(zip(pairs, stretches, strict=True))
    for title, points in (("", lambda pair: pair), ("body_", at_the_body)):
        known, asked = (
            [
                (replace(s, course=series(points(pair).recorded)), series(points(pair).simulated))
                for part in parts
                for pair, s in found[part]
            ]
            for parts in (("train", "validate"), ("validate",))
        )
        frames = sum(len(s.features) for s, _ in asked)
        for name, (alone, gain, error) in residual_gains(known, asked, options.trees, seed=0).items():
            note = (
                f"gain of r over {frames} frames of validate, one person held out; +- {error:.3f}; without {alone:.3f}"
            )
            rows.append(row(f"mars/residual_{title}{name}", [gain], "trees", note=note, method=stage.settings.method))
    return rows


def _stage(options: argparse.Namespace) -> "Stage":
    from mmsynth.body_models import load_body
    from mmsynth.datasets.mars import RADAR_POSITION
    from mmsynth.evaluation.fidelity import Stage
    from mmsynth.radar import load_radar

    return Stage(load_body(options.body), load_radar("mars"), radar_position=RADAR_POSITION, device=options.device)


def _walls(*feet: tuple[tuple[float, float], tuple[float, float]], high: float = 1.7) -> torch.Tensor:
    """Corners [walls, 4, 3] in m of walls between points (x, y), left to right from the front, in the poses' frame."""
    low = -0.93
    corners = [[[*left, high], [*left, low], [*right, low], [*right, high]] for left, right in feet]
    return torch.tensor(corners, dtype=torch.float64)


def _variants(full: "Stage") -> "list[dict[str, Stage]]":
    """Everything, and what each part changes, in groups that differ in receiver and processing alone.

    The fronts beside are the recordings' own, found by their echoes; the wall behind stands where the farthest recorded
    points lie, and echoes itself, but for what the person hides of it.
    """
    from mmsynth.datasets.mars import FRONTS, FRONTS_MATERIAL, FRONTS_TOP

    def settings(**changes: Any) -> "Stage":
        return replace(full, settings=replace(full.settings, **changes))

    def chain(**changes: Any) -> "Stage":
        return replace(full, setup=replace(full.setup, processing=replace(full.setup.processing, **changes)))

    receiver = replace(full.setup.radar.receiver, bits=0)
    exact = replace(full, setup=replace(full.setup, radar=replace(full.setup.radar, receiver=receiver)))
    beside = replace(full, room=_walls(*FRONTS, high=FRONTS_TOP), room_material=FRONTS_MATERIAL)
    lit = settings(static_room=True)
    cfar = full.setup.processing.range_cfar
    device = {
        "everything": full,
        "no noise": replace(full, noisy=False),
        "no quantisation": exact,
        "peak grouping": chain(peak_grouping_range=True, peak_grouping_doppler=True),
        "strongest first": chain(listing="strongest"),
        "no impossible directions": chain(impossible_directions=False),
        "no clutter removal": chain(clutter_removal=False),
        "angles not rounded": chain(angle_step=0.0),
        "second peak at half the power": chain(second_peak=0.5),
        "no second peak": chain(second_peak=0.0),
        "threshold 5 dB lower": chain(range_cfar=replace(cfar, threshold_db=cfar.threshold_db - 5)),
        "threshold 5 dB higher": chain(range_cfar=replace(cfar, threshold_db=cfar.threshold_db + 5)),
    }
    traced = {
        "one point a facet": settings(method="points"),
        "bones": settings(method="bones"),
        "no diffuse part": settings(diffuse=False),
        "no coherent part": settings(coherent=False),
        "no floor, no bounces": replace(settings(bounces=0), floor=None),
        "no floor": replace(full, floor=None),
        "fronts beside": beside,
        "fronts beside, to 1.7 m": replace(beside, room=_walls(*FRONTS)),
        "fronts beside, of concrete": replace(beside, room_material="concrete"),
        "fronts beside, two bounces": replace(beside, settings=replace(full.settings, bounces=2)),
        "the floor's own echo": lit,
        "a wall behind": replace(lit, room=_walls(((-2.5, 3.35), (2.5, 3.35))), room_material="plasterboard"),
        "breath": replace(full, breath=BREATH),
        "rough cloth (0.3 mm)": replace(full, cloth_roughness=3e-4),
        "smooth cloth": replace(full, cloth_roughness=0.0),
        "no occlusion": settings(occlusion=False),
        "flat facets": settings(flatness=0.0),
        "seven knots": settings(knots=7),
        "calibrated, radar 23 cm lower": replace(chain(compensation=()), radar_position=(0.0, 0.0, 0.0)),
        "Kinect's jitter": replace(full, smoothing=0.0),
    }
    return [device, *({name: stage} for name, stage in traced.items())]


def _compared(
    options: argparse.Namespace, groups: "list[dict[str, Stage]]"
) -> "Iterator[tuple[str, Stage, list[Pair]]]":
    """Recorded and simulated clouds of every stage, from the longest unbroken stretch of every recording's part."""
    first = next(iter(groups[0].values()))
    dataset, stretches = Dataset.open(options.recordings), {}
    for k, name in enumerate(dataset.labels.id.tolist()):
        sample = dataset[k]
        if name.endswith(options.part) and sample.joints is not None and bool(sample.joints.isfinite().any()):
            stretches[k] = _stretch(sample, first.setup.radar.waveform.frame_period, options)
    jobs = [(options.recordings, k, stretch, group) for group in groups for k, stretch in stretches.items()]
    with ExitStack() as stack:
        run: Callable[..., Iterator[dict[str, Pair]]] = map
        if options.workers > 1:
            run = stack.enter_context(worker_pool(options.workers)).map
        found = run(_pairs_of, jobs)
        for group in groups:
            pairs = [next(found) for _ in stretches]
            for name, stage in group.items():
                yield name, stage, [pair[name] for pair in pairs]


def _stretch(sample: "Sample", period: float, options: argparse.Namespace) -> slice:
    """Every so many of the first frames of the longest unbroken stretch."""
    from mmsynth.evaluation.fidelity import steady_stretch

    whole = steady_stretch(sample, period, options.frames * options.every)
    return slice(whole.start, whole.stop, options.every)


def _pairs_of(job: "tuple[Path, int, slice, dict[str, Stage]]") -> "dict[str, Pair]":
    """One recording, traced once and observed by every stage of a group."""
    from mmsynth.evaluation.fidelity import observe, restage

    torch.set_num_threads(1)
    recordings, k, stretch, group = job
    sample = Dataset.open(recordings)[k]
    restaged = restage(sample, stretch, next(iter(group.values())), seed=k)
    return {name: observe(sample, stretch, restaged, stage, seed=k) for name, stage in group.items()}


if __name__ == "__main__":
    main()
