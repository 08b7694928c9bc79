"""Power of a paired comparison: which differences a set of trials can show.

A difference d of two EERs on the same trials has a standard error e by speakers, and d / e follows
Student's t with v degrees of freedom (`bonafide.metrics.intervals`). Of differences in the
population, this set of trials finds one of

    (t(0.975, v) + t(0.8, v)) e

significant in about 80 % of runs (Cohen, "Statistical Power Analysis for the Behavioral Sciences",
1988, chapter 2). A rule that requires the upper end of the interval to stay at or below a limit
refuses a model that is exactly as good in P(d + t(0.975, v) e > limit) of runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy import stats

LEVEL = 0.95
POWER = 0.8


@dataclass(frozen=True)
class Power:
    """What a paired comparison can show.

    Attributes:
        standard_error: Of the difference, a fraction.
        freedom: Degrees of freedom of its t statistic, at least 1.
    """

    standard_error: float
    freedom: float

    @property
    def detectable(self) -> float:
        """The difference that is significant in 80 % of runs."""
        return (self._half_width + float(stats.t.ppf(POWER, self.freedom))) * self.standard_error

    def refused_equals(self, limit: float) -> float:
        """Returns the share of runs in which an equally good model is refused.

        Args:
            limit: Highest allowed upper end of the 95 % interval of the difference.
        """
        if self.standard_error == 0:
            return 0.0 if limit >= 0 else 1.0
        place = limit / self.standard_error - self._half_width
        return float(stats.t.sf(place, self.freedom))

    @property
    def _half_width(self) -> float:
        """Half of the interval's width, in standard errors."""
        return float(stats.t.ppf((1 + LEVEL) / 2, self.freedom))
