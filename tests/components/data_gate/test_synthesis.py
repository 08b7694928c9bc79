"""What `bonafide synthesize` makes of real recordings passes the checks of the data."""

import pathlib

import pytest
from tfx.types import standard_artifacts

from bonafide.synthesis import catalogue, command
from components.data_gate import checks
from components.data_gate.config import DataGateConfig
from components.utterance_gen import component, executor
from components.utterance_gen.settings import IngestSettings

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROTOCOLS = ROOT / "samples/LA/ASVspoof2019_LA_cm_protocols"
TEXTS = (
    "Your call is important to us. Please stay on the line.",
    "The account number that you have entered is not correct.",
    "To hear these options again, press star.",
    "Please say the name of the person whom you would like to reach.",
)
# About the content of recordings, not about how many there are.
SHORTCUTS = {"shortcut", "perfect_shortcut", "attack_shortcut", "combined_shortcut"}
LEAKS = {"identical_audio", "near_identical", "conflicting_labels", "shared_speakers"}
OTHERS = {"shared_attacks", "unlike_channels", "without_speech", "unknown_speakers"}


@pytest.fixture(scope="module")
def bonafide(tmp_path_factory):
    """Every third bona fide recording of the bundled corpus, in a manifest with its splits."""
    root = tmp_path_factory.mktemp("bonafide")
    lines = ["path,key,speaker,split"]
    for split, ending in (("train", "train.trn"), ("dev", "dev.trl"), ("eval", "eval.trl")):
        protocol = (PROTOCOLS / f"ASVspoof2019.LA.cm.{ending}.txt").read_text().splitlines()
        rows = [line.split() for line in protocol if line.endswith("bonafide")]
        for speaker, name, *_ in rows[::3] if split != "dev" else rows:
            place = ROOT / f"samples/LA/ASVspoof2019_LA_{split}/flac/{name}.flac"
            (root / place.name).symlink_to(place)
            lines.append(f"{place.name},bonafide,{speaker},{split}")
    (root / "manifest.csv").write_text("\n".join(lines))
    return root


def test_no_measure_tells_real_and_synthetic_recordings_apart(bonafide, tmp_path):
    (tmp_path / "texts.txt").write_text("\n".join(f"en\t{text}" for text in TEXTS))
    folder = tmp_path / "corpus"
    given = ["--bonafide", bonafide, "--output", folder, "--texts", tmp_path / "texts.txt"]
    given += ["--engines", "auto,partial", "--copies", "2", "--max-failures", "0.02"]
    assert command.main([str(each) for each in given]) in (0, 4)

    made = component.UtteranceGen(
        settings=IngestSettings(corpus_root=str(folder), layout="manifest", min_seconds=0.3),
        corpus_fingerprint="",
    )
    artifact = standard_artifacts.Examples()
    artifact.uri = str(tmp_path / "examples")
    context = executor.Executor.Context(
        beam_pipeline_args=["--runner=FnApiRunner", "--sdk_container_image=unused"],
        tmp_dir=str(tmp_path / "tmp"),
        unique_id="1",
    )
    executor.Executor(context).Do({}, {"examples": [artifact]}, dict(made.exec_properties))
    table = checks.read_table(artifact.uri)
    checked = checks.check(table, DataGateConfig())
    rules = SHORTCUTS | LEAKS | OTHERS
    assert [each.message for each in checked.findings if each.rule in rules] == []
    usable = {each.name for each in catalogue.built_in() if not each.missing()}
    assert usable <= set(table.systems)
