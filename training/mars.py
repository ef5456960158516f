"""MARS: one command a part of RESULTS.md.

python training/mars.py real mars.h5
python training/mars.py paired mars.h5 --body free-low
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmsynth.datasets import Dataset
from mmsynth.evaluation.mars import constant_pose, leave_one_out, mean_over_people, pose_table
from mmsynth.evaluation.scores import Row, row, text_table, update_ledger
from mmsynth.training.fit import commit

HERE = Path(__file__).parent


def main() -> None:
    """Parse, run, print, and keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    real_ = parts.add_parser("real", help="recordings alone: the constant pose, one person held out")
    real_.add_argument("recordings", type=Path)
    real_.add_argument("--seeds", type=int, default=3)
    real_.set_defaults(run=real)
    paired_ = parts.add_parser("paired", help="simulated against recorded clouds, frame by frame")
    paired_.add_argument("recordings", type=Path)
    paired_.add_argument("--body", default="free")
    paired_.add_argument("--method", default="facets")
    paired_.add_argument("--frames", type=int, default=80, help="of each recording")
    paired_.add_argument("--part", default="test", help="official part of each recording")
    paired_.add_argument("--noise-db", type=float, default=0.0, help="over the data sheet's noise figure")
    paired_.add_argument("--threshold-db", type=float, default=0.0, help="over the profile's CFAR threshold")
    paired_.add_argument("--all-cells", action="store_true", help="no peak grouping: every cell over the threshold")
    paired_.set_defaults(run=paired)
    parser.add_argument("--ledger", type=Path, default=HERE / "results.json")
    options = parser.parse_args()
    command = f"python training/mars.py {' '.join(sys.argv[1:])}"
    rows = [replace(r, command=command, commit=commit()) for r in options.run(options)]
    print(text_table(rows))
    update_ledger(options.ledger, rows)


def real(options: argparse.Namespace) -> list[Row]:
    """The constant pose and trees, one person held out."""
    poses = pose_table(Dataset.open(options.recordings))
    constant = constant_pose(poses)
    errors = [leave_one_out(poses, seed) for seed in range(options.seeds)]
    each = ", ".join(f"{k} {v:.2f}" for k, v in constant.items())
    trees = ", ".join(f"{k} {np.mean([e[k] for e in errors]):.2f}" for k in constant)
    return [
        row("mars/constant_cm", mean_over_people([constant]), "mean pose", note=f"MAE; {each}"),
        row("mars/all_real_cm", mean_over_people(errors), "trees", note=f"MAE; {trees}"),
    ]


def paired(options: argparse.Namespace) -> list[Row]:
    """Correlations over frames and Chamfer distances of simulated and recorded clouds."""
    from mmsynth.body_models import load_body
    from mmsynth.evaluation.fidelity import chamfer_contrast, correlations, simulate_pair, steady_stretch
    from mmsynth.radar import load_radar
    from mmsynth.simulation import Simulation

    setup, body = load_radar("mars"), load_body(options.body)
    receiver = setup.radar.receiver
    noise = receiver.noise_figure * 10 ** (options.noise_db / 10)
    setup = replace(setup, radar=replace(setup.radar, receiver=replace(receiver, noise_figure=noise)))
    chain = setup.processing
    cfar = replace(chain.range_cfar, threshold_db=chain.range_cfar.threshold_db + options.threshold_db)
    chain = replace(chain, range_cfar=cfar)
    if options.all_cells:
        chain = replace(chain, peak_grouping_range=False, peak_grouping_doppler=False)
    setup = replace(setup, processing=chain)
    settings = Simulation(method=options.method)
    dataset, pairs = Dataset.open(options.recordings), []
    for k, name in enumerate(dataset.labels.id.tolist()):
        sample = dataset[k]
        if not name.endswith(options.part) or sample.joints is None or not bool(sample.joints.isfinite().any()):
            continue
        stretch = steady_stretch(sample, setup.radar.waveform.frame_period, options.frames)
        pairs.append(simulate_pair(sample, stretch, body, setup, settings, seed=k))
        sizes = [np.mean([len(f) for f in side]) for side in (pairs[-1].recorded, pairs[-1].simulated)]
        found = {n: round(c, 2) for n, (c, _) in correlations(pairs[-1:]).items()}
        print(name, len(pairs[-1].recorded), f"points a frame {sizes[0]:.1f} {sizes[1]:.1f}", found, flush=True)
    total = sum(len(p.recorded) for p in pairs)
    near, far = chamfer_contrast(pairs, np.random.default_rng(0))
    more = {"method": options.method, "facets": len(body.faces)}
    rows = [
        row(f"mars/paired_{name}", [pooled], "", note=f"r over {total} frames; mean within clips {within:.2f}", **more)
        for name, (pooled, within) in correlations(pairs).items()
    ]
    note = f"matched {near:.3f} m, shuffled {far:.3f} m: matched over shuffled"
    return [*rows, row("mars/paired_chamfer", [near / far], "", note=note, **more)]


if __name__ == "__main__":
    main()
