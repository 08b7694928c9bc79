"""DataGate: stops a run on bad data before it costs a training."""

from components.data_gate.component import DataGate

__all__ = ["DataGate"]
