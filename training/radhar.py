"""RadHAR across recording days: one command a part of RESULTS.md.

python training/radhar.py sets --out synthetic --draws 5 --clips 100
python training/radhar.py real radhar.h5
python training/radhar.py official radhar.h5 --out runs/official
python training/radhar.py transfer radhar.h5 synthetic/*
python training/radhar.py blind radhar.h5 blind/*
python training/radhar.py curve radhar.h5 synthetic/* --model points --out curves/points
"""

import argparse
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmsynth.cli.parts import run_part, show
from mmsynth.datasets import Dataset
from mmsynth.evaluation.curve import Drawn, blind_rows, transfer_rows
from mmsynth.evaluation.evaluate import Report
from mmsynth.evaluation.fewshot import SHARES, tree_curve
from mmsynth.evaluation.networks import ALONE, NetworkPlan, Study, network_curve
from mmsynth.evaluation.official import split_reports
from mmsynth.evaluation.protocol import corpus
from mmsynth.evaluation.radhar import all_real
from mmsynth.evaluation.scores import Row, row
from mmsynth.evaluation.transfer import Real, base_of, real_tables
from mmsynth.training import WindowSettings, cut, load_recipe
from mmsynth.training.forests import synthetic_tables
from mmsynth.training.recipe import Data, Optimise, Recipe

HERE = Path(__file__).parent
RECORDED = WindowSettings()


