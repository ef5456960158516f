"""Rows of MARS: recorded and simulated clouds of the same frames, with draws of speckle; a curve of poses."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from mmsynth.evaluation.fewshot import Curve
from mmsynth.evaluation.fidelity import (
    HISTOGRAMS,
    SERIES,
    Pair,
    at_the_body,
    chamfer_contrast,
    correlations,
    histogram_distances,
    pooled,
)
from mmsynth.evaluation.pose_curve import ADAPTED, ALONE
from mmsynth.evaluation.restage import Restaging
from mmsynth.evaluation.scores import Row, row


def paired_rows(draws: Sequence[list[Pair]], restaging: Restaging) -> list[Row]:
    """Correlations over frames, Chamfer and histogram distances of each draw of simulated clouds with the recorded.

    With several draws also those of all draws' points in one cloud a frame ("pooled"), in which speckle is averaged
    away, and those of each draw with the next ("self"): what this simulator with other speckle has.
    """
    total, more = sum(len(p.recorded) for p in draws[0]), _about(restaging)
    others = list(_among_themselves(draws))
    rows: list[Row] = []
    for title, points, same, note in (
        ("", draws, others, f"{total} frames"),
        (
            "body_",
            _at_the_body(draws),
            _at_the_body(others),
            f"{total} frames, points within 25 cm of the pose's ranges",
        ),
    ):
        rows += _correlation_rows(title, [correlations(each) for each in points], f"r over {note}", more)
        rows += _chamfer_rows(title, points, ("shuffled", "surface"), more)
        if same:
            together = pooled(points)
            about = f"r of {len(draws)} draws in one cloud; {note}"
            rows += _correlation_rows(f"pooled_{title}", [correlations(together)], about, more)
            rows += _chamfer_rows(f"pooled_{title}", [together], ("shuffled", "surface"), more)
            about = f"r of two draws with each other; {note}"
            rows += _correlation_rows(f"self_{title}", [correlations(each) for each in same], about, more)
            rows += _chamfer_rows(f"self_{title}", same, ("shuffled",), more)
    moved = [histogram_distances(each) for each in draws]
    for name in moved[0]:
        note = "earth mover's distance in m, m/s or degrees"
        rows.append(row(f"mars/paired_histogram_{name}", [m[name] for m in moved], "", note=note, **more))
    made = [float(np.mean([len(f) for p in each for f in p.simulated])) for each in draws]
    seen = np.mean([len(f) for p in draws[0] for f in p.recorded])
    return [*rows, row("mars/paired_points", made, "", note=f"a frame; recorded {seen:.1f}", **more)]


def _at_the_body(draws: Sequence[list[Pair]]) -> list[list[Pair]]:
    return [[at_the_body(pair) for pair in pairs] for pairs in draws]


def _among_themselves(draws: Sequence[list[Pair]]) -> Iterator[list[Pair]]:
    """Each draw and the next, the simulated clouds of the one in the place of the recorded."""
    for first, second in pairwise(draws):
        yield [replace(b, recorded=a.simulated) for a, b in zip(first, second, strict=True)]


def _correlation_rows(
    title: str, found: Sequence[dict[str, tuple[float, float]]], note: str, more: dict[str, Any]
) -> Iterator[Row]:
    for name in found[0]:
        whole, within = zip(*(each[name] for each in found), strict=True)
        said = f"{note}; mean within clips {np.mean(within):.2f}"
        yield row(f"mars/paired_{title}{name}", whole, "", note=said, **more)


def _chamfer_rows(title: str, draws: Sequence[list[Pair]], over: Sequence[str], more: dict[str, Any]) -> Iterator[Row]:
    near = [chamfer_contrast(each, np.random.default_rng(0)) for each in draws]
    meters = {name: np.mean([n[name] for n in near]) for name in near[0]}
    for name in over:
        note = f"matched {meters['matched']:.3f} m, {name} {meters[name]:.3f} m: matched over {name}"
        values = [n["matched"] / n[name] for n in near]
        yield row(f"mars/paired_{title}chamfer_{name}", values, "", note=note, **more)


def ablation_row(name: str, restaging: Restaging, draws: Sequence[list[Pair]]) -> Row:
    """The comparison of `paired_rows` of one variant, in one row: means over its draws."""
    rows = {r.experiment.removeprefix("mars/paired_"): r for r in paired_rows(draws, restaging)}

    def said(prefix: str, names: Sequence[str]) -> str:
        found = [rows[prefix + name] for name in names]
        return " / ".join(f"{r.value:.3f}" + (f" ({r.spread:.3f})" if r.n > 1 else "") for r in found)

    note = f"r of Doppler, range, lateral position, height {said('', SERIES)}; at the body {said('body_', SERIES)}"
    if len(draws) > 1:
        note += f"; draws in one cloud {said('pooled_', SERIES)}; two draws {said('self_', SERIES)}"
    chamfer = (
        f"{said('chamfer_', ('shuffled', 'surface'))}, at the body {said('body_chamfer_', ('shuffled', 'surface'))}"
    )
    moved = said("histogram_", HISTOGRAMS)
    note += (
        f"; points {rows['points'].value:.1f} {rows['points'].note}; Chamfer over shuffled, over mesh points {chamfer}"
    )
    note += f"; earth mover's of {', '.join(HISTOGRAMS)} {moved}"
    first = rows["chamfer_shuffled"]
    return replace(first, experiment=f"mars/ablation/{name}", note=note)


def pose_rows(curve: Curve, made: str, **more: Any) -> list[Row]:
    """Synthetic poses alone, `ADAPTED`, and each share's gain over `ALONE` of each arm that estimates sizes.

    Args:
        curve: of mean absolute errors.
        made: the synthetic clips, in words.
        more: of each row.
    """
    sizes, rows = "sizes from the unlabelled points of the person held out", []
    for arm, title in (("pre-trained, sizes", "mars/zero_shot_cm"), (ADAPTED, "mars/zero_shot_adapted_cm")):
        own = curve.scores[arm][0]
        each = ", ".join(f"{who} {v:.2f}" for who, v in zip(curve.groups, own.mean(0), strict=True))
        note = f"MAE, {made}; {sizes}; {each}"
        rows.append(row(title, own.mean(1).tolist(), "perceptron", note=note, **more))
    for k, share in list(enumerate(curve.shares))[1:]:
        alone = curve.scores[ALONE][k]
        for arm in (name for name in curve.scores if name.endswith(", sizes")):
            own = curve.scores[arm][k]
            pairs = zip(curve.groups, alone.mean(0), own.mean(0), strict=True)
            note = "; ".join(["MAE", sizes, ", ".join(f"{who} {a:.2f} -> {b:.2f}" for who, a, b in pairs)])
            gains = (own - alone).mean(1).tolist()
            rows.append(row(f"mars/loso_gain_{round(100 * share)}_cm", gains, f"perceptron, {arm}", note=note, **more))
    return rows


def _about(restaging: Restaging) -> dict[str, Any]:
    return {"method": restaging.settings.method, "facets": len(restaging.body.faces)}
