"""On a corpus whose shortcuts are known: DC offset and level differ by class in some sources."""

import pathlib

import pytest
from tfx.types import standard_artifacts

from components.data_gate import checks
from components.data_gate.config import DataGateConfig
from components.data_gate.findings import errors_in
from components.utterance_gen import component, executor
from components.utterance_gen.settings import IngestSettings

CORPUS = pathlib.Path(__file__).resolve().parents[4] / "shared" / "corpora" / "wild-train"


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"{CORPUS} is not here")
def test_known_shortcuts_are_named(tmp_path):
    made = component.UtteranceGen(
        settings=IngestSettings(corpus_root=str(CORPUS), layout="manifest", min_seconds=0.3),
        corpus_fingerprint="",
    )
    artifact = standard_artifacts.Examples()
    artifact.uri = str(tmp_path)
    context = executor.Executor.Context(
        beam_pipeline_args=["--runner=FnApiRunner", "--sdk_container_image=unused"],
        tmp_dir=str(tmp_path / "tmp"),
        unique_id="1",
    )
    executor.Executor(context).Do({}, {"examples": [artifact]}, dict(made.exec_properties))
    config = DataGateConfig(combined_shortcut="off", attack_balance="off")
    checked = checks.check(checks.read_table(str(tmp_path)), config)
    assert errors_in(checked.findings) == []
    by_subject = {finding.subject: finding for finding in checked.findings}
    assert "YourTTS-exp1 (train" in by_subject["DC offset"].message
    assert "features.remove_dc=true" in by_subject["DC offset"].message
    # Recordings and synthesis of r9y9's demonstration pages.
    assert "DeepVoice3__DCTTS+GriffinLim (train" in by_subject["peak"].message
    assert by_subject["level of speech"].rule == "attack_shortcut"
