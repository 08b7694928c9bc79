"""What the cache must notice although no artifact shows it: corpus, code, settings.

The code of each step is found from the imports of its entry modules, so that no list of files has
to be kept by hand.
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

# Step -> the modules that it runs; what these import is found.
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
# Packages whose version can change a result: part of every fingerprint of code.
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
        corpus: Where it is.
        beam_args: Options for Beam's filesystems.

    Raises:
        CorpusError: If the corpus is not there or a protocol is malformed.
    """
    use_options(beam_args)
    options = Options.parse(corpus.options)
    return corpus_state(corpus.root, corpus.layout, BeamFiles(corpus.root), options)


@dataclasses.dataclass(frozen=True)
class Fingerprints:
    """What the cache must notice although no artifact shows it.

    `run` is for a pipeline that is compiled now and run later: text that stands for what only the
    run will know (the corpus, parameters). It becomes part of the fingerprint of a training as it
    is, so that it can still be filled in there.
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
        """Reads protocols and lists audio of the corpus, and reads the code.

        Args:
            settings: What will be run.
            beam_args: Options for Beam's filesystems, with which the corpus is read.
            corpus: The corpus' fingerprint where that is found elsewhere: it is not touched then.
            run: See the class.

        Raises:
            CorpusError: If the corpus is not there or a protocol is malformed.
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
        """Identifies a trained model: same data, code and settings, same fingerprint.

        Args:
            settings: What will be run.
            pretrained_digest: Hash of the weights that training starts from; empty without any.
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
        """Identifies what tuning finds, as `training` does a model."""
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
        """A short name for the folder of what this fingerprint identifies."""
        return f"{fingerprint[:16]}{self.run}"


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _code(step: str) -> str:
    versions = " ".join(f"{name}={importlib.metadata.version(name)}" for name in LIBRARIES)
    sources = sources_of(REPOSITORY, ENTRY_MODULES[step])
    source = code_fingerprint(sources, root=REPOSITORY)
    return hashlib.sha256(f"{source} {versions}".encode()).hexdigest()
