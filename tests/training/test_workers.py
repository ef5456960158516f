"""Several processes of one training."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from made_up import quiet

from mmsynth.training import fit
from mmsynth.training.recipe import Adapt, Data, Optimise, Recipe
from mmsynth.training.workers import local_device, team

QUICK = Optimise(steps=24, pretrain_steps=8, batch=16, every=4, warmup=2, patience=0)


def test_two_processes_train_as_one(recordings: Path, generated: Path, tmp_path: Path) -> None:
    # With an adversary: each process takes its share of the windows without labels too.
    data, adapt = Data((recordings,), (generated,), (recordings,)), Adapt("adversarial")
    recipe = Recipe(data, model="points", width=16, optimise=replace(QUICK, steps=12), adapt=adapt)
    fit(recipe, tmp_path / "one", quiet)
    (tmp_path / "recipe.toml").write_text(recipe.text())
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python", sys.executable]
    run = ["-c", "from mmsynth.cli import main; main()", "train", str(tmp_path / "recipe.toml")]
    done = subprocess.run(
        [sys.executable, *command, *run, "--out", str(tmp_path / "two")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("points for fast, slow") == 1, "one process speaks for both"
    first, second = (torch.load(tmp_path / n / "model.pt", weights_only=True) for n in ("one", "two"))
    for name, value in first["network"].items():
        # Sums of half batches are rounded differently (1e-7); Adam's first steps, of the rate of 2e-3 times a sign, can
        # magnify that for weights whose gradient is near zero. Without the sums they part by 1e-2.
        off = (value.double() - second["network"][name].double()).abs()
        assert off.max() < 2e-3 and off.mean() < 1e-4, name
    assert all(torch.equal(value, second["trees"][name]) for name, value in first["trees"].items())


def test_each_process_on_gpus_waits_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unbound, torch takes the current GPU for a barrier, which is the first for all of them."""
    asked: list[tuple[str, torch.device | None]] = []
    monkeypatch.setattr("torch.distributed.init_process_group", lambda kind, device_id: asked.append((kind, device_id)))
    for name in ("get_rank", "destroy_process_group"):
        monkeypatch.setattr(f"torch.distributed.{name}", lambda: 1)
    for name in ("WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.setenv(name, "2")
    for device in ("cuda", "cpu"):
        with team(local_device(device)) as processes:
            assert (processes.rank, processes.size) == (1, 2)
    assert asked == [("nccl", torch.device("cuda", 2)), ("gloo", None)]
