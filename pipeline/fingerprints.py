"""Fingerprints of corpus, code and settings: parts of cache keys that no artifact contains.

The code of each step is derived from the imports of its entry modules, without a manual list of
files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
from collections.abc import Sequence

from bonafide.corpora import Options
from bonafide.corpora.state import CorpusState, corpus_state
from bonafide.storage.beam_files import BeamFiles, use_options
from bonafide.storage.fingerprint import code_fingerprint
from bonafide.version import REPOSITORY
from pipeline.config import CorpusConfig, Settings
from pipeline.imports import sources_of

# Step -> its entry modules; their imports are resolved.
ENTRY_MODULES = {
    "ingestion": ("components.utterance_gen.executor", "components.utterance_gen.component"),
    "feature": (
        "models.features.preprocessing",
        "components.transform.executor",
        "components.transform.component",
    ),
    "schema": ("components.curated_schema.component",),
    "gate": ("components.data_gate.executor", "components.data_gate.component"),
    "training": ("models.training.trainer", "models.tuning.tuner"),
    "champion": ("components.champion.executor", "components.champion.component"),
    "evaluation": (
        "components.model_evaluator.executor",
        "components.model_evaluator.component",
        # TFMA imports it by this name.
        "components.model_evaluator.tfma_metrics",
    ),
    "report": ("components.eval_report.executor", "components.eval_report.component"),
    "pushing": ("components.model_pusher.executor", "components.model_pusher.component"),
}
# Packages whose version can affect a result: part of every code fingerprint.
LIBRARIES = (
    "altair",
    "apache-beam",
    "av",
    "keras",
    "numpy",
    "scikit-learn",
    "scipy",
    "soundfile",
    "soxr",
    "tensorflow",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "tensorflow-transform",
    "tfx",
)
SCHEMA = REPOSITORY / "schema" / "schema.pbtxt"


def read_corpus_state(corpus: CorpusConfig, beam_args: Sequence[str] = ()) -> CorpusState:
    """Reads protocols and lists audio.

    Args:
        corpus: Location and layout of the corpus.
        beam_args: Options for Beam's filesystems.

    Raises:
        CorpusError: The corpus does not exist or a protocol is malformed.
    """
    use_options(beam_args)
    options = Options.parse(corpus.options)
    return corpus_state(corpus.root, corpus.layout, BeamFiles(corpus.root), options)


@dataclasses.dataclass(frozen=True)
class Fingerprints:
    """Fingerprints of corpus, code and settings.

    `run` is for compiled pipelines: tokens for values that are only known at run time (the corpus,
    parameters). They are part of the fingerprint of a training in plain text, so that they can be
    replaced there.
    """

    corpus: str
    ingestion_code: str
    feature_code: str
    schema_code: str
    gate_code: str
    training_code: str
    champion_code: str
    evaluation_code: str
    report_code: str
    pushing_code: str
    run: str = ""

    @classmethod
    def take(
        cls,
        settings: Settings,
        *,
        beam_args: Sequence[str] = (),
        corpus: str | None = None,
        run: str = "",
    ) -> Fingerprints:
        """Takes the fingerprints: reads protocols, lists the audio, and reads the code.

        Args:
            settings: Settings of the run.
            beam_args: Options for Beam's filesystems, which read the corpus.
            corpus: Fingerprint of the corpus, if it is known; the corpus is then not read.
            run: See the class.

        Raises:
            CorpusError: The corpus does not exist or a protocol is malformed.
        """
        if corpus is None:
            corpus = read_corpus_state(settings.corpus, beam_args).fingerprint
        return cls(
            corpus=corpus,
            ingestion_code=_code("ingestion"),
            feature_code=_code("feature"),
            schema_code=_code("schema"),
            gate_code=_code("gate"),
            training_code=_code("training"),
            champion_code=_code("champion"),
            evaluation_code=_code("evaluation"),
            report_code=_code("report"),
            pushing_code=_code("pushing"),
            run=run,
        )

    def training(self, settings: Settings, pretrained_digest: str = "") -> str:
        """Returns the fingerprint of a trained model: of data, code and settings.

        Args:
            settings: Settings of the run.
            pretrained_digest: Hash of the initial weights; empty without any.
        """
        parts = [
            self.corpus,
            self.ingestion_code,
            self.feature_code,
            self.training_code,
            settings.training(),
            dataclasses.asdict(settings.transform),
            SCHEMA.read_text(),
            *filter(None, [pretrained_digest]),
        ]
        if settings.tuner.trials:
            parts.append(self.tuning(settings, pretrained_digest))
        return _digest(parts) + self.run

    def tuning(self, settings: Settings, pretrained_digest: str = "") -> str:
        """Returns the fingerprint of a tuning result; see `training`."""
        parts = [
            self.corpus,
            self.ingestion_code,
            self.feature_code,
            self.training_code,
            settings.tuning(),
            dataclasses.asdict(settings.transform),
            SCHEMA.read_text(),
            importlib.metadata.version("keras-tuner"),
            *filter(None, [pretrained_digest]),
        ]
        return _digest(parts) + self.run

    def folder(self, fingerprint: str) -> str:
        """Returns a short folder name for a fingerprint."""
        return f"{fingerprint[:16]}{self.run}"


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _code(step: str) -> str:
    versions = " ".join(f"{name}={importlib.metadata.version(name)}" for name in LIBRARIES)
    sources = sources_of(REPOSITORY, ENTRY_MODULES[step])
    source = code_fingerprint(sources, root=REPOSITORY)
    return hashlib.sha256(f"{source} {versions}".encode()).hexdigest()
