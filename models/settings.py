"""The settings of everything in this package, without importing a framework."""

from models.augment_config import AugmentConfig
from models.conformer_config import ConformerConfig
from models.feature_config import FeatureConfig
from models.trainer_config import TrainerConfig
from models.tuner_config import TunerConfig
from models.waveform_config import WaveformConfig

__all__ = [
    "AugmentConfig",
    "ConformerConfig",
    "FeatureConfig",
    "TrainerConfig",
    "TunerConfig",
    "WaveformConfig",
]
