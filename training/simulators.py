"""Which simulator is worth what on RadHAR: one command a part of RESULTS.md.

python training/simulators.py calibrate radhar.h5 --out calibrated --body free-low
python training/simulators.py ablation radhar.h5 --out ablation --overlay calibrated/1.toml --body free-low
python training/simulators.py sizes radhar.h5 synthetic/*

Data sets that are there already are used again, so that an interrupted command goes on where it stopped.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from mmsynth.calibration import CalibrationSettings, calibrate, rank
from mmsynth.cli.parts import run_part, show
from mmsynth.datasets import Dataset
from mmsynth.evaluation.ablation import RECORDERS, VARIANTS, in_room
from mmsynth.evaluation.protocol import corpus
from mmsynth.evaluation.scores import Row, mean, row, text_table
from mmsynth.evaluation.transfer import ON_SYNTHETIC, Real, real_tables, scores_of
from mmsynth.generation import load_recipe
from mmsynth.generation.recipe import Recipe, Tolerances
from mmsynth.generation.variants import make_variants
from mmsynth.training import Predictions, WindowSettings, cut
from mmsynth.training.forests import grow_synthetic, synthetic_tables
from mmsynth.training.windows import Windows, concatenate
from mmsynth.view import ablation_figure, save_figure

HERE = Path(__file__).parent
DATASETS = HERE.parent / "datasets"
CUT = WindowSettings(heights="relative")
# The set, and a third, a tenth and a thirtieth of it.
SIZES = {"30x": 1, "10x": 3, "3x": 10, "1x": 30}
# Of each part, at most.
DRAWS = 5


def main() -> None:
    """Parse, run, print, and keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    calibrate_ = parts.add_parser("calibrate", help="bring the recipe that knows nothing to unlabelled recordings")
    calibrate_.add_argument("--clips", type=int, default=CalibrationSettings.clips)
    calibrate_.add_argument("--judged", type=int, default=0, help="clips before and after; 0 = as many as --clips")
    calibrate_.add_argument("--seeds", type=int, nargs="+", default=[1], help="of the people of each search")
    ablation_ = parts.add_parser("ablation", help="simulators with one part changed, ranked without labels")
    ablation_.add_argument("--recipe", type=Path, default=DATASETS / "radhar_synthetic.toml")
    ablation_.add_argument("--overlay", type=Path, help="of `calibrate`, for one more variant")
    ablation_.add_argument("--room", default="", help="TOML of a room, for one more variant")
    ablation_.add_argument("--only", nargs="*", help="names of variants; the default one is always among them")
    ablation_.add_argument("--first", type=int, default=1, help="seed of the first draw")
    ablation_.add_argument("--draws", type=int, default=1)
    ablation_.add_argument("--clips", type=int, default=60)
    ablation_.add_argument("--device", default="cpu", help="where clips are simulated")
    for part, run in ((calibrate_, calibrated), (ablation_, ablation)):
        part.add_argument("recordings", type=Path, help="RadHAR as `mmsynth import radhar` writes it")
        part.add_argument(
            "--blind", type=Path, default=DATASETS / "radhar_blind.toml", help="recipe that knows nothing"
        )
        part.add_argument("--body", default="free")
        part.add_argument("--workers", type=int, default=2)
        part.add_argument("--out", type=Path, required=True)
        part.set_defaults(run=run)
    sizes_ = parts.add_parser("sizes", help="a synthetic set, and parts of it")
    sizes_.add_argument("recordings", type=Path)
    sizes_.add_argument("synthetic", type=Path, nargs="+", help="folders that `radhar.py sets` made: taken as one set")
    sizes_.set_defaults(run=sizes)
    run_part(parser)


def calibrated(options: argparse.Namespace) -> list[Row]:
    """An overlay and a picture for each seed; how far each histogram was and is from that of the recordings."""
    # From the data sheet's noise and thresholds, as a user starts.
    base = replace(with_body(load_recipe(options.blind), options.body), device=Tolerances())
    recordings, settings = Dataset.open(options.recordings), CalibrationSettings(options.clips, options.judged)
    options.out.mkdir(parents=True, exist_ok=True)
    found = {}
    for seed in options.seeds:
        own = calibrate(
            replace(base, seed=seed), recordings, options.out / f"{seed}.toml", show, settings, options.workers
        )
        # Labels are looked at here alone.
        right = np.mean(np.array(own.shown) == recordings.labels.activity)
        print(f"seed {seed}\n{own.text()}\n{right:.1%} of the recordings were taken for what they show", flush=True)
        found[seed] = own.distances
    note = "seed {0}: {1.before:.4f} -> {1.after:.4f}, error {1.error:.4f}: {1.verdict}; if right {1.floor:.4f}"
    names = found[options.seeds[0]]
    return [
        row(
            f"radhar/calibration/{name}",
            [own[name].after for own in found.values()],
            "",
            note="distance; " + "; ".join(note.format(seed, own[name]) for seed, own in found.items()),
        )
        for name in names
    ]


