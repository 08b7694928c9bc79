"""The settings of everything in this package, without importing a framework."""

from models.augmentation.spectrogram_config import AugmentConfig
from models.augmentation.waveform_config import WaveformConfig
from models.features.config import FeatureConfig
from models.network.conformer_config import ConformerConfig
from models.training.trainer_config import TrainerConfig
from models.tuning.tuner_config import TunerConfig

__all__ = [
    "AugmentConfig",
    "ConformerConfig",
    "FeatureConfig",
    "TrainerConfig",
    "TunerConfig",
    "WaveformConfig",
]
