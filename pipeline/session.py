"""One local run: lock the output folder, build the graph, run it, show the result."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import logging
import os
import pathlib
import time
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.markup import escape

from pipeline import logs
from pipeline.config import REPOSITORY, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from tfx.dsl.components.base.base_component import BaseComponent

    from pipeline.local import Finished

PUSHED, FAILED, REFUSED, INTERRUPTED = 0, 1, 3, 130


class OutputBusyError(RuntimeError):
    """Another run is writing to the same output folder."""


class Session:
    """Runs the pipeline once, with a console for people and a log file for the rest.

    Args:
        settings: What to run.
        options: The command line of `local_runner.py`.
        output: Folder for everything that is written.
        screen: The console.
        log: The file that takes everything else.
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

    def run(self) -> int:
        """Runs everything and returns the exit code."""
        self._console.print(
            f"[bold]Bonafide[/bold]  preset {self._options.preset}  "
            f"corpus {escape(self._settings.corpus.root)}\n"
            f"  output {escape(str(self._output))}\n  log    {escape(str(self._log))}"
        )
        try:
            with only_run_in(self._output):
                return self._run_locked()
        except OutputBusyError as error:
            return self._fail(str(error))
        except KeyboardInterrupt:
            # While starting or showing the result; a component is interrupted in an orderly way.
            self._console.print("\n[yellow]Interrupted[/yellow], with no component running.")
            return INTERRUPTED

    def _run_locked(self) -> int:
        started = time.monotonic()
        # Beam's worker processes import our components, from wherever this was started.
        python_path = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPOSITORY), python_path]))
        self._console.print("  [dim]loading TFX and TensorFlow ...[/dim]")
        # Here and not above: these imports take seconds, and a wrong option should not wait.
        from pipeline import console, figures, local, pipeline

        leave_accelerators_to_training()
        places = pipeline.Places(
            artifacts=str(self._output / "artifacts"),
            serving=str(self._serving),
            checkpoints=str(self._output / "checkpoints"),
        )
        try:
            components = pipeline.create_components(
                self._settings,
                places=places,
                fingerprints=pipeline.Fingerprints.take(self._settings),
                force_blessing_reason=self._options.force_blessing,
            )
            wanted = self._wanted(pipeline, components)
        except (ValueError, OSError) as error:  # a bad corpus, setting or --until, all explained
            traceback.print_exc()
            return self._fail(str(error))
        graph = pipeline.create_pipeline(
            self._settings,
            components,
            places=places,
            metadata_path=str(self._output / "metadata.sqlite"),
        )
        # The graph's own order, which is the order in which they run.
        order = [component.id for component in graph.components if component.id in wanted]
        listener = console.RunConsole(self._screen, order, figures.describe)
        try:
            with logs.people_see(listener.message):
                local.run(graph, listener, only=wanted, beam_args=beam_args(self._options.workers))
        except local.RunInterruptedError:
            self._console.print(
                f"\n[yellow]Interrupted[/yellow] in {listener.running}: the same command goes on "
                "from there."
            )
            return INTERRUPTED
        except Exception as error:
            logging.getLogger(__name__).exception("%s failed", listener.running)
            traceback.print_exc()
            self._console.print(
                f"\n[red bold]{listener.running} failed:[/red bold] {escape(explain(error))}\n"
                f"  full log  {escape(str(self._log))}"
            )
            return FAILED
        self._console.print(f"\nRun ended after {time.monotonic() - started:.0f} s.")
        return self._show(listener.results)

    def _show(self, results: Mapping[str, Finished]) -> int:
        """Prints what the run reached and returns the exit code."""
        from pipeline import console, figures

        if "ModelPusher" not in results:
            for component, finished in results.items():
                for name, uri in finished.outputs.items():
                    self._console.print(f"  {component}.{name}  {escape(uri)}")
            return PUSHED
        result = figures.read_result(results)
        console.show_result(
            self._console,
            result,
            {
                "evaluation": results["ModelEvaluator"].outputs["evaluation"],
                "model": results["Trainer"].outputs["model"],
                "rejected": f"{results['UtteranceGen'].outputs['examples']}/rejected.tsv",
                "TensorBoard": f"tensorboard --logdir {results['Trainer'].outputs['model_run']}",
                "log": str(self._log),
            },
        )
        if not result.pushed_to:
            return REFUSED
        if not pathlib.Path(result.pushed_to).exists():
            return self._fail(
                "that version was pushed by an earlier run with the same data, code and settings, "
                "and has been removed since. Put it back, or use another --output."
            )
        return PUSHED

    def _fail(self, message: str) -> int:
        self._console.print(f"[red]error:[/red] {escape(message)}")
        return FAILED

    def _wanted(self, pipeline: ModuleType, components: list[BaseComponent]) -> set[str]:
        """Ids of the components to run."""
        ids = {component.id.lower(): component.id for component in components}
        until = self._options.until
        if not until:
            return set(ids.values())
        if until.lower() not in ids:
            raise UnknownComponentError(
                f"--until {until}: no such component; there are {', '.join(ids.values())}"
            )
        return pipeline.up_to(components, ids[until.lower()])


class UnknownComponentError(ValueError):
    """`--until` names a component that is not in the graph."""


def leave_accelerators_to_training() -> None:
    """Keeps the steps around training from taking a GPU's whole memory.

    Transform and the evaluation run in this process before and after training: memory grows with
    need. Beam's worker processes see no GPU at all.
    """
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    # This process has read it just now; its children will.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"


def beam_args(workers: int) -> list[str]:
    """Options for Beam's direct runner with that many worker processes.

    FnApiRunner is named because DirectRunner first tries Prism, a binary that it downloads. The
    container image is named, and never used here, because without it TFX packs its own source for
    each component, to be installed in remote workers: seconds a component and 10 MB in /tmp.
    """
    arguments = ["--runner=FnApiRunner", "--sdk_container_image=not-used-by-this-runner"]
    if workers > 1:
        arguments += [
            "--direct_running_mode=multi_processing",
            f"--direct_num_workers={workers}",
        ]
    return arguments


def explain(error: BaseException) -> str:
    """The message of an error for a person, without Beam's and Python's frames."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if "Traceback" in lines[0] or len(lines) > 30:
        # Beam sends a worker's traceback as the message: its last line is the error itself.
        return lines[-1]
    known = type(error).__module__.partition(".")[0] in ("components", "models", "pipeline")
    text = "\n".join(lines)
    return text if known else f"{type(error).__name__}: {text}"


@contextlib.contextmanager
def only_run_in(output: pathlib.Path) -> Iterator[None]:
    """Holds the output folder for this process; the lock ends with the process, however it ends.

    Raises:
        OutputBusyError: If another process holds it; the message says which.
    """
    path = output / ".lock"
    with path.open("a+") as file:
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
