"""One local run: lock the output folder, build the graph, run it, show the result."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import logging
import os
import pathlib
import shlex
import sqlite3
import time
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.markup import escape

from bonafide import engines, logs
from bonafide.corpora import Options, bad_rows
from bonafide.corpora.state import CorpusState, corpus_state
from bonafide.storage.local_files import LocalFiles
from bonafide.version import REPOSITORY
from pipeline.config import COMPONENTS, Settings
from pipeline.exit_codes import FAILED, INTERRUPTED, PUSHED, REFUSED
from pipeline.interrupts import RunInterruptedError, interruptible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.console import RunConsole
    from pipeline.local import Finished

# Remedies for operating-system errors, by a part of their message.
_ADVICE = {
    "No space left on device": "Free some space, or choose another --output. The same command then "
    "resumes: finished components are kept.",
    "Read-only file system": "Make it writable, or choose another --output.",
}


class OutputBusyError(RuntimeError):
    """Another run is writing to the same output folder."""


class DamagedMetadataError(RuntimeError):
    """The metadata of the output folder cannot be read; the message says how to start over."""


class Session:
    """Runs the pipeline once, with a console for the user and a log file for all other output.

    Args:
        settings: Settings of the run.
        options: The command line of `local_runner.py`.
        output: Output folder.
        screen: The console.
        log: Log file for all other output.
    """

    def __init__(
        self,
        settings: Settings,
        options: argparse.Namespace,
        output: pathlib.Path,
        screen: TextIO,
        log: pathlib.Path,
    ) -> None:
        self._settings = settings
        self._options = options
        self._output = output
        self._screen = screen
        self._console = Console(file=screen, highlight=False, soft_wrap=True)
        self._log = log
        self._serving = output / "serving" / settings.name
        self._listener: RunConsole | None = None

    def run(self) -> int:
        """Runs the pipeline and returns the exit code."""
        self._console.print(
            f"[bold]Bonafide[/bold]  preset {self._options.preset}  "
            f"corpus {escape(self._settings.corpus.root)}\n"
            f"  output {escape(str(self._output))}\n  log    {escape(str(self._log))}"
        )
        try:
            with interruptible() as raise_if_interrupted, only_run_in(self._output):
                return self._run_locked(raise_if_interrupted)
        except (OutputBusyError, DamagedMetadataError) as error:
            return self._fail(str(error))
        except RunInterruptedError:
            running = self._listener.running if self._listener else None
            where = f" in {running}" if running else ""
            self._console.print(
                f"\n[yellow]Interrupted[/yellow]{where}. The same command resumes from there."
            )
            return INTERRUPTED

    def _run_locked(self, raise_if_interrupted: Callable[[], None]) -> int:
        started = time.monotonic()
        # Beam's worker processes import our components, regardless of the working directory.
        python_path = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPOSITORY), python_path]))
        try:
            state = self._read_local_corpus()
        except (ValueError, OSError) as error:
            traceback.print_exc()
            return self._fail(str(error))
        self._console.print("  [dim]loading TFX and TensorFlow ...[/dim]")
        database = self._output / "metadata.sqlite"
        refuse_damaged(database)
        # Imported here, because these imports take seconds and an invalid option must fail at once.
        from pipeline import console, figures, fingerprints, leftovers, local, pipeline, relocation

        raise_if_interrupted()  # a signal may have been lost during an import
        leave_accelerators_to_training()
        beam, corpus = self._settings.beam, self._settings.corpus
        places = pipeline.Places(
            artifacts=beam.artifacts or str(self._output / "artifacts"),
            serving=str(self._serving),
            checkpoints=str(self._output / "checkpoints"),
        )
        if not beam.artifacts:
            for earlier in relocation.follow(self._output, database):
                self._console.print(
                    f"  [dim]moved or copied from {escape(earlier)}: metadata refer to this folder "
                    "now[/dim]"
                )
        try:
            if state is None:
                state = fingerprints.read_corpus_state(corpus, engines.beam_args(beam))
            workers = engines.choose_workers(beam, state.utterances)
            chosen = engines.describe(beam, workers, state.utterances)
            self._console.print(f"  Beam   {escape(chosen)}")
            arguments = engines.beam_args(beam, workers)
            components = pipeline.create_components(
                self._settings,
                places=places,
                fingerprints=fingerprints.Fingerprints.take(
                    self._settings, corpus=state.fingerprint
                ),
                force_blessing_reason=self._options.force_blessing or "",
            )
            wanted = pipeline.up_to(components, self._options.until or COMPONENTS[-1])
            raise_if_interrupted()
        except (ValueError, OSError) as error:  # an invalid corpus or setting
            raise_if_interrupted()
            traceback.print_exc()
            return self._fail(str(error))
        graph = pipeline.create_pipeline(
            self._settings,
            components,
            places=places,
            metadata_path=str(database),
        )
        left = leftovers.remove_leftovers(graph.metadata_connection_config, places.artifacts)
        for folder in left:
            logging.getLogger(__name__).info(
                "removed unfinished output of a killed run: %s", folder
            )
        if left:
            self._console.print(
                f"  [dim]removed unfinished outputs of a killed run ({len(left)})[/dim]"
            )
        # The graph's own order, which is the order in which they run.
        order = [component.id for component in graph.components if component.id in wanted]
        listener = console.RunConsole(self._screen, order, figures.describe)
        self._listener = listener

        def show(level: int, text: str) -> None:
            raise_if_interrupted()  # whenever a long component logs
            listener.message(level, text)

        try:
            with logs.people_see(show), relocation.cache_keys_of_first_location(self._output):
                local.run(
                    graph,
                    listener,
                    only=wanted,
                    beam_args=arguments,
                    between=raise_if_interrupted,
                )
        except Exception as error:
            raise_if_interrupted()
            what = listener.running or "The run"
            logging.getLogger(__name__).exception("%s failed", what)
            traceback.print_exc()
            self._console.print(
                f"\n[red bold]{what} failed:[/red bold] {escape(explain(error))}\n"
                f"  full log  {escape(str(self._log))}"
            )
            return FAILED
        self._console.print(f"\nRun ended after {time.monotonic() - started:.0f} s.")
        return self._show(listener.results)

    def _read_local_corpus(self) -> CorpusState | None:
        """Reads the protocols and lists the audio before anything heavy is imported.

        Returns:
            The state of the corpus; None where it is not on this machine, and needs Beam.

        Raises:
            CorpusError: There is no corpus, or a protocol is malformed.
            OSError: A folder or a protocol cannot be read.
        """
        corpus = self._settings.corpus
        if "://" in corpus.root:
            return None
        options = Options.parse(corpus.options)
        state = corpus_state(corpus.root, corpus.layout, LocalFiles(corpus.root), options)
        self._console.print(f"  data   {escape(state.summary)}")
        if state.missing:
            self._console.print(
                f"  [yellow]{state.missing:,} of {state.utterances:,} recordings are missing; "
                "UtteranceGen names them[/yellow]"
            )
        if bad := bad_rows.described(state.bad_rows):
            self._console.print(f"  [yellow]{escape(bad)}[/yellow]")
        return state

    def _show(self, results: Mapping[str, Finished]) -> int:
        """Prints the results of the run and returns the exit code."""
        from pipeline import console, figures

        if "ModelPusher" not in results:
            for component, finished in results.items():
                for name, uri in finished.outputs.items():
                    self._console.print(f"  {component}.{name}  {escape(uri)}")
            return PUSHED
        result = figures.read_result(results)
        removed = bool(result.pushed_to) and not pathlib.Path(result.pushed_to).exists()
        console.show_result(
            self._console,
            result,
            {
                "report": figures.describe(results["EvalReport"]),
                "evaluation": results["ModelEvaluator"].outputs["evaluation"],
                "model": results["Trainer"].outputs["model"],
                "rejected": f"{results['UtteranceGen'].outputs['examples']}/rejected.tsv",
                "TensorBoard": shlex.join(
                    ["tensorboard", "--logdir", results["Trainer"].outputs["model_run"]]
                ),
                "log": str(self._log),
            },
            removed=removed,
        )
        if removed:
            return FAILED
        return PUSHED if result.pushed_to else REFUSED

    def _fail(self, message: str) -> int:
        self._console.print(f"[red]error:[/red] {escape(message)}")
        return FAILED


def leave_accelerators_to_training() -> None:
    """Prevents the steps before and after training from allocating all GPU memory.

    Transform and the evaluation run in this process before and after training: memory grows on
    demand. Beam's worker processes see no GPU at all.
    """
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    # This process has already read the variable, its children have not.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"


_OURS = ("bonafide", "components", "models", "pipeline")


def explain(error: BaseException) -> str:
    """Returns the message of an error for the user, without traceback frames."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    known = type(error).__module__.partition(".")[0] in _OURS
    if "Traceback" in lines[0] or len(lines) > 30:
        # Beam's message is a worker's traceback, whose last line is the error.
        lines, known = lines[-1:], True
    text = "\n".join([*lines, *getattr(error, "__notes__", [])])
    advice = [what for sign, what in _ADVICE.items() if sign in text]
    return "\n".join([text if known else f"{type(error).__name__}: {text}", *advice])


