"""Commands that show what there is: radars, bodies, motions."""

from pathlib import Path
from typing import Annotated

import typer

from mmsynth.cli.shared import app, picture_option, say, table


@app.command()
def radar(
    name: Annotated[str, typer.Argument(help="Profile, device .toml or TI .cfg; none = list the profiles.")] = "",
    figure: Annotated[
        Path | None, typer.Option(help="PNG of the virtual array and its beam.", callback=picture_option)
    ] = None,
) -> None:
    """Print what a radar can resolve, how well it sees a person, and which motion it will miss.

    `mmsynth radar radhar`

    `mmsynth radar my.cfg --figure array.png`
    """
    from mmsynth.radar import advice, describe, load_radar, radar_names

    if not name:
        say(*radar_names())
        return
    setup = load_radar(name)
    table(describe(setup.radar))
    say(*setup.notes, *advice(setup))
    if figure:
        from mmsynth.view import array_figure, save_figure

        save_figure(array_figure(setup.radar), figure)
        say(f"wrote {figure}")


@app.command()
def bodies(
    figure: Annotated[
        Path | None, typer.Option(help="PNG with the free body in people of different build.", callback=picture_option)
    ] = None,
) -> None:
    """List the body models: which are installed, and where to get the others."""
    from mmsynth.body_models import list_bodies

    for status in list_bodies():
        say(f"{status.name:10}{'here' if status.available else 'missing':9}{status.card.licence}")
        if status.missing:
            say(f"{'':10}{status.missing}")
    if figure:
        from mmsynth.look import bodies_sheet
        from mmsynth.view import save_figure

        say(f"wrote {save_figure(bodies_sheet(), figure)}")


@app.command()
def motions(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Motion files, or a recipe to draw; none = the built-in motions.")
    ] = None,
    figure: Annotated[Path | None, typer.Option(help="PNG with six instants of each.", callback=picture_option)] = None,
    frame_rate: Annotated[float | None, typer.Option(help="In Hz, of files that do not say theirs.")] = None,
) -> None:
    """List the built-in motions and sources of motion files, or print what given motion files were read as.

    `mmsynth motions mocap/*.bvh --figure motions.png`

    `mmsynth motions my_recipe.toml --figure people.png`: what people do in the first clips of a recipe
    """
    if files and [file.suffix for file in files] == [".toml"]:
        _draw_recipe(files[0], figure)
        return
    from mmsynth.motion import ACTIVITIES, FORMATS, list_sources, read_motion

    good, bad = [], []
    for file in files or ():
        try:
            found = read_motion(file, frame_rate)
        except ValueError as error:  # printed last, after the files that can be read
            bad.append(str(error))
            continue
        good.append(file)
        seconds = float(found.times[-1] - found.times[0])
        kind = f"{type(found).__name__}, {len(found.times)} frames, {seconds:.2f} s"
        say(f"{file}: {found.labels.source or 'unknown format'}: {kind}")
    if not files:
        say(*(f"{name:24}{activity.about}" for name, activity in ACTIVITIES.items()))
        say("", f"Motion files that can be read: {', '.join(FORMATS)}.")
        say("Sources, and how many files of each are here (in folders of these names in the folder MMSYNTH_MOTIONS):")
        for source, count in list_sources():
            here = f"{count} files" if count else "none"
            say(f"{source.name:12}{here:12}{source.title}: {source.licence}; {source.page}")
    if figure and (good or not files):
        from mmsynth.look import files_sheet, motions_sheet
        from mmsynth.view import save_figure

        say(f"wrote {save_figure(files_sheet(good, frame_rate) if good else motions_sheet(), figure)}")
    if bad:
        raise ValueError("\n".join(bad))


def _draw_recipe(path: Path, figure: Path | None) -> None:
    from mmsynth.generation import load_recipe
    from mmsynth.look import plays_sheet
    from mmsynth.view import save_figure

    if figure is None:
        raise ValueError(f"{path}: expected --figure, to draw what people do in the clips of a recipe")
    say(f"wrote {save_figure(plays_sheet(load_recipe(path)), figure)}")
