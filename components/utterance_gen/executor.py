"""Executor of UtteranceGen: plans the shards, writes them with Beam, writes the report."""

import dataclasses
import json
from typing import Any

import apache_beam as beam
from tfx import types
from tfx.components.example_gen import utils as example_gen_utils
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from bonafide import corpora
from bonafide.corpora import left_out
from bonafide.dataset import listing
from bonafide.storage import beam_files
from components.utterance_gen import plan, report, shard_writer, voices
from components.utterance_gen.settings import IngestSettings


class Executor(base_beam_executor.BaseBeamExecutor):
    """Reads a corpus and writes `Split-train`, `Split-dev` and `Split-eval`."""

    def Do(  # noqa: N802 (the name is TFX's)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the component.

        Args:
            input_dict: Empty.
            output_dict: `examples`, one artifact.
            exec_properties: `settings`, those of `IngestSettings` as JSON; two fingerprints.

        Raises:
            CorpusError: The corpus is malformed, or too much of it cannot be used.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        settings = IngestSettings.from_json(exec_properties["settings"])
        fingerprints = {
            name: exec_properties[name] for name in ("corpus_fingerprint", "code_fingerprint")
        }
        beam_files.use_options(self._beam_pipeline_args or [])
        artifact = artifact_utils.get_single_instance(output_dict["examples"])

        files = beam_files.BeamFiles(settings.corpus_root)
        corpus = corpora.reader(settings.layout)(
            files, corpus_name=settings.name, options=settings.options
        )
        corpus = voices.keep_copies_together(corpus, files, settings)
        corpus = left_out.leave_out(corpus, settings.leave_out)
        report.warn_of_bad_rows(corpus)
        report.warn_of_unknown_speakers(corpus)
        unread = corpora.find_unread(files, corpus, settings.layout)
        corpus = dataclasses.replace(corpus, notes=(*corpus.notes, *unread.notes))
        ingestion = plan.make_plan(
            corpus,
            similar=unread.similar,
            shard_bytes=settings.shard_bytes,
            seed=settings.seed,
            copies=settings.degraded_copies,
        )
        limit = settings.max_rejected_fraction
        report.check_rejections(corpus.utterances, ingestion.rejections, limit)  # Before any work.

        workspace = shard_writer.Workspace(artifact.uri)
        workspace.open(corpora.SPLITS)
        rows = len(corpus.utterances) + len(corpus.bad_rows)
        allowed = report.most_rejections(rows, limit)
        try:
            self._write_shards(
                ingestion.shards,
                workspace,
                settings,
                max_rejected=allowed - len(ingestion.rejections),
            )
        finally:
            # Also after an error: engines return a worker's exception as a formatted traceback,
            # and the results list what was rejected if a worker stopped at the limit.
            results = workspace.read_results(ingestion.shards)
            rejections = ingestion.rejections + tuple(
                row for result in results for row in result.rejections
            )
            report.check_rejections(corpus.utterances, rejections, limit)
        report.warn_of_lost_systems(corpus.utterances, rejections)
        report.warn_of_missing_splits(corpus.utterances)

        summary = report.summarise(settings, fingerprints, results, rejections, corpus)
        for name, text in (
            ("rejected.tsv", report.rejected_tsv(rejections)),
            (
                listing.LISTING_FILE,
                listing.listing_tsv(corpus.utterances, (row.utterance_id for row in rejections)),
            ),
            ("summary.json", json.dumps(summary, indent=2) + "\n"),
        ):
            beam_files.write_bytes(
                beam_files.join(artifact.uri, name), text.encode(), scratch=workspace.scratch
            )
        workspace.close()
        held = {shard.split for shard in ingestion.shards}
        _describe(
            artifact,
            fingerprints["corpus_fingerprint"],
            [split for split in corpora.SPLITS if split in held],
        )
        report.log_summary(summary)

    def _write_shards(
        self,
        shards: tuple[plan.Shard, ...],
        workspace: shard_writer.Workspace,
        settings: IngestSettings,
        *,
        max_rejected: int,
    ) -> None:
        """Writes all shards through Beam."""
        plan_uris = []
        for shard in shards:
            plan_uris.append(beam_files.join(workspace.plans, shard.name))
            beam_files.write_bytes(plan_uris[-1], shard.to_json(), scratch=workspace.scratch)
        write_shard = shard_writer.WriteShard(
            settings, examples_uri=workspace.examples_uri, max_rejected=max_rejected
        )
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Plans" >> beam.Create(plan_uris)
                | "Spread" >> beam.Reshuffle()
                | "WriteShard" >> beam.ParDo(write_shard)
            )


def _describe(artifact: types.Artifact, corpus_fingerprint: str, splits: list[str]) -> None:
    """Sets the properties of Examples that TFX's components read, as TFX's ExampleGens do.

    Splits without utterances are omitted, because TFX's readers cannot read a split without files.
    `file_format` stays unset: TFX only defines `tfrecords_gzip` (its default) and `parquet`, and
    its readers detect uncompressed TFRecords by the file extension.
    """
    artifact.split_names = artifact_utils.encode_split_names(splits)
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    artifact.set_int_custom_property(example_gen_utils.SPAN_PROPERTY_NAME, 0)
    artifact.set_string_custom_property(
        example_gen_utils.FINGERPRINT_PROPERTY_NAME, corpus_fingerprint
    )