def refuse_damaged(database: pathlib.Path) -> None:
    """Checks the SQLite file of ML Metadata, whose own errors are raw SQL.

    Raises:
        DamagedMetadataError: It is damaged, or is no such database.
    """
    if not database.exists() or not database.stat().st_size:
        return
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as found:
            problems = [row[0] for row in found.execute("PRAGMA quick_check(1)")]
            tables = {row[0] for row in found.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error as error:
        problems, tables = [str(error)], set()
    if problems == ["ok"] and (not tables or "MLMDEnv" in tables):
        return
    problem = problems[0] if problems != ["ok"] else "a database of something else"
    old = shlex.quote(str(database.parent / "damaged"))
    there = " ".join(
        shlex.quote(str(database.parent / name)) for name in (database.name, "artifacts")
    )
    raise DamagedMetadataError(
        f"expected a database of ML Metadata, got {problem} ({database}). Restore it from a "
        f"backup, or start over: mkdir {old} && mv {there} {old}/\n"
        "Then the same command computes everything again. Pushed versions and training checkpoints "
        "stay where they are: a finished training is not repeated, and a model that was pushed is "
        "not pushed again."
    )


@contextlib.contextmanager
def only_run_in(output: pathlib.Path) -> Iterator[None]:
    """Locks the output folder until the process ends.

    Raises:
        OutputBusyError: Another process holds the lock, or the lock file cannot be opened; the
            message names it.
    """
    path = output / ".lock"
    try:
        file = path.open("a+")
    except OSError as error:
        raise OutputBusyError(
            f"expected a lock file that can be written, got {error.strerror} ({path}). If no run "
            "is using this folder, remove the file; otherwise run as its owner, or choose another "
            "--output."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise OutputBusyError(
                f"process {file.read().strip() or 'unknown'} is running in {output}; wait for it, "
                "or choose another --output"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
