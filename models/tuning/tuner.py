"""TFX's Tuner: random search over settings, with our training as a trial.

The search is random and not Bayesian: a Bayesian model would need the whole budget of some ten
trials before its first suggestion, and the EER on a few held-out attacks is noisy. Since the drawn
values do not depend on results, a killed search resumes by drawing the same values and looking up
finished trials.
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
    """No trial finished successfully."""


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
    """Trains with one set of settings after the other, and records the results on dev.

    Args:
        config: As in `train_and_export`, where `trainer` has the epochs, the seed and the
            held-out attacks of a trial, and with `tuner` (fields of `TunerConfig`), `tuning_dir`
            (the record of trials, for a resume) and `tuning_fingerprint`.
        train_files: Glob patterns of the training split.
        dev_files: Glob patterns of the split for the comparison of trials.
        transform_dir: Output folder of Transform.
        working_dir: Temporary folder of KerasTuner.
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
        """Runs all unfinished trials.

        KerasTuner's loop treats every error as a failed trial, even a full disk and Ctrl-C.

        Raises:
            TuningFailedError: All trials diverged.
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
            # Also after a kill just after the record of a trial.
            checkpoints.remove(self._checkpoint_dir(trial))
            if result.dev_eer is None:
                trial.status, trial.message = TrialStatus.FAILED, result.failure
            else:
                trial.status = TrialStatus.COMPLETED
                self.oracle.update_trial(trial.trial_id, {_OBJECTIVE: result.dev_eer})
                # The first of equal ones: the configured settings, if others are not better.
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
        # First, because initialising a TPU clears its state.
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

        TFX calls both. KerasTuner prints dictionaries to standard output, but a pod's log must have
        one JSON object per line; `search` logs the values and the result of each trial.
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
        """Opens the data, once unless trials differ in waveform augmentation."""
        if self._opened is None or self._opened[0] != config["waveform"]:
            self._opened = None  # to free its memory first
            transform_output = tft.TFTransformOutput(self._transform_dir)
            try:
                splits = open_data(config, transform_output, **self._files)
            except ValueError as error:
                if self._settings.holdout_attacks:
                    error.add_note("Tuning uses tuner.holdout_attacks as held-out attacks.")
                raise
            self._opened = (config["waveform"], splits)
        return self._opened[1]

    def _compared_on(self) -> str:
        held_out = self._config["trainer"]["holdout_attacks"]
        if held_out:
            return f"compared on attacks that they do not train on ({', '.join(held_out)})"
        return "compared on the whole of dev (see tuner.holdout_attacks)"


class Draws(keras_tuner.oracles.RandomSearchOracle):
    """Draws the values of each trial; the first trial has the configured values.

    The selected values are therefore compared with the configured ones.

    Args:
        space: Settings and ranges.
        configured: Values of the first trial.
        trials: Number of trials.
        seed: Seed of the draws.
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
            # The oracle increments its seed, so neighbouring seeds would share draws; 0 means none.
            seed=random.Random(f"tuning {seed}").randrange(1, 2**31),
            # A diverged trial would diverge again; any number of trials may fail.
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
    """Returns the oracle of the search; for `config` see `SettingsTuner`."""
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
    """Converts the ranges to KerasTuner's type."""
    result = keras_tuner.HyperParameters()
    for name, values in ranges.items():
        make = result.Int if values.whole else result.Float
        sampling = "log" if values.log else "linear"
        make(name, min_value=values.low, max_value=values.high, sampling=sampling)
    return result


def rounded(value: float) -> float:
    """Rounds a value to three digits, so that the log shows the exact value."""
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
        number: Number of the trial, from 1.
        trials: Number of trials.
        result: Result of the trial.
        best: Dev EER and number of the best trial so far, if there is one.
        seconds_left: Estimated time of the remaining trials.
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
    """Redirects console lines of training to the log file in the block.

    This includes warnings: that a model of two epochs cannot be calibrated is irrelevant.
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
