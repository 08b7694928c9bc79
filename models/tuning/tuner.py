"""Tuning: what TFX's Tuner runs, trials of our own training with settings drawn at random.

Random and not Bayesian: a budget of some ten trials is what a model of the objective would need
before its first suggestion, and an EER on a few held-out attacks is noisy. Draws that do not depend
on results also make a search that was killed easy to take up: the same values are drawn again, and
trials that had ended are looked up.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import random
import time
from collections.abc import Iterator, Mapping
from typing import Any

import keras_tuner
import tensorflow_transform as tft
from keras_tuner.engine import base_tuner
from keras_tuner.engine.trial import Trial, TrialStatus
from tfx.components.tuner.component import TunerFnResult

from models.augmentation.spectrogram import AugmentConfig
from models.data.splits import Split
from models.network.conformer import ConformerConfig
from models.settings.features import FeatureConfig
from models.settings.search_space import (
    Range,
    apply_values,
    search_space,
    value_of,
    values_text,
)
from models.settings.trainer import TrainerConfig
from models.settings.tuner import TunerConfig
from models.training import checkpoints
from models.training.devices import Placement, choose_placement
from models.training.progress import duration
from models.training.steps import TrainingDivergedError
from models.training.train import train
from models.training.trainer import checkpoint_fingerprint, open_data
from models.tuning.trial_record import TrialRecord, TrialResult

_LOG = logging.getLogger("bonafide")
_OBJECTIVE = "dev_eer"


class TuningFailedError(RuntimeError):
    """No trial ended, so there is nothing to choose from."""


def tuner_fn(fn_args: Any) -> TunerFnResult:
    """Entry point of TFX's Tuner; `fn_args` is its `FnArgs`."""
    tuner = SettingsTuner(
        fn_args.custom_config,
        train_files=fn_args.train_files,
        dev_files=fn_args.eval_files,
        transform_dir=fn_args.transform_graph_path,
        working_dir=fn_args.working_dir,
    )
    return TunerFnResult(tuner=tuner, fit_kwargs={})


