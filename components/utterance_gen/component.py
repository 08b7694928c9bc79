"""UtteranceGen, a TFX component: a speech corpus becomes Examples."""

import pathlib
from collections.abc import Sequence
from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts

import bonafide
from bonafide.storage import fingerprint
from components.utterance_gen import executor
from components.utterance_gen.settings import IngestSettings


class UtteranceGenSpec(component_spec.ComponentSpec):
    """Execution properties (see `IngestSettings`) and the one output.

    Not the specification of TFX's ExampleGens, whose settings are protos as JSON strings: typed,
    named properties can be read in the metadata and in the Kubeflow UI, and nothing depends on the
    base class (the Kubeflow compiler treats FileBasedExampleGen alone specially, by a driver hook
    that open-source Kubeflow ignores). What that driver does for the cache, the two fingerprints
    do.
    """

    INPUTS: ClassVar[dict[str, Any]] = {}
    PARAMETERS: ClassVar[dict[str, Any]] = {
        "corpus_root": component_spec.ExecutionParameter(type=str),
        "layout": component_spec.ExecutionParameter(type=str),
        "layout_options": component_spec.ExecutionParameter(type=str),
        "corpus_name": component_spec.ExecutionParameter(type=str),
        "sample_rate": component_spec.ExecutionParameter(type=int),
        "min_seconds": component_spec.ExecutionParameter(type=float),
        "shard_bytes": component_spec.ExecutionParameter(type=int),
        "max_rejected_fraction": component_spec.ExecutionParameter(type=float),
        "degraded_copies": component_spec.ExecutionParameter(type=int),
        "seed": component_spec.ExecutionParameter(type=int),
        "corpus_fingerprint": component_spec.ExecutionParameter(type=str),
        "code_fingerprint": component_spec.ExecutionParameter(type=str),
    }
    OUTPUTS: ClassVar[dict[str, Any]] = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }


class UtteranceGen(base_beam_component.BaseBeamComponent):
    """Reads a speech corpus, checks it, and writes stratified shards of tf.Examples.

    Output `examples`: splits `train`, `dev` and `eval` as plain TFRecords, and beside them
    `summary.json` and `rejected.tsv`.

    Example:
        root = "samples"
        files = beam_files.BeamFiles(root)
        utterance_gen = UtteranceGen(
            corpus_root=root,
            layout="asvspoof2019-la",
            corpus_fingerprint=corpus_fingerprint(root, "asvspoof2019-la", files),
        )
        statistics_gen = StatisticsGen(examples=utterance_gen.outputs["examples"])
    """

    SPEC_CLASS = UtteranceGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        *,
        corpus_root: str,
        layout: str,
        corpus_fingerprint: str,
        layout_options: Sequence[str] = (),
        corpus_name: str | None = None,
        sample_rate: int = 16_000,
        min_seconds: float = 0.1,
        shard_bytes: int = 32 * 2**20,
        max_rejected_fraction: float = 0.01,
        degraded_copies: int = 0,
        seed: int = 0,
        code_fingerprint: str | None = None,
    ) -> None:
        """Checks the settings and makes the component; the corpus itself is not touched.

        Args:
            corpus_root: The folder of the corpus: a local path or a URI of any Beam filesystem.
            layout: How the corpus is laid out, a key of `corpora.LAYOUTS`, or `auto`.
            corpus_fingerprint: From `fingerprint.corpus_fingerprint`, when the pipeline is made.
            layout_options: What the layout is told, `name=value` each; see `corpora.Options`.
            corpus_name: Written into every example; the layout's name if None.
            sample_rate: Of the examples, in Hz.
            min_seconds: Shorter utterances are rejected.
            shard_bytes: About how large a shard should be. Shards are what workers share out, so
                a corpus should have several for each worker.
            max_rejected_fraction: More rejected utterances than this share stop the run.
            degraded_copies: How many degraded copies of each utterance of train are written after
                it, each through a random chain (`bonafide.audio.chains`) that its feature
                `degradation` names.
            seed: Decides which shard an utterance goes to and its place there, and what becomes of
                the copies.
            code_fingerprint: Of the code that makes the examples; that of this package if None.

        Raises:
            ValueError: A setting is out of range, or the layout or an option of it unknown.
        """
        settings = IngestSettings(
            corpus_root=corpus_root,
            layout=layout,
            layout_options=",".join(layout_options),
            corpus_name=layout if corpus_name is None else corpus_name,
            sample_rate=sample_rate,
            min_seconds=float(min_seconds),
            shard_bytes=shard_bytes,
            max_rejected_fraction=float(max_rejected_fraction),
            degraded_copies=degraded_copies,
            seed=seed,
            corpus_fingerprint=corpus_fingerprint,
            code_fingerprint=(
                fingerprint.code_fingerprint(
                    [pathlib.Path(bonafide.__file__).parent, pathlib.Path(__file__).parent]
                )
                if code_fingerprint is None
                else code_fingerprint
            ),
        )
        super().__init__(
            spec=UtteranceGenSpec(
                **vars(settings), examples=types.Channel(type=standard_artifacts.Examples)
            )
        )
