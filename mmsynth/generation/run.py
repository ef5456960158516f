"""Clips on worker processes into one file: interruptible, resumable, the same bytes for any number of workers."""

import hashlib
import shutil
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import torch

from mmsynth import __version__
from mmsynth.arrays import check_device
from mmsynth.body_models import load_body
from mmsynth.datasets import Attributes, Dataset, DatasetWriter, run_folder
from mmsynth.generation.captured import check_motions, motion_files
from mmsynth.generation.clip import Stage, make_samples, stage
from mmsynth.generation.load import resolve_radar
from mmsynth.generation.play import Play, draw_play
from mmsynth.generation.recipe import Recipe
from mmsynth.processes import Progress, telling_of_lost_workers, worker_pool
from mmsynth.radar import radar_file
from mmsynth.scene import read_room
from mmsynth.simulation import hold_memory
from mmsynth.types import Sample
from mmsynth.whole import file_name

# Parts joined for each clip that is finished: workers do not wait while a resumed run catches up.
_AT_ONCE = 4
# What a folder's run goes by.
_NOTE = "recipe.toml"

_stages: tuple[Stage, ...] = ()  # of a worker process, one a radar: loaded once at its start, never changed


def generate(recipe: Recipe, out: Path, progress: Progress, workers: int = 1, device: str = "cpu") -> tuple[Path, ...]:
    """Make the data set of a recipe in the folder `out` and return its file; with several radars, a file for each.

    One radar's set is `out/dataset.h5`; those of several are named after their radars, and each is byte for byte the
    one that its radar makes alone (`Recipe.apart`): who does what and where is drawn once, and every radar poses the
    body at the knots of its own frames. Each clip goes to a file of its own under `out/parts`; these are joined, in
    order and while workers make others, into the set, which is written beside and renamed when all are in it. Then the
    parts go. Called again after an interruption with the same recipe it goes on where it stopped; where all is there it
    does nothing.

    Args:
        recipe: a checked recipe (`load_recipe`).
        out: a folder that does not exist, or one left by a run of the same recipe, interrupted or not.
        progress: called with (clips done, clips in all).
        workers: processes, one thread each.
        device: of torch and Warp in each worker.

    Raises:
        ValueError: a motion file cannot be read, or an activity's are all too short; `out` holds something else, a run
            of another recipe or version, finished or not, or one that another process is at; two radars have one name;
            or there is no such body or device.
        OSError: the disk is full, or not writable; memory does not hold a clip; or a worker died.
    """
    check_device(device)
    load_body(recipe.subjects.body)  # a missing one is reported before there is a folder
    targets = _targets(recipe, out)
    check_motions(recipe)
    if _finished(recipe, out, targets):
        progress(recipe.clips, recipe.clips)
        return targets
    with _prepared(recipe, out, targets):
        _fill(recipe, targets, progress, workers, device)
        shutil.rmtree(out / "parts")
    return targets


def _fill(recipe: Recipe, targets: tuple[Path, ...], progress: Progress, workers: int, device: str) -> None:
    """Make what is missing of the sets' clips and join them; arguments as of `generate`."""
    todo = [i for i in range(recipe.clips) if not all(_part(t, i).exists() or t.exists() for t in targets)]
    with ExitStack() as files:
        parts = {t: [_part(t, i) for i in range(recipe.clips)] for t in targets if not t.exists()}
        sets = [files.enter_context(_Join(own, target)) for target, own in parts.items()]

        def report(done: int, clips: int) -> None:
            progress(done, clips)
            for one in sets:
                one.grow(_AT_ONCE)

        progress(recipe.clips - len(todo), recipe.clips)
        if workers <= 1 or len(todo) <= 1:
            _start(recipe, device)
            for done, index in enumerate(todo, recipe.clips - len(todo) + 1):
                _work(targets, index)
                report(done, recipe.clips)
        else:
            _run_pool(recipe, targets, todo, report, workers, device)
        for one in sets:
            one.grow(recipe.clips)


def _targets(recipe: Recipe, out: Path) -> tuple[Path, ...]:
    """The files of the radars' data sets."""
    if len(recipe.radars) == 1:
        return (out / "dataset.h5",)
    names = [resolve_radar(one).radar.name for one in recipe.apart()]
    stems = [file_name(name) for name in names]
    if len(set(stems)) < len(stems):
        raise ValueError(f"radar: expected radars of different names, got {', '.join(names)}")
    return tuple(out / f"{stem}.h5" for stem in stems)


def _finished(recipe: Recipe, out: Path, targets: tuple[Path, ...]) -> bool:
    """Whether a run of this recipe has made all that it makes."""
    note = out / _NOTE
    there = note.exists() and not (out / "parts").exists() and all(target.exists() for target in targets)
    return there and note.read_text(encoding="utf-8") == run_note(recipe)


@contextmanager
def _prepared(recipe: Recipe, out: Path, targets: tuple[Path, ...]) -> Iterator[None]:
    """Make the folder, or see that a run of this recipe was interrupted in it; hold it against other runs."""
    unfinished = (out / "parts").is_dir() and (out / _NOTE).exists()
    for target in targets:
        if target.exists() and not unfinished:
            raise ValueError(f"{target}: exists already; choose another --out or remove it")
    with run_folder(out, _NOTE, run_note(recipe)):
        (out / "parts").mkdir(exist_ok=True)
        for stale in (out / "parts").glob("*.part"):
            stale.unlink()
        yield


