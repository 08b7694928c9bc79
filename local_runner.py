"""Runs the pipeline on this machine, on Beam's direct runner.

    python local_runner.py                                  the bundled corpus, to a pushed model
    python local_runner.py --preset asvspoof2019-la --corpus /data/LA
    python local_runner.py --until DataGate                 read and check the data only
    python local_runner.py --set trainer.epochs=5 --set gate.max_eer=0.3
    python local_runner.py --config run.yaml                settings from a file

A repeated command runs only the components whose data, code or settings changed.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import os
import pathlib
import sys
import traceback

from bonafide import logs
from bonafide.command_line import CommandParser
from bonafide.corpora import mixture
from bonafide.engines import RUNNERS, WORTH_WORKERS_UTTERANCES
from bonafide.settings import SettingsError
from bonafide.settings.overrides import Change
from bonafide.text import did_you_mean
from models.settings.corpus_weights import parse_weights
from models.settings.trainer import TrainerConfig
from pipeline.config import COMPONENTS, PRESETS, CorpusConfig, Settings
from pipeline.exit_codes import FAILED, INTERRUPTED, PUSHED, REFUSED
from pipeline.options import (
    add_settings_options,
    read_settings,
    settings_yaml,
    summary_of_settings,
)

EXIT_CODES = f"""exit codes:
  {PUSHED}    the model was pushed, or --until was reached
  {FAILED}    a component failed; see the last lines and the log
  2    the command line is wrong
  {REFUSED}    the gate refused the model, nothing was pushed
  {INTERRUPTED}  interrupted; the same command resumes from there
       (a second Ctrl-C ends it at once)"""


def parser() -> argparse.ArgumentParser:
    """The command line, with every preset and every section of settings in its help."""
    presets = "\n".join(
        f"  {name:<16} {(make.__doc__ or '').strip().splitlines()[0]}"
        for name, make in PRESETS.items()
    )
    result = CommandParser(
        description=__doc__,
        epilog=f"presets:\n{presets}\n\nsections of settings (--help-settings SECTION shows the "
        f"settings of one):\n{summary_of_settings()}\n\n{EXIT_CODES}",
    )
    add_settings_options(result)
    result.add_argument(
        "--corpus",
        metavar="DIR",
        action="append",
        help="folder of the corpus (default: as the preset says); given as NAME=DIR[@LAYOUT]"
        "[?OPTION=VALUE,...], several times, it is a mixture of corpora; the option weight=3 makes "
        "training draw each utterance of that corpus three times as often "
        "(docs/corpora.md)",
    )
    result.add_argument(
        "--layout",
        metavar="NAME",
        help="how the corpus is laid out, the same as --set corpus.layout=NAME (docs/corpora.md); "
        "auto detects it from the files",
    )
    result.add_argument(
        "--output",
        metavar="DIR",
        type=pathlib.Path,
        help="where everything is written (default: output/PRESET)",
    )
    result.add_argument(
        "--until",
        metavar="COMPONENT",
        type=component_id,
        help=f"run the graph up to this component: {', '.join(COMPONENTS)}",
    )
    result.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="Beam worker processes, or the parallelism of an engine (default: by the size of the "
        f"corpus; in this process below {WORTH_WORKERS_UTTERANCES:,} utterances, because workers "
        "take 10-20 s to start for each component)",
    )
    result.add_argument(
        "--beam-runner",
        choices=RUNNERS,
        help="engine of the Beam steps (default: direct, this machine); --help-settings beam "
        "and docs/scale.md list the requirements",
    )
    result.add_argument(
        "--force-blessing",
        metavar="REASON",
        help="push even if the gate refuses the model; the reason is recorded with it",
    )
    return result


def component_id(text: str) -> str:
    """The id of a component, from its name in any capitalisation."""
    for name in COMPONENTS:
        if name.lower() == text.lower():
            return name
    advice = did_you_mean(text, COMPONENTS)
    raise argparse.ArgumentTypeError(f"expected a component, got {text!r}. {advice}")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    command_line = parser()
    options = command_line.parse_args(arguments)
    try:
        short = [
            Change("corpus.layout", options.layout, "--layout"),
            Change("beam.workers", options.workers, "--workers"),
            Change("beam.runner", options.beam_runner, "--beam-runner"),
        ]
        settings = read_settings(options, [change for change in short if change.value is not None])
    except ValueError as error:
        command_line.error(str(error))
    if options.until and options.until not in settings.components():
        command_line.error(
            f"expected a component of this run, got {options.until} (--until), which "
            "tuner.trials=0 leaves out. Add --set tuner.trials=20."
        )
    if options.workers is not None and options.workers < 1:
        command_line.error(f"expected 1 process or more, got {options.workers} (--workers).")
    if options.force_blessing is not None and not options.force_blessing.strip():
        command_line.error(
            f"expected a reason, got {options.force_blessing!r} (--force-blessing). Write why the "
            "model is pushed anyway."
        )
    try:
        corpus, weights = corpus_of(settings.corpus, options.corpus, options.layout)
        trainer = weighted(settings.trainer, corpus, weights)
        settings = dataclasses.replace(settings, corpus=corpus, trainer=trainer)
    except ValueError as error:
        command_line.error(str(error))
    # One spelling for one folder here too, because the path is part of the cache key.
    output = pathlib.Path("output") / options.preset if options.output is None else options.output
    output = pathlib.Path(os.path.realpath(os.path.expanduser(output)))  # noqa: PTH111 (no errors)
    if any(mark in str(output) for mark in ("*", "?", "[", ":/")):
        command_line.error(
            f"expected a local folder without * ? [, got {str(output)!r} (--output)."
        )
    if options.print_config:
        print(settings_yaml(settings), end="")
        return PUSHED
    return run(settings, options, output)


def corpus_of(
    corpus: CorpusConfig, given: list[str] | None, layout: str | None
) -> tuple[CorpusConfig, tuple[str, ...]]:
    """The corpus that `--corpus` names: one folder, or several as a mixture.

    Args:
        corpus: As the settings say.
        given: What `--corpus` was given, each time.
        layout: What `--layout` was given.

    Returns:
        The corpus, and the weights of a mixture's corpora as in `trainer.corpus_weights`. The data
        that is read, and its cache key, do not depend on weights.

    Raises:
        SettingsError: The options are empty or contradict each other.
    """
    if given is None:
        if corpus.layout == mixture.LAYOUT:
            return corpus, ()
        given = [corpus.root]
    members = [
        text for text in given if mixture.is_member(text) and not pathlib.Path(text).exists()
    ]
    if not members and len(given) == 1:
        [root] = given
        if not root:
            raise SettingsError("the folder of the corpus", repr(root), place="--corpus")
        return dataclasses.replace(corpus, root=_one_spelling(root)), ()
    if len(members) < len(given):
        raise SettingsError(
            "one folder, or several corpora with a name each",
            ", ".join(map(repr, given)),
            place="--corpus",
            advice="Write --corpus la=/data/LA --corpus itw=/data/itw@in-the-wild.",
        )
    if layout is not None:
        raise SettingsError(
            "the layout of one corpus",
            f"{layout!r} for a mixture",
            place="--layout",
            advice="Write NAME=DIR@LAYOUT for each corpus.",
        )
    text, weights = mixture.take_out(";".join(members), "weight")
    parsed = mixture.parse(text)
    parsed = [dataclasses.replace(m, root=_one_spelling(m.root)) for m in parsed]
    text = ";".join(member.text() for member in parsed)
    mixed = dataclasses.replace(corpus, root=text, layout=mixture.LAYOUT, options=())
    return mixed, tuple(f"{name}={weight}" for name, weight in weights.items())


def weighted(
    trainer: TrainerConfig, corpus: CorpusConfig, weights: tuple[str, ...]
) -> TrainerConfig:
    """Training with the weights that `--corpus` or the settings give to corpora.

    Raises:
        SettingsError: Both set weights, one is not a number, or a corpus does not exist.
    """
    if weights and trainer.corpus_weights:
        raise SettingsError(
            "weights of corpora once",
            "weight= of --corpus as well",
            "trainer.corpus_weights",
            advice="Leave one of them out.",
        )
    if weights:
        trainer = dataclasses.replace(trainer, corpus_weights=weights)
    if trainer.corpus_weights:
        # Training would detect this too, but only after reading all data.
        names = {corpus.name}
        if corpus.layout == mixture.LAYOUT:
            names = {member.name for member in mixture.parse(corpus.root)}
        if unknown := sorted(set(parse_weights(trainer.corpus_weights)) - names):
            raise SettingsError(
                f"names of corpora of this run ({', '.join(sorted(names))})",
                ", ".join(unknown),
                "trainer.corpus_weights",
            )
    return trainer


def _one_spelling(root: str) -> str:
    """Normalises a path, so that another spelling does not read the corpus again."""
    if "://" in root:
        return root
    return os.path.abspath(os.path.expanduser(root))  # noqa: PTH100, PTH111 (collapses ..)


def run(settings: Settings, options: argparse.Namespace, output: pathlib.Path) -> int:
    """Runs the pipeline with the console on the screen and everything else in the log file."""
    from pipeline.session import Session  # rich, for which --help should not wait

    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    log = output / "logs" / f"{stamp}-{os.getpid()}.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
    except OSError as error:
        print(f"error: cannot write to {output}: {error.strerror}", file=sys.stderr)
        return FAILED
    # Before TensorFlow is imported, which reads them once.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    # TensorFlow leaves oneDNN off on processors without AVX-512, where training takes a fifth
    # longer without it (docs/measurements/training_speed.md).
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with logs.everything_into(log) as screen:
        try:
            return Session(settings, options, output, screen, log).run()
        except Exception as error:  # noqa: BLE001 (the last resort: a person gets a sentence)
            traceback.print_exc()
            print(f"error: {type(error).__name__}: {error}\n  full log  {log}", file=screen)
            return FAILED


if __name__ == "__main__":
    sys.exit(main())