def ablation(options: argparse.Namespace) -> list[Row]:
    """Accuracy on recordings, and consistency without their labels, of simulators with one part changed."""
    levelled = real_tables(corpus(Dataset.open(options.recordings), CUT))
    accuracy: dict[str, list[float]] = {}
    consistency: dict[str, list[float]] = {}
    order, lost, picks = [], [], []
    for seed in range(options.first, options.first + options.draws):
        found = simulators(options).items()
        # One noise draw: variety comes from people and motions, and a draw costs a quarter of a clip.
        recipes = {name: replace(r, seed=seed, clips=options.clips, noise_draws=1) for name, r in found}
        made = make_variants(recipes, options.out / str(seed), show, options.workers, options.device, RECORDERS)
        files = {name: Dataset.open(path) for name, path in made.items()}
        said = {name: answers(cut(file, CUT), levelled, seed) for name, file in files.items()}
        ranking, scores = rank(said), {name: mean(scores_of(levelled, p.probability)[0]) for name, p in said.items()}
        own = {m.name: m.consistency for m in ranking.models}
        for name in said:
            accuracy.setdefault(name, []).append(scores[name])
            consistency.setdefault(name, []).append(own[name])
        order.append(float(spearmanr([own[n] for n in said], [scores[n] for n in said]).statistic))
        lost.append(max(scores.values()) - scores[ranking.pick])
        picks.append(ranking.pick)
    rows, base = [], np.array(accuracy["facets"])
    bits = {name: float(np.mean(values)) for name, values in consistency.items()}
    for name, values in accuracy.items():
        gain = f"less facets {np.mean(np.array(values) - base):+.3f}" if name != "facets" else "the default"
        about = {"method": files[name].attributes.method, "facets": files[name].attributes.facets}
        note = f"{gain}; consistency {bits[name]:.3f} bits; {options.clips} clips"
        rows.append(row(f"radhar/ablation/{name}", values, "trees", note=note, **about))
    about = {"facets": files["facets"].attributes.facets}
    note = f"{len(bits)} simulators, consistency without labels against accuracy (1 = the right order)"
    rows.append(row("radhar/ranking_spearman", order, "trees", note=note, **about))
    note = f"under the best of {len(bits)}; picks {', '.join(picks)}"
    rows.append(row("radhar/ranking_pick_loss", lost, "trees", note=note, **about))
    means = {name: float(np.mean(values)) for name, values in accuracy.items()}
    save_figure(ablation_figure(means, bits), options.out / "ablation.png")
    content = {"accuracy": accuracy, "consistency": consistency}
    (options.out / "ablation.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (options.out / "ablation.txt").write_text(text_table(rows) + "\n", encoding="utf-8")
    return rows


def simulators(options: argparse.Namespace) -> dict[str, Recipe]:
    """The recipe of each variant, those of the recipe that knows nothing among them."""
    base, blind = (with_body(load_recipe(path), options.body) for path in (options.recipe, options.blind))
    found = {name: change(base) for name, change in VARIANTS.items()}
    if options.room:
        found["room"] = in_room(options.room)(base)
    found |= {"nothing known": blind, "nothing known, noise of the data sheet": replace(blind, device=Tolerances())}
    if options.overlay:
        calibrated = load_recipe(options.blind, overlays=[options.overlay])
        found["nothing known, calibrated"] = with_body(calibrated, options.body)
    return {name: found[name] for name in ("facets", *(options.only or found))}


def sizes(options: argparse.Namespace) -> list[Row]:
    """Accuracy of trees on one large set and on parts of it, drawn at random, each with `DRAWS` draws at most."""
    levelled = real_tables(corpus(Dataset.open(options.recordings), CUT))
    files = [Dataset.open(folder / "dataset.h5") for folder in options.synthetic]
    whole = [cut(file, CUT) for file in files]
    windows = concatenate(whole)
    people = np.unique(windows.subject)
    about = {"method": files[0].attributes.method, "facets": files[0].attributes.facets}
    rows = []
    for name, part in SIZES.items():
        draws = [np.random.default_rng(k).permutation(people)[: len(people) // part] for k in range(min(part, DRAWS))]
        said = [answers(windows.take(np.isin(windows.subject, own)), levelled, k) for k, own in enumerate(draws)]
        scores = [mean(scores_of(levelled, p.probability)[0]) for p in said]
        note = f"{len(draws[0])} of {len(people)} people, {len(windows) // len(people)} windows each"
        rows.append(row(f"radhar/ablation/clips {name}", scores, "trees", note=note, **about))
        show(len(rows), len(SIZES))
    return rows


def with_body(recipe: Recipe, body: str) -> Recipe:
    """The recipe with people drawn in another body."""
    return replace(recipe, subjects=replace(recipe.subjects, body=body))


def answers(windows: Windows, real: Real, seed: int) -> Predictions:
    """What trees on synthetic windows alone say of the recordings."""
    classes, apart = real.data.classes, real.data.apart
    forest = grow_synthetic(synthetic_tables(windows, classes, seed), real.classes, ON_SYNTHETIC, seed)
    said = forest.probabilities(real.apart)
    empty = np.diff(apart.offsets) == 0
    return Predictions(classes, apart.clip, apart.start, apart.activity, said, empty, apart.duration)


if __name__ == "__main__":
    main()
