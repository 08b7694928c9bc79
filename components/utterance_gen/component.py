"""UtteranceGen, a TFX component that turns a speech corpus into Examples."""

import pathlib

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts

import bonafide
from bonafide.storage import fingerprint
from components.declaration import channels, filled, properties
from components.utterance_gen import executor
from components.utterance_gen.settings import IngestSettings


class UtteranceGenSpec(component_spec.ComponentSpec):
    """Interface of UtteranceGen.

    It differs from the specification of TFX's ExampleGens, whose settings are protos as JSON
    strings. No code depends on their base class: the Kubeflow compiler has a special case for
    FileBasedExampleGen only, a driver hook that open-source Kubeflow ignores. The two fingerprints
    replace that driver's part in the cache key.
    """

    PARAMETERS = properties("settings", "corpus_fingerprint", "code_fingerprint")
    INPUTS = channels()
    OUTPUTS = channels(examples=standard_artifacts.Examples)


class UtteranceGen(base_beam_component.BaseBeamComponent):
    """Reads a speech corpus, checks it, and writes stratified shards of tf.Examples.

    Output `examples`: splits `train`, `dev` and `eval` as uncompressed TFRecords, with
    `summary.json` and `rejected.tsv`.

    Example:
        root = "samples"
        files = beam_files.BeamFiles(root)
        utterance_gen = UtteranceGen(
            settings=IngestSettings(corpus_root=root, layout="asvspoof2019-la"),
            corpus_fingerprint=corpus_fingerprint(root, "asvspoof2019-la", files),
        )
        statistics_gen = StatisticsGen(examples=utterance_gen.outputs["examples"])
    """

    SPEC_CLASS = UtteranceGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        *,
        settings: IngestSettings,
        corpus_fingerprint: str,
        code_fingerprint: str | None = None,
    ) -> None:
        """Builds the component; does not read the corpus.

        Args:
            settings: Corpus and options.
            corpus_fingerprint: From `fingerprint.corpus_fingerprint`, when the pipeline is built.
            code_fingerprint: Fingerprint of the code that makes examples; None: of this package.
        """
        if code_fingerprint is None:
            folders = [pathlib.Path(bonafide.__file__).parent, pathlib.Path(__file__).parent]
            code_fingerprint = fingerprint.code_fingerprint(folders)
        super().__init__(
            spec=filled(
                UtteranceGenSpec,
                settings=settings,
                corpus_fingerprint=corpus_fingerprint,
                code_fingerprint=code_fingerprint,
            )
        )
