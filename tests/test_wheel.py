"""The wheel, installed in an environment that has never seen this checkout, runs the line from another folder."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command in a clean environment and return what it printed; show it when it fails."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "MMSYNTH"))}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh venv with the wheel in it; the dependencies are those of this interpreter, by a path file."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    run(*build, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    site = folder / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel, cwd=folder)
    # Path files of a folder named in a path file are not read, so the editable install of this checkout stays out.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv" / "bin" / "python"


def test_wheel_is_what_is_imported(installed: Path, tmp_path: Path) -> None:
    where = run(installed, "-c", "import mmsynth; print(mmsynth.__file__)", cwd=tmp_path)
    assert "site-packages" in where and str(ROOT) not in where
    files = run(
        installed, "-c", "import mmsynth, pathlib; print(*pathlib.Path(mmsynth.__path__[0]).iterdir())", cwd=tmp_path
    )
    assert "py.typed" in files and "_data" in files


@pytest.mark.timeout(600)  # the whole demo, small, in one process
def test_wheel_runs_the_demo_elsewhere(installed: Path, tmp_path: Path) -> None:
    command = "from mmsynth.cli import main; main()"
    printed = run(installed, "-c", command, "demo", "--out", "here", "--clips", "6", "--workers", "1", cwd=tmp_path)
    assert "confusion" in printed
    assert (tmp_path / "here" / "data" / "dataset.h5").is_file()