def main() -> None:
    """Parse, run, print, and keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    real_ = parts.add_parser("real", help="recordings alone, and the controls")
    official_ = parts.add_parser("official", help="a split of later takes, which leaks: for comparison only")
    transfer_ = parts.add_parser("transfer", help="synthetic data alone, and adapted without labels")
    blind_ = parts.add_parser("blind", help="sets of radhar_blind.toml: people and places not known, no label")
    curve_ = parts.add_parser("curve", help="table, figure and JSON over the share of recordings")
    for part in (real_, official_, transfer_, blind_, curve_):
        part.add_argument("recordings", type=Path, help="RadHAR as `mmsynth import radhar` writes it")
    for part in (transfer_, blind_, curve_):
        part.add_argument("synthetic", type=Path, nargs="+", help="folders that `sets` made")
    real_.add_argument("--seeds", type=int, default=5)
    official_.add_argument("--seeds", type=int, default=3)
    official_.add_argument("--split", choices=("radhar-official", "radhar-later-takes"), default="radhar-official")
    official_.add_argument("--out", type=Path, required=True, help="folder in which runs and reports stay")
    transfer_.add_argument("--naive", type=Path, nargs="*", default=[], help="the first sets again, by another method")
    curve_.add_argument("--model", choices=("trees", "points", "voxels"), default="trees")
    curve_.add_argument("--seeds", type=int, default=3, help="draws of recordings, and weights")
    curve_.add_argument("--rest", action="store_true", help="trees learn from the other files too, unlabelled")
    curve_.add_argument("--first", type=int, default=0, help="seed of the first draw")
    curve_.add_argument("--steps", type=int, default=500, help="of the optimiser")
    curve_.add_argument("--shares", type=float, nargs="+", default=SHARES, help="of the recordings")
    curve_.add_argument("--device", default="cpu", help="where networks train")
    curve_.add_argument("--workers", type=int, default=1, help="networks that train at the same time")
    curve_.add_argument("--out", type=Path, required=True)
    sets_ = parts.add_parser("sets", help="draw synthetic sets")
    _add_sets(sets_)
    runs = (real, official, transfer, blind, curve, sets)
    for part, run in zip((real_, official_, transfer_, blind_, curve_, sets_), runs, strict=True):
        part.set_defaults(run=run)
    run_part(parser)


def _add_sets(part: argparse.ArgumentParser) -> None:
    """Options of `sets`."""
    part.add_argument("--recipe", type=Path, default=HERE.parent / "datasets" / "radhar_synthetic.toml")
    part.add_argument("--out", type=Path, required=True)
    part.add_argument("--first", type=int, default=1, help="seed of the first draw")
    part.add_argument("--draws", type=int, default=5)
    part.add_argument("--clips", type=int, default=500)
    part.add_argument("--body", default="free")
    part.add_argument("--method", default="facets")
    part.add_argument("--points", type=int, default=32, help="a frame, with --method surface")
    part.add_argument("--workers", type=int, default=2)
    part.add_argument("--device", default="cpu", help="where clips are simulated")


def real(options: argparse.Namespace) -> list[Row]:
    """Recordings alone, and the controls."""
    recordings = Dataset.open(options.recordings)
    moving, static = (corpus(recordings, WindowSettings(points=which)) for which in ("moving", "static"))
    return all_real(moving, static, range(options.seeds))


def official(options: argparse.Namespace) -> list[Row]:
    """Trees on a split whose test takes are later ones of the same sittings: it leaks, and is for comparison only."""
    recipe, rows = load_recipe(HERE / "radhar_few.toml"), []
    for points in ("moving", "static"):
        own = replace(recipe, window=replace(recipe.window, points=points))
        folder, seeds = options.out / points, range(options.seeds)
        reports = list(split_reports(own, options.recordings, options.split, seeds, folder))
        print(points, reports[-1].text(), sep="\n", flush=True)
        values = [r.windows.balanced_accuracy for r in reports if isinstance(r, Report)]
        name = options.split.replace("-", "/", 1).replace("-", "_") + {"moving": "", "static": "_static_only"}[points]
        rows.append(row(name, values, "trees", note=f"LEAKS, for comparison only; {points} points, 2 s windows"))
    return rows


def transfer(options: argparse.Namespace) -> list[Row]:
    """What synthetic data is worth: alone, and with unlabelled recordings."""
    recordings = Dataset.open(options.recordings)
    real = real_tables(corpus(recordings, RECORDED))
    drawn = read_sets(options.synthetic, real)
    return transfer_rows(real, drawn, read_sets(options.naive, real) if options.naive else None)


def blind(options: argparse.Namespace) -> list[Row]:
    """What synthetic data is worth to whoever knows nothing of style and place, without any label."""
    # Whoever does not know how high the radar stands uses heights relative to each window's median.
    settings = WindowSettings(heights="relative")
    real = real_tables(corpus(Dataset.open(options.recordings), settings))
    return blind_rows(real, read_sets(options.synthetic, real, settings))


def curve(options: argparse.Namespace) -> list[Row]:
    """Scores over the share of the recordings that is trained on, as table, figure, JSON and rows."""
    recordings = Dataset.open(options.recordings)
    real = real_tables(corpus(recordings, RECORDED))
    drawn, seeds = read_sets(options.synthetic, real), range(options.first, options.first + options.seeds)
    more: dict[str, Any] = {"method": drawn.method, "facets": drawn.facets}
    if options.model == "trees":
        found = tree_curve(real, drawn.sets, seeds, show, options.shares, options.rest)
        found.save(options.out)
    else:
        plan = NetworkPlan(network(options), tuple(seeds), tuple(options.shares))
        study = Study(real, base_of(real, drawn.sets), plan, options.out)
        found = network_curve(study, show, options.workers)
        more["note"] = f"{options.steps} steps; synthetic trees of {len(drawn.sets)} sets"
    print(found.text(), flush=True)
    rows = found.rows("real alone", **more)
    return rows if options.model == "trees" else rows + found.rows(*ALONE, **more)


def network(options: argparse.Namespace) -> Recipe:
    """What a network of `curve` is trained by; its data are handed over as windows."""
    steps, data = options.steps, Data(real=(options.recordings,), validation=0.0)
    optimise = Optimise(steps, 0, 32, 3e-3, warmup=max(1, steps // 20), average=0.98)
    return Recipe(data, model=options.model, device=options.device, optimise=optimise)


def read_sets(folders: list[Path], real: Real, settings: WindowSettings = RECORDED) -> Drawn:
    """Synthetic sets as feature tables."""
    files = [Dataset.open(f / "dataset.h5") for f in folders]
    tables = tuple(synthetic_tables(cut(f, settings), real.data.classes, k) for k, f in enumerate(files))
    about = files[0].attributes
    return Drawn(tables, about.method, about.facets, tomllib.loads(about.recipe)["clips"])


def sets(options: argparse.Namespace) -> list[Row]:
    """Synthetic sets from one recipe that differ in the seed: other people, places, motions and noise."""
    from mmsynth.datasets import Attributes, DatasetWriter
    from mmsynth.evaluation.naive import naive_clips
    from mmsynth.generation import generate, load_recipe

    for seed in range(options.first, options.first + options.draws):
        recipe = load_recipe(options.recipe)
        recipe = replace(
            recipe,
            seed=seed,
            clips=options.clips,
            subjects=replace(recipe.subjects, body=options.body),
        )
        if options.method != "surface":
            recipe = replace(recipe, simulation=replace(recipe.simulation, method=options.method))
        out = options.out / f"{recipe.name}-{options.method}-{seed}"
        if options.method == "surface" and not (out / "dataset.h5").exists():
            out.mkdir(parents=True)
            with DatasetWriter(out / "dataset.h5", Attributes(method="surface", recipe=recipe.text())) as writer:
                for sample in naive_clips(recipe, options.points):
                    writer.append(sample)
        elif not (out / "dataset.h5").exists():
            generate(recipe, out, lambda done, total: None, options.workers, options.device)
        print(out / "dataset.h5", flush=True)
    return []


if __name__ == "__main__":
    main()
