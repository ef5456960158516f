"""MARS: one command a part of RESULTS.md.

python training/mars.py real mars.h5
python training/mars.py motions mars.h5 --leave-out mars-s1 --out datasets/data/mars_motions
python training/mars.py transfer mars.h5 synthetic/dataset.h5 --out curves/mars --skeletons mars-s1=no_s1/dataset.h5 ...
python training/mars.py official mars.h5 --out runs/official
python training/mars.py paired mars.h5 --body free-low
python training/mars.py ablation mars.h5 --part validate --frames 20 --every 3 --workers 16
python training/mars.py ceiling mars.h5
python training/mars.py residual mars.h5 --frames 20 --every 3
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmsynth.cli.parts import run_part, show
from mmsynth.datasets import Dataset, load_split
from mmsynth.evaluation.fidelity import correlations
from mmsynth.evaluation.mars import constant_pose, held_out_people, leave_one_out, mean_over_people, write_skeletons
from mmsynth.evaluation.mars_pairs import (
    Asked,
    ceiling_rows,
    compared,
    mars_restaging,
    residual_rows,
    variants,
)
from mmsynth.evaluation.mars_rows import ablation_row, paired_rows, pose_rows
from mmsynth.evaluation.networks import NetworkPlan
from mmsynth.evaluation.official import split_reports
from mmsynth.evaluation.pose_curve import PoseStudy, pose_curves, recordings
from mmsynth.evaluation.scores import Row, row
from mmsynth.training import load_recipe
from mmsynth.training.frames import frames_of, join_frames

HERE = Path(__file__).parent


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
    transfer_.add_argument("--shares", type=float, nargs="+", default=(0.01, 0.1, 1.0), help="of the recordings")
    transfer_.add_argument(
        "--out", type=Path, required=True, help="folder of a table, a figure and JSON for each error; it goes on"
    )
    transfer_.set_defaults(run=transfer)
    official_ = parts.add_parser("official", help="the published split, which leaks: for comparison only")
    official_.add_argument("recordings", type=Path)
    official_.add_argument("--seeds", type=int, default=3)
    official_.add_argument("--out", type=Path, required=True, help="folder in which runs and reports stay")
    official_.set_defaults(run=official)
    _add_paired(parts)
    run_part(parser)


def _add_paired(parts: Any) -> None:
    """The commands that compare frame by frame."""
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
            draws = 5 if run is paired else 1
            part.add_argument("--draws", type=int, default=draws, help="of speckle and of the receiver's noise")
            part.add_argument("--part", nargs="+", default=["test"], help="official parts of each recording")
        if run is ablation:
            part.add_argument("--only", nargs="*", metavar="NAME", help="these rows and no others")
        part.set_defaults(run=run)
    ceiling_ = parts.add_parser("ceiling", help="what trees reach in the place of the simulator, one person held out")
    ceiling_.add_argument("recordings", type=Path)
    ceiling_.add_argument("--frames", type=int, default=60, help="of each recording, as for paired")
    ceiling_.add_argument("--part", default="validate", help="official part of each recording that is asked about")
    ceiling_.add_argument("--trees", type=int, default=30)
    ceiling_.set_defaults(run=ceiling)


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
    torch.set_num_threads(1)
    recorded, files = Dataset.open(options.recordings), [Dataset.open(path) for path in options.synthetic]
    real = frames_of(recorded).posed()
    held = dict(held_out_people(real))
    own = {name: list(files) for name in held}
    for pair in options.skeletons:
        name, _, path = pair.partition("=")
        if name not in own:
            raise ValueError(f"--skeletons: expected one of {', '.join(held)} before '=', got '{pair}'")
        own[name].append(Dataset.open(path))
    if not all(own.values()):
        raise ValueError(f"synthetic: expected a data set for each of {', '.join(held)}, got none for some")
    synthetic = {name: join_frames([frames_of(f).posed() for f in sets]) for name, sets in own.items()}
    plan = NetworkPlan(load_recipe(HERE / "mars_pose.toml"), tuple(range(options.seeds)), tuple(options.shares))
    number, both = recordings(recorded)[real.clip], ("pretrain", "mix")
    curves = pose_curves(PoseStudy(real, number, held, synthetic, recorded.joint_set, plan, options.out, both), show)
    for curve in curves.values():
        print(curve.score, curve.text(), sep="\n", flush=True)
    about = next(iter(own.values()))[0].attributes
    sources = ["generators"] * bool(files) + ["skeletons of the others"] * bool(options.skeletons)
    counts = np.mean([len(np.unique(frames.clip)) for frames in synthetic.values()])
    made = f"{counts:.0f} clips of {' and '.join(sources)}"
    return pose_rows(curves["mae"], made, method=about.method, facets=about.facets)


def official(options: argparse.Namespace) -> list[Row]:
    """The perceptron on the published split, recordings alone: it leaks, and is there for comparison only."""
    recipe = replace(load_recipe(HERE / "mars_pose.toml"), sizes=False)
    reports = list(split_reports(recipe, options.recordings, "mars-official", range(options.seeds), options.out))
    print(reports[-1].text(), flush=True)
    dataset, rows = Dataset.open(options.recordings), []
    clips = (dataset[int(k)] for k in load_split("mars-official").rows(dataset, "train"))
    taught = {c.labels.subject for c in clips if c.joints is not None and bool(c.joints.isfinite().all((1, 2)).any())}
    teach = f"taught by {', '.join(sorted(taught))}"
    for part, model in (("model", "perceptron"), ("constant", "mean pose")):
        scores = [getattr(report, part) for report in reports]
        joints = [100 * np.nanmean([list(s.mpjpe.values()) for s in scores])]
        joints += [100 * np.nanmean([list(s.relative_mpjpe.values()) for s in scores])]
        note = f"MAE; LEAKS; joint distance {joints[0]:.2f}, relative to the root {joints[1]:.2f}; {teach}"
        rows.append(row("mars/official_cm", [100 * s.mae for s in scores], model, note=note))
    return rows


def paired(options: argparse.Namespace) -> list[Row]:
    """Correlations over frames, Chamfer and histogram distances of simulated and recorded clouds."""
    [(_, restaging, draws)] = compared(_asked(options), [{"": mars_restaging(options.body, options.device)}], show)
    for pair in draws[0]:
        sizes = " ".join(f"{np.mean([len(f) for f in side]):.1f}" for side in (pair.recorded, pair.simulated))
        each = {name: round(c, 2) for name, (c, _) in correlations([pair]).items()}
        print(pair.name, len(pair.recorded), f"points a frame {sizes}", each, flush=True)
    return paired_rows(draws, restaging)


def ablation(options: argparse.Namespace) -> Iterator[Row]:
    """The comparison of `paired` with one part of the simulator changed at a time."""
    groups = variants(mars_restaging(options.body, options.device))
    names = [name for group in groups for name in group]
    only = names if options.only is None else options.only
    if unknown := sorted(set(only) - set(names)):
        raise ValueError(f"--only: expected some of {', '.join(map(repr, names))}, got {', '.join(map(repr, unknown))}")
    wanted = [{name: restaging for name, restaging in group.items() if name in only} for group in groups]
    for found in compared(_asked(options), [group for group in wanted if group], show):
        yield ablation_row(*found)


def ceiling(options: argparse.Namespace) -> list[Row]:
    """Correlations of the recorded course with what trees predict from the poses, taught by the other people."""
    return ceiling_rows(Asked(options.recordings, (options.part,), options.frames), options.trees)


def residual(options: argparse.Namespace) -> list[Row]:
    """What trees can tell from the poses of recorded less simulated courses: training parts teach, validation asks."""
    return residual_rows(_asked(options), mars_restaging(options.body, options.device), options.trees, show)


def _asked(options: argparse.Namespace) -> Asked:
    parts, draws = tuple(getattr(options, "part", ())), getattr(options, "draws", 1)
    return Asked(options.recordings, parts, options.frames, options.every, draws, options.workers)


if __name__ == "__main__":
    main()