class SettingsTuner(base_tuner.BaseTuner):
    """Trains with one set of settings after the other, and notes what each reaches on dev.

    Args:
        config: As `train_and_export` takes it, where `trainer` has the epochs, the seed and the
            held-out attacks of a trial, and with `tuner` (fields of `TunerConfig`), `tuning_dir`
            (where a search that was killed finds what it had) and `tuning_fingerprint`.
        train_files: Glob patterns of the training split.
        dev_files: Glob patterns of the split that trials are compared on.
        transform_dir: What Transform wrote.
        working_dir: Where KerasTuner may write; nothing there is needed later.
    """

    def __init__(
        self,
        config: dict[str, Any],
        *,
        train_files: list[str],
        dev_files: list[str],
        transform_dir: str,
        working_dir: str,
    ) -> None:
        self._config = config
        self._settings = TunerConfig.from_mapping(config["tuner"])
        self._files = {"train_files": train_files, "dev_files": dev_files}
        self._transform_dir = transform_dir
        self._directory = config["tuning_dir"]
        self._record = TrialRecord(self._directory, config["tuning_fingerprint"])
        self._placement: Placement | None = None
        self._opened: tuple[dict[str, Any], list[Split]] | None = None
        super().__init__(
            make_oracle(config), directory=working_dir, project_name="tuning", overwrite=True
        )

    def search(self) -> None:
        """Runs all trials that have not ended yet.

        KerasTuner's own loop takes every error for a failed trial, a full disk and Ctrl-C as well.

        Raises:
            TuningFailedError: All of them diverged.
        """
        trials, epochs = self.oracle.max_trials, self._config["trainer"]["epochs"]
        _LOG.info(
            "tuning: %d trial%s of %d epoch%s, %s",
            *(trials, "s"[: trials > 1], epochs, "s"[: epochs > 1], self._compared_on()),
        )
        if known := len(self._record):
            _LOG.info("resumed after trial %d/%d", known, trials)
        started, trained, best = time.monotonic(), 0, None
        while (trial := self.oracle.create_trial(self.tuner_id)).status == TrialStatus.RUNNING:
            number, values = len(self.oracle.trials), trial.hyperparameters.values
            result = earlier = self._record.find(values)
            if result is None:
                result = self._run_and_record(trial)
            # Also of one that was recorded just before the kill.
            checkpoints.remove(self._checkpoint_dir(trial))
            if result.dev_eer is None:
                trial.status, trial.message = TrialStatus.FAILED, result.failure
            else:
                trial.status = TrialStatus.COMPLETED
                self.oracle.update_trial(trial.trial_id, {_OBJECTIVE: result.dev_eer})
                # Of equals the first: the settings as they are, if others are no better.
                best = min(best or (result.dev_eer, number), (result.dev_eer, number))
            self.on_trial_end(trial)
            if earlier is None:
                trained += 1
                left = (time.monotonic() - started) / trained * (trials - number)
                _LOG.info("%s", trial_line(number, trials, result, best, seconds_left=left))
        self._opened = None
        self._record.remove()
        if best is None:
            first = next(iter(self.oracle.trials.values()))
            raise TuningFailedError(
                f"none of the {len(self.oracle.trials)} tuning trials finished. In the first, with "
                f"the configured settings, {first.message}"
            )

    def run_trial(self, trial: Trial) -> float:
        """Trains with the values of a trial and returns the dev EER.

        Raises:
            TrainingDivergedError: The loss is not finite.
        """
        config = apply_values(self._config, trial.hyperparameters.values)
        settings = TrainerConfig.from_mapping(config["trainer"])
        # Before anything is computed: initialising a TPU forgets what was.
        if self._placement is None:
            self._placement = choose_placement(settings.device, settings.mixed_precision)
        train_split, dev_split = self._splits(config)
        with only_in_the_log_file():
            result = train(
                train_split,
                dev_split,
                conformer=ConformerConfig.from_mapping(config["conformer"]),
                augment=AugmentConfig.from_mapping(config["augment"]),
                settings=settings,
                placement=self._placement,
                checkpoint_dir=self._checkpoint_dir(trial),
                fingerprint=checkpoint_fingerprint(
                    self._config["tuning_fingerprint"], trial.hyperparameters.values
                ),
            )
        return result.state.best_dev_eer

    def search_space_summary(self, extended: bool = False) -> None:
        """Prints nothing, as `results_summary`.

        TFX calls both. KerasTuner prints dictionaries, past the log, which in a pod has one JSON
        object a line; `search` logs the values and the result of each trial.
        """

    def results_summary(self, num_trials: int = 10) -> None:
        """Prints nothing; see `search_space_summary`."""

    def _run_and_record(self, trial: Trial) -> TrialResult:
        values = dict(trial.hyperparameters.values)
        try:
            result = TrialResult(values, dev_eer=self.run_trial(trial))
        except TrainingDivergedError as error:
            result = TrialResult(values, failure=str(error))
        self._record.add(result)
        # The model and its graphs refer to each other.
        gc.collect()
        return result

    def _checkpoint_dir(self, trial: Trial) -> str:
        return os.path.join(self._directory, f"trial-{trial.trial_id}")  # noqa: PTH118 (URI)

    def _splits(self, config: dict[str, Any]) -> list[Split]:
        """Opens the data; once, unless trials differ in what they do to waveforms."""
        if self._opened is None or self._opened[0] != config["waveform"]:
            self._opened = None  # before another takes its memory
            transform_output = tft.TFTransformOutput(self._transform_dir)
            try:
                splits = open_data(config, transform_output, **self._files)
            except ValueError as error:
                if self._settings.holdout_attacks:
                    error.add_note("While tuning, tuner.holdout_attacks is what is held out.")
                raise
            self._opened = (config["waveform"], splits)
        return self._opened[1]

    def _compared_on(self) -> str:
        held_out = self._config["trainer"]["holdout_attacks"]
        if held_out:
            return f"compared on attacks that they do not train on ({', '.join(held_out)})"
        return "compared on the whole of dev (see tuner.holdout_attacks)"