def run_note(recipe: Recipe) -> str:
    """The resolved recipe under the version and a digest of the files that it names: a run goes on with the same alone.

    Radars, rooms and their meshes count by what they hold, motions (which may be many, and long) by names and sizes.
    """
    setting = [radar_file(name)[0] for name in recipe.radars]
    for room in filter(None, (recipe.room, recipe.clutter.room)):
        setting += [room, *(mesh.file for mesh in read_room(room).mesh)]
    parts = [Path(name).read_bytes() for name in setting if Path(name).is_file()]
    motions = {p for activity in recipe.activities for p in motion_files(activity)}
    parts += [f"{path} {path.stat().st_size}".encode() for path in sorted(motions)]
    digest = hashlib.sha256(b"\n".join(parts)).hexdigest()
    return f"# mmsynth {__version__}; SHA-256 of the files that it names: {digest}\n{recipe.text()}"


def _part(target: Path, index: int) -> Path:
    return target.parent / "parts" / f"{index:07d}-{target.name}"


def _run_pool(
    recipe: Recipe, targets: tuple[Path, ...], todo: list[int], progress: Progress, workers: int, device: str
) -> None:
    """Make the parts of the clips `todo` on worker processes."""
    executor = worker_pool(workers, _start, (recipe, device))
    done, ahead, queue = recipe.clips - len(todo), set[Future[None]](), iter(todo)
    try:
        with telling_of_lost_workers("calls generate"):
            # A short queue: an interruption then waits for the clips under way only, and memory stays flat.
            for index in queue:
                ahead.add(executor.submit(_work, targets, index))
                if len(ahead) < 2 * workers:
                    continue
                done, ahead = _collect(ahead, done, recipe.clips, progress)
            while ahead:
                done, ahead = _collect(ahead, done, recipe.clips, progress)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _collect(ahead: set[Future[None]], done: int, clips: int, progress: Progress) -> tuple[int, set[Future[None]]]:
    finished, ahead = wait(ahead, return_when=FIRST_COMPLETED)
    for future in finished:
        future.result()
        done += 1
        progress(done, clips)
    return done, ahead


def _start(recipe: Recipe, device: str) -> None:
    """Set up a worker: one thread, body and radars loaded."""
    global _stages
    torch.set_num_threads(1)
    hold_memory()
    first, *others = recipe.apart()
    ready = stage(first, device)
    _stages = (ready, *(replace(ready, recipe=one, setup=resolve_radar(one)) for one in others))


def _work(targets: tuple[Path, ...], index: int) -> None:
    """Make the parts of a clip that are not there yet."""
    try:
        play = draw_play(_stages[0].recipe, _stages[0].body, index)
        for ready, target in zip(_stages, targets, strict=True):
            if not (_part(target, index).exists() or target.exists()):
                _make_part(ready, play, _part(target, index))
    except (MemoryError, RuntimeError) as error:
        # Torch's and Warp's have no type of their own.
        if isinstance(error, MemoryError) or "allocate" in str(error):
            raise OSError(
                f"clip {index}: out of memory; fewer workers, clips of fewer seconds or fewer noise_draws need less; "
                "the same command goes on"
            ) from None
        raise


def _make_part(stage: Stage, play: Play, part: Path) -> None:
    samples = list(make_samples(stage, play))
    with DatasetWriter(part, attributes(stage, samples[0])) as writer:
        for sample in samples:
            writer.append(sample)


def attributes(stage: Stage, sample: Sample) -> Attributes:
    """What holds for all clips of a set, from its stage and one of its samples."""
    recipe, setup = stage.recipe, stage.setup
    return Attributes(
        radar=setup.radar,
        processing=setup.processing,
        joint_set=sample.joint_set,
        intensity_unit=sample.cloud.intensity_unit,
        method=sample.provenance["method"],
        facets=len(stage.body.faces),
        recipe=recipe.text(),
        seed=recipe.seed,
        versions={"mmsynth": __version__},
    )


def join_parts(parts: list[Path], target: Path) -> None:
    """All clips of finished parts in one file, in order."""
    with _Join(parts, target) as joined:
        joined.grow(len(parts))


class _Join:
    """All clips of a set in one file, in order: a context manager that takes parts in while others are still made."""

    def __init__(self, parts: list[Path], target: Path) -> None:
        self.parts, self.target, self.next = parts, target, 0
        self.writer: DatasetWriter | None = None

    def __enter__(self) -> "_Join":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.writer:
            self.writer.__exit__(kind, error, at)

    def grow(self, most: int) -> None:
        """Append the parts that are next and there, at most `most` of them."""
        for part in self.parts[self.next : self.next + most]:
            if not part.exists():
                return
            with Dataset.open(part) as piece:
                if self.writer is None:
                    self.writer = DatasetWriter(self.target, piece.attributes)
                for sample in piece:
                    self.writer.append(sample)
            self.next += 1
