"""Links between the documents lead somewhere, and the ledger's first table says what its machine-readable twin says."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = [".github", "body_models", "datasets", "mmsynth", "training"]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.md"))])


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a document (repeated headings: the first alone)."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_ledger_at_a_glance_has_the_figures_of_its_rows() -> None:
    text = (ROOT / "training" / "RESULTS.md").read_text().partition("## At a glance")[2].partition("\n## ")[0]
    lines = re.findall(r"^\|(.+)\| `(\S+)` \|([^|]*)\|$", text, flags=re.MULTILINE)
    assert len(lines) > 20
    rows = json.loads((ROOT / "training" / "results.json").read_text())
    for cells, experiment, model in lines:
        said = cells.split("|")[3].strip(" *")
        wanted = {"experiment": experiment, "model": model.strip()}
        found = [r for r in rows if wanted.items() <= r.items() and r["method"] in ("", "facets", "surface")]
        value = max(found, key=lambda r: r["facets"])["value"]  # on the default mesh, where the small body is there too
        assert float(said) == round(value, len(said.partition(".")[2])), wanted