class Draws(keras_tuner.oracles.RandomSearchOracle):
    """Draws the values of each trial; the first trial has those that are configured.

    So nothing is chosen that was not compared with doing nothing.

    Args:
        space: What to draw.
        configured: Values of the first trial.
        trials: How many there will be.
        seed: Of the draws.
    """

    def __init__(
        self,
        space: keras_tuner.HyperParameters,
        *,
        configured: Mapping[str, Any],
        trials: int,
        seed: int,
    ) -> None:
        super().__init__(
            objective=keras_tuner.Objective(_OBJECTIVE, direction="min"),
            max_trials=trials,
            hyperparameters=space,
            # It counts up from its seed and takes 0 for none: neighbours would share their draws.
            seed=random.Random(f"tuning {seed}").randrange(1, 2**31),
            # A trial that diverges would diverge again, and any number of them may.
            max_retries_per_trial=0,
            max_consecutive_failed_trials=trials + 1,
        )
        self.verbose = 0
        self._configured = dict(configured)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """See the base class."""
        if not self.trials:
            return {"status": TrialStatus.RUNNING, "values": dict(self._configured)}
        drawn = super().populate_space(trial_id)
        if drawn["values"] is not None:
            drawn["values"] = {name: rounded(value) for name, value in drawn["values"].items()}
        return drawn


def make_oracle(config: Mapping[str, Any]) -> Draws:
    """What draws the values of trials; for `config` see `SettingsTuner`."""
    settings = TunerConfig.from_mapping(config["tuner"])
    features = FeatureConfig.from_mapping(config["features"])
    ranges = search_space(
        frames=config["trainer"]["crop_frames"] or features.num_frames, bands=features.num_features
    )
    return Draws(
        hyper_parameters({name: ranges[name] for name in settings.space}),
        configured={name: value_of(config, name) for name in settings.space},
        trials=settings.trials,
        seed=settings.seed,
    )


def hyper_parameters(ranges: Mapping[str, Range]) -> keras_tuner.HyperParameters:
    """The ranges as KerasTuner knows them."""
    result = keras_tuner.HyperParameters()
    for name, values in ranges.items():
        make = result.Int if values.whole else result.Float
        sampling = "log" if values.log else "linear"
        make(name, min_value=values.low, max_value=values.high, sampling=sampling)
    return result


def rounded(value: float) -> float:
    """The value to three digits, so that what people read is what was trained with."""
    return value if isinstance(value, int) else float(f"{value:.3g}")


def trial_line(
    number: int,
    trials: int,
    result: TrialResult,
    best: tuple[float, int] | None,
    *,
    seconds_left: float,
) -> str:
    """Returns the log line of a trial.

    Args:
        number: Of the trial, from 1.
        trials: How many there will be.
        result: What it reached.
        best: Dev EER and number of the best trial so far, if there is one.
        seconds_left: What the trials after it will take.
    """
    parts = [f"trial {number:{len(str(trials))}d}/{trials}"]
    if result.dev_eer is None:
        parts.append(f"failed: {result.failure.partition(':')[0]}")
    else:
        parts.append(f"dev EER {100 * result.dev_eer:.1f} %")
    if best is not None:
        parts.append(f"best so far {100 * best[0]:.1f} % (trial {best[1]})")
    parts.append(values_text(result.values) + (" (as configured)" if number == 1 else ""))
    parts.append(f"{duration(seconds_left)} left" if seconds_left else "done")
    return "  ".join(parts)


@contextlib.contextmanager
def only_in_the_log_file() -> Iterator[None]:
    """In the block, console lines of training go to the log file only.

    Warnings as well: that a model of two epochs cannot be calibrated is no news for anybody.
    """

    def demote(record: logging.LogRecord) -> bool:
        if record.levelno <= logging.WARNING:
            record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        return True

    _LOG.addFilter(demote)
    try:
        yield
    finally:
        _LOG.removeFilter(demote)
