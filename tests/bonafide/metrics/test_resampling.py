import math
import pathlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bonafide.metrics import resampling
from bonafide.metrics.calibration import cllr, min_cllr
from bonafide.metrics.costs import (
    AsvErrorRates,
    DetectionCosts,
    act_dcf,
    legacy_tdcf,
    min_dcf,
    revised_tdcf,
)
from bonafide.metrics.detection import (
    area_under_curve,
    equal_error_rate,
    error_curve,
    error_rates_at,
    far_at_frr,
    frr_at_far,
)
from bonafide.metrics.intervals import interval
from bonafide.metrics.resampling import ClusterBootstrap, Measures, NoIntervalError
from bonafide.trials.trials import Trials

ASV = AsvErrorRates(false_accept=0.02, miss=0.03, spoof_miss=0.3)
COSTS = DetectionCosts(spoof_prior=0.1, miss=1.0, false_accept=5.0)
MEASURES = Measures(
    costs=COSTS,
    tandem={"min_tdcf_legacy": legacy_tdcf(ASV), "min_tdcf_revised": revised_tdcf(ASV)},
    far_limits={f"frr_at_far_{limit}": limit for limit in (0.0, 0.01, 0.25, 0.5, 1.0)},
    frr_limits={f"far_at_frr_{limit}": limit for limit in (0.0, 0.01, 0.25, 0.5, 1.0)},
    thresholds={"zero": 0.0, "one": 1.0},
)


def make(scores, labels, speakers, attacks=None):
    """Trials as they come, without the checks of `make_trials` (constants are welcome here)."""
    flags = np.asarray(labels) == 1
    return Trials(
        utterances=np.array([f"U{number:05d}" for number in range(len(flags))]),
        scores=np.asarray(scores, dtype=np.float64),
        is_bonafide=flags,
        attacks=np.where(flags, "-", "A01" if attacks is None else np.asarray(attacks)),
        speakers=None if speakers is None else np.asarray(speakers),
    )


def draw_these(trials, weights, measures=MEASURES):
    """Returns every measure where the clusters are drawn as often as `weights` [S, R] says."""

    class Fixed(ClusterBootstrap):
        def _draws(self, batch):
            yield np.asarray(weights)

    bootstrap = Fixed.of(trials, resamples=np.shape(weights)[1], seed=1)
    return bootstrap.measure(trials.scores, measures)


def exact_eer(scores, is_bonafide):
    """The official definition in fractions, point by point."""
    order = sorted(zip(scores, ~is_bonafide, strict=True))
    n_bonafide = int(np.count_nonzero(is_bonafide))
    n_spoof = len(order) - n_bonafide
    misses, accepted = 0, n_spoof
    best = (Fraction(1), Fraction(1, 2))
    for _, is_spoof in order:
        misses, accepted = misses + (not is_spoof), accepted - bool(is_spoof)
        frr, far = Fraction(misses, n_bonafide), Fraction(accepted, n_spoof)
        if abs(frr - far) < best[0]:
            best = abs(frr - far), (frr + far) / 2
    return float(best[1])


def point_measures(trials, index):
    """Every measure by the point functions on the trials at `index`, some there several times."""
    scores, bona, attacks = trials.scores[index], trials.is_bonafide[index], trials.attacks[index]
    curve = error_curve(scores, bona)
    values = {
        "eer": exact_eer(scores, bona),
        "auc": area_under_curve(scores, bona),
        "min_dcf": min_dcf(curve, COSTS),
        "act_dcf": act_dcf(scores, bona, COSTS),
        "cllr": cllr(scores, bona),
        "min_cllr": min_cllr(scores, bona),
    }
    for name, weights in MEASURES.tandem.items():
        values[name] = weights.lowest(curve)
    for name, limit in MEASURES.far_limits.items():
        values[name] = frr_at_far(curve, limit)[0].frr
    for name, limit in MEASURES.frr_limits.items():
        values[name] = far_at_frr(curve, limit)[0].far
    thresholds = {**MEASURES.thresholds, "bayes": COSTS.bayes_threshold}
    for name, threshold in thresholds.items():
        rates = error_rates_at(scores, bona, threshold, accept_equal=name == "bayes")
        values[f"far_at/{name}"], values[f"frr_at/{name}"] = rates.far, rates.frr
    per_attack = {}
    for attack in trials.attack_ids:
        keep = bona | (attacks == attack)
        known = not bona[keep].all()
        per_attack[attack] = exact_eer(scores[keep], bona[keep]) if known else math.nan
        values[f"attack/{attack}"] = per_attack[attack]
    known = [eer for eer in per_attack.values() if not math.isnan(eer)]
    return values | {"worst_attack_eer": max(known), "macro_eer": sum(known) / len(known)}


@st.composite
def trials_and_weights(draw):
    """Trials of a few speakers on a coarse grid, and how often each speaker is drawn."""
    size = draw(st.integers(4, 40))
    count = draw(st.integers(2, 6))

    def several(values):
        return draw(st.lists(values, min_size=size, max_size=size))

    speakers, labels = (
        np.array(several(st.integers(0, count - 1))),
        np.array(several(st.integers(0, 1))),
    )
    # Two speakers with either class, so that there is an interval.
    speakers[:4], labels[:4] = [0, 1, 0, 1], [0, 0, 1, 1]
    scores = np.array(several(st.integers(-6, 6))) / draw(st.sampled_from([1.0, 2.0, 1e3]))
    scores = np.where(several(st.integers(0, 9)) == np.array(0), COSTS.bayes_threshold, scores)
    trials = make(scores, labels, speakers, several(st.sampled_from(["A01", "A02", "A03"])))
    there = np.unique(speakers).size
    weights = draw(st.lists(st.integers(0, 3), min_size=there, max_size=there))
    weights[draw(st.integers(0, 1))] += 1  # both classes are drawn
    return trials, np.array(weights)


@settings(max_examples=250)
@given(trials_and_weights())
def test_weights_are_the_same_as_trials_that_are_there_several_times(data):
    trials, weights = data
    cluster = np.unique(trials.speakers, return_inverse=True)[1]
    expected = point_measures(trials, np.repeat(np.arange(len(trials)), weights[cluster]))
    found = draw_these(trials, weights[:, np.newaxis])
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].shape == (1,)
        assert found[name][0] == pytest.approx(value, rel=0, abs=1e-12, nan_ok=True), name
        if name.startswith(("far", "frr", "auc")):
            assert found[name][0] == value, name  # one division of whole numbers
        if name.startswith(("eer", "attack")) and not math.isnan(value):
            assert abs(found[name][0] - value) < 3e-16, name  # a sum of two such


@settings(max_examples=100)
@given(trials_and_weights())
def test_every_speaker_once_gives_the_point(data):
    trials, weights = data
    found = draw_these(trials, np.ones((weights.size, 1), dtype=np.int64))
    for name, value in point_measures(trials, np.arange(len(trials))).items():
        assert found[name][0] == pytest.approx(value, abs=1e-12), name
    # In floats two neighbouring points may look equally good, or not: half a step apart.
    half_step = 0.5 / min(trials.n_bonafide, trials.n_spoof) + 1e-12
    point = equal_error_rate(trials.scores, trials.is_bonafide).eer
    assert abs(found["eer"][0] - point) <= half_step


@pytest.mark.parametrize(
    ("scores", "labels", "weights"),
    [
        # Constant scores, huge and tiny ones, and a speaker drawn a thousand times.
        ([0.0] * 6, [1, 0, 1, 0, 1, 0], [1, 2, 0]),
        ([1e300, -1e300, 5e-324, 0.0, -5e-324, 1e-310], [1, 0, 1, 0, 1, 0], [1, 1, 2]),
        ([3.0, 1.0, 2.0, 2.0, 1.0, 0.0], [1, 0, 1, 0, 1, 0], [1000, 1, 0]),
        ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [1, 0, 1, 0, 1, 0], [1, 1, 1]),  # upside down
    ],
)
def test_extremes_are_the_same_as_trials_that_are_there_several_times(scores, labels, weights):
    trials = make(scores, labels, ["s0", "s0", "s1", "s1", "s2", "s2"])
    index = np.repeat(np.arange(6), np.repeat(weights, 2))
    found = draw_these(trials, np.array(weights)[:, np.newaxis])
    for name, value in point_measures(trials, index).items():
        assert found[name][0] == pytest.approx(value, rel=1e-12, abs=1e-12), name


def test_a_draw_by_hand():
    # Speaker a: 3b 1s; speaker b: 1b 0s. a twice, b once: 0s 1b 1s 1s 3b 3b.
    trials = make([3.0, 1.0, 1.0, 0.0], [1, 0, 1, 0], ["a", "a", "b", "b"])
    found = {name: values[0] for name, values in draw_these(trials, [[2], [1]]).items()}
    # Points (FRR, FAR): (0, 1), (0, 2/3), (1/3, 2/3), (1/3, 1/3): there they meet.
    assert found["eer"] == found["attack/A01"] == 1 / 3
    # Of 9 pairs: 1b is above 0s and even with two; 3b twice above all three: 1 + 1 + 6 = 8.
    assert found["auc"] == 8 / 9
    # Accepted above 0: all bona fide, two of three spoofs. Above 1: 3b only, no spoof.
    assert (found["frr_at/zero"], found["far_at/zero"]) == (0, 2 / 3)
    assert (found["frr_at/one"], found["far_at/one"]) == (1 / 3, 0)
    assert (found["frr_at_far_0.25"], found["far_at_frr_0.25"]) == (1 / 3, 2 / 3)
    # PAV pools 1b 1s 1s to p = 1/3, LLR -ln 2 (as many bona fide as spoofs): the bona fide costs
    # log2(1 + 2) / 3, the two spoofs 2/3 log2(1 + 1/2).
    expected = (math.log2(3) / 3 + 2 / 3 * math.log2(1.5)) / 2
    assert found["min_cllr"] == pytest.approx(expected, abs=1e-15)


def test_an_attack_that_was_not_drawn_is_not_known():
    trials = make(
        [2.0, 0.0, 3.0, 1.0, 4.0, 5.0],
        [1, 0, 1, 0, 1, 0],
        ["a", "a", "b", "b", "c", "c"],
        ["-", "A01", "-", "A02", "-", "A03"],
    )
    found = draw_these(trials, [[2], [1], [0]])
    assert found["attack/A01"][0] == 0
    assert found["attack/A02"][0] == 0
    assert math.isnan(found["attack/A03"][0])
    assert found["worst_attack_eer"][0] == found["macro_eer"][0] == 0
    found = draw_these(trials, [[0], [1], [1]])
    assert found["attack/A02"][0] == 0
    assert found["attack/A03"][0] == 1  # 5s above 3b and 4b
    assert (found["worst_attack_eer"][0], found["macro_eer"][0]) == (1, 0.5)


def simulated(
    *, speakers=12, each=12, seed=1, effect=0.0, distance=2.0, spoof_speakers=None, grid=None
):
    """Trials of speakers that differ: `effect` is the deviation of their means."""
    rng = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(speakers), each)
    spoofed = speakers if spoof_speakers is None else spoof_speakers
    labels = np.where((np.arange(speaker.size) % 2 == 0) & (speaker < spoofed), 0, 1)
    scores = (
        distance * labels + rng.normal(0, effect, speakers)[speaker]
        if effect
        else (distance * labels)
    )
    scores = scores + rng.normal(0, 1, speaker.size)
    if grid:
        scores = np.round(scores / grid) * grid
    names = np.array([f"S{number:03d}" for number in speaker])
    return make(scores, labels, names, np.where(np.arange(speaker.size) % 4 < 2, "A01", "A02"))


def test_the_same_seed_gives_the_same_draws():
    trials = simulated(grid=0.5)
    first = ClusterBootstrap.of(trials, resamples=30, seed=4).measure(trials.scores, MEASURES)
    again = ClusterBootstrap.of(trials, resamples=30, seed=4).measure(trials.scores, MEASURES)
    other = ClusterBootstrap.of(trials, resamples=30, seed=5).measure(trials.scores, MEASURES)
    assert set(first) == set(again) == set(other)
    for name in first:
        assert first[name].shape == (30,)
        assert first[name].tolist() == again[name].tolist()
    assert first["eer"].tolist() != other["eer"].tolist()
    # A longer run begins with the shorter one.
    more = ClusterBootstrap.of(trials, resamples=70, seed=4).measure(trials.scores, MEASURES)
    assert more["eer"][:30].tolist() == first["eer"].tolist()


@pytest.mark.parametrize(("batch", "elements"), [(1, 2**21), (7, 2**21), (64, 1), (64, 200)])
def test_the_size_of_batches_does_not_matter(monkeypatch, batch, elements):
    trials = simulated(grid=0.25)
    bootstrap = ClusterBootstrap.of(trials, resamples=100, seed=2)
    expected = bootstrap.measure(trials.scores, MEASURES)
    monkeypatch.setattr(resampling, "_LARGEST_BATCH", batch)
    monkeypatch.setattr(resampling, "_BATCH_ELEMENTS", elements)
    found = bootstrap.measure(trials.scores, MEASURES)
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, abs=1e-13), name


@pytest.mark.parametrize("known", [True, False])
def test_memory_of_a_batch_is_bounded_by_blocks_and_by_clusters(monkeypatch, known):
    sizes = []
    original = ClusterBootstrap._draws

    def watched(self, batch):
        sizes.append(batch)
        return original(self, batch)

    monkeypatch.setattr(ClusterBootstrap, "_draws", watched)
    monkeypatch.setattr(resampling, "_BATCH_ELEMENTS", 600)
    trials = simulated(each=20, distance=0.0)  # many blocks, since the classes are mixed
    trials = trials if known else make(trials.scores, trials.is_bonafide, None)
    bootstrap = ClusterBootstrap.of(trials, resamples=20, seed=2)
    bootstrap.measure(trials.scores, MEASURES)
    labels = trials.is_bonafide[np.argsort(trials.scores)]
    blocks = 1 + np.count_nonzero(labels[1:] & ~labels[:-1])
    assert sizes == [600 // max(blocks, bootstrap.count)]
    assert bootstrap.count == (12 if known else 240)


def test_the_order_of_trials_does_not_matter():
    trials = simulated(grid=0.5)
    order = np.random.default_rng(3).permutation(len(trials))
    mixed = Trials(*(getattr(trials, n)[order] for n in trials.__dataclass_fields__))
    for one, two in ((trials, mixed), *[(_no_speakers(trials), _no_speakers(mixed))]):
        expected = ClusterBootstrap.of(one, resamples=20, seed=1).measure(one.scores, MEASURES)
        found = ClusterBootstrap.of(two, resamples=20, seed=1).measure(two.scores, MEASURES)
        for name, values in expected.items():
            assert found[name] == pytest.approx(values, abs=1e-13), name
        assert found["eer"].tolist() == expected["eer"].tolist()


def _no_speakers(trials):
    return Trials(trials.utterances, trials.scores, trials.is_bonafide, trials.attacks, None)


def test_draws_are_of_as_many_speakers_as_there_are():
    trials = simulated()
    bootstrap = ClusterBootstrap.of(trials, resamples=2000, seed=1)
    weights = np.concatenate(list(bootstrap._draws(64)), axis=1)
    assert weights.shape == (12, 2000)
    assert (weights.sum(axis=0) == 12).all()
    # Multinomial: mean 1, variance 1 - 1/12, of each speaker.
    assert weights.mean(axis=1) == pytest.approx(np.ones(12), abs=0.1)
    assert weights.var(axis=1) == pytest.approx(np.full(12, 11 / 12), rel=0.15)


def test_a_draw_without_a_class_is_drawn_again():
    # Two of twelve speakers have spoofs: (10/12)^12 = 11 % of plain draws would have none.
    for swapped in (False, True):
        trials = simulated(spoof_speakers=2)
        if swapped:
            trials = make(-trials.scores, ~trials.is_bonafide, trials.speakers)
            spoof_only = np.isin(trials.speakers, ["S000", "S001"]) | ~trials.is_bonafide
            trials = make(
                trials.scores[spoof_only], trials.is_bonafide[spoof_only],
                trials.speakers[spoof_only],
            )  # fmt: skip
        bootstrap = ClusterBootstrap.of(trials, resamples=500, seed=1)
        weights = np.concatenate(list(bootstrap._draws(500)), axis=1)
        for flags in (trials.is_bonafide, ~trials.is_bonafide):
            clusters = np.unique(bootstrap.cluster[flags])
            assert (weights[clusters].sum(axis=0) > 0).all()
        rare = np.unique(bootstrap.cluster[trials.is_bonafide if swapped else ~trials.is_bonafide])
        # Given one at least, the mean of a binomial(12, 1/6) is 2 / (1 - (5/6)^12) = 2.25.
        assert weights[rare].sum(axis=0).mean() == pytest.approx(2.25, abs=0.15)
        found = bootstrap.measure(trials.scores, MEASURES)
        assert all(np.isfinite(found[name]).all() for name in ("eer", "auc", "cllr", "min_cllr"))


def test_speakers_or_utterances_are_drawn():
    trials = simulated()
    by_speaker = ClusterBootstrap.of(trials, resamples=10, seed=1)
    assert (by_speaker.unit, by_speaker.count) == ("speaker", 12)
    by_utterance = ClusterBootstrap.of(_no_speakers(trials), resamples=10, seed=1)
    assert (by_utterance.unit, by_utterance.count) == ("utterance", len(trials))
    one_each = make(trials.scores, trials.is_bonafide, trials.utterances, trials.attacks)
    expected = ClusterBootstrap.of(one_each, resamples=10, seed=1).measure(trials.scores, MEASURES)
    found = by_utterance.measure(trials.scores, MEASURES)
    for name, values in expected.items():
        assert found[name].tolist() == values.tolist(), name


@pytest.mark.parametrize(
    ("speakers", "message"),
    [
        (["a", "a", "a", "a"], "all bona fide trials are of one speaker"),
        (["a", "a", "b", "c"], "all bona fide trials are of one speaker"),
        (["a", "b", "c", "c"], "all spoofed trials are of one speaker"),
    ],
)
def test_too_few_speakers_give_no_interval(speakers, message):
    trials = make([3.0, 2.0, 1.0, 0.0], [1, 1, 0, 0], speakers)
    with pytest.raises(NoIntervalError, match=message):
        ClusterBootstrap.of(trials, resamples=10, seed=1)


def test_too_few_utterances_give_no_interval():
    with pytest.raises(NoIntervalError, match="all spoofed trials are of one utterance"):
        ClusterBootstrap.of(make([3.0, 2.0, 1.0], [1, 1, 0], None), resamples=10, seed=1)
    ClusterBootstrap.of(make([3.0, 2.0, 1.0, 0.0], [1, 1, 0, 0], None), resamples=10, seed=1)


def test_samples_are_described_by_class_and_by_attack():
    trials = make(
        [3.0, 2.0, 1.0, 0.0, -1.0], [1, 1, 0, 0, 0], ["a", "a", "b", "c", "c"],
        ["-", "-", "A01", "A01", "A02"],
    )  # fmt: skip
    trials = make(
        [*trials.scores, 4.0], [*trials.is_bonafide, 1], [*trials.speakers, "c"],
        [*trials.attacks, "-"],
    )  # fmt: skip
    bootstrap = ClusterBootstrap.of(trials, resamples=5, seed=1)
    bonafide, spoof = bootstrap.samples(trials.scores)
    assert (bonafide.trials, bonafide.speakers) == (3, 2)
    assert (spoof.trials, spoof.speakers) == (3, 2)
    assert bonafide.effective_speakers == 9 / 5  # of 2 and 1 trials: 3^2 / (2^2 + 1^2)
    same, attack = bootstrap.samples(trials.scores, "A02")
    assert same == bonafide
    assert (attack.trials, attack.speakers, attack.effective_speakers) == (1, 1, 1.0)


def test_two_systems_are_drawn_in_pairs():
    trials = simulated(grid=0.25)
    bootstrap = ClusterBootstrap.of(trials, resamples=50, seed=1)
    ours = bootstrap.measure(trials.scores, MEASURES)
    # The same ranking: what only the ranking decides is the same in every draw.
    theirs = bootstrap.measure(np.exp(trials.scores), MEASURES)
    for name in ("eer", "auc", "min_dcf", "min_tdcf_legacy", "min_tdcf_revised", "min_cllr"):
        assert ours[name].tolist() == theirs[name].tolist()
    assert ours["cllr"].tolist() != theirs["cllr"].tolist()


def _of_eer(trials, draws):
    bootstrap = ClusterBootstrap.of(trials, resamples=1, seed=1)
    eer = equal_error_rate(trials.scores, trials.is_bonafide).eer
    return interval(eer, draws, "rate", bootstrap.samples(trials.scores))


def test_an_interval_by_speakers_is_wider_where_speakers_differ():
    trials = simulated(speakers=30, each=40, effect=1.0)
    widths = []
    for one in (trials, _no_speakers(trials)):
        found = ClusterBootstrap.of(one, resamples=300, seed=1).measure(one.scores, MEASURES)
        eer = equal_error_rate(one.scores, one.is_bonafide).eer
        low, high = _of_eer(one, found["eer"])
        assert low <= eer <= high
        widths.append(high - low)
    assert widths[0] > 1.5 * widths[1]


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    # Speaker effects of deviation .6 and noise of 1: scores of a class have deviation sqrt(1.36),
    # so at distance 2 the true EER is Phi(-1 / sqrt(1.36)) = .1956.
    truth = 0.5 * math.erfc(1 / math.sqrt(1.36) / math.sqrt(2))
    covered = []
    for seed in range(100):
        trials = simulated(speakers=40, each=10, seed=seed, effect=0.6)
        bootstrap = ClusterBootstrap.of(trials, resamples=100, seed=seed)
        low, high = _of_eer(trials, bootstrap.measure(trials.scores, MEASURES)["eer"])
        covered.append(low <= truth <= high)
    # 95 % asked, and 100 data sets: 87 are three and a half deviations below.
    assert np.mean(covered) >= 0.87


GOLDEN = pathlib.Path(__file__).resolve().parents[3] / ".." / "shared" / "golden"


@pytest.mark.skipif(
    not GOLDEN.is_dir(), reason="the real score files are not beside this checkout (shared/golden)"
)
def test_the_interval_of_the_real_scores_is_wider_by_speakers():
    def rows(name):
        return [line.split() for line in (GOLDEN / name).read_text().splitlines()]

    speaker = {row[1]: row[0] for row in rows("ASVspoof2019.LA.cm.eval.trl.txt")}
    scored = rows("cm_eval_RawGAT-ST_add.txt")
    trials = make(
        [float(row[3]) for row in scored],
        [row[2] == "bonafide" for row in scored],
        [speaker[row[0]] for row in scored],
        [row[1] for row in scored],
    )
    intervals = []
    for one in (trials, _no_speakers(trials)):
        found = ClusterBootstrap.of(one, resamples=100, seed=1).measure(one.scores, MEASURES)
        intervals.append(_of_eer(one, found["eer"]))
    (low, high), (plain_low, plain_high) = intervals
    assert low < plain_low < 0.01158596 < plain_high < high
    assert high - low > 2 * (plain_high - plain_low)


def several_attacks(seed, *, speakers=6, attacks=4, size=240, apart=1.0):
    """Trials of speakers with all attacks, whose spoofs lie `apart` from each other."""
    random = np.random.default_rng(seed)
    bona = np.arange(size) % 3 == 0
    attack = random.integers(attacks, size=size)
    scores = 3.0 * bona + random.normal(size=size) + apart * attack * ~bona
    return make(
        scores, bona, random.integers(speakers, size=size).astype(str),
        np.where(bona, "-", np.char.add("A", attack.astype(str))),
    )  # fmt: skip


def test_unseen_draws_are_trials_times_speaker_times_attack():
    trials = several_attacks(1)
    bootstrap = ClusterBootstrap.of(trials, resamples=5, seed=3)
    measures = Measures(MEASURES.costs, {}, {"frr": 0.05}, {"far": 0.05}, {"at": 1.0})
    found = bootstrap.measure_unseen(trials.scores, measures)
    assert not {name for name in found if name.startswith(("attack/", "frr_at/"))}
    assert not {"worst_attack_eer", "macro_eer", "min_cllr"} & set(found)
    spoof = ~trials.is_bonafide
    names, attack = np.unique(trials.attacks[spoof], return_inverse=True)
    cells = np.unique(np.stack([bootstrap.cluster[spoof], attack]), axis=1)
    [weights] = bootstrap._unseen_draws(5, cells, names.size)
    for draw in range(5):
        speaker = weights[: bootstrap.count, draw]
        assert speaker.sum() == bootstrap.count
        times = speaker[bootstrap.cluster].copy()
        for (who, which), weight in zip(cells.T, weights[bootstrap.count :, draw], strict=True):
            cell = spoof & (bootstrap.cluster == who) & (trials.attacks == names[which])
            assert weight % max(1, speaker[who]) == 0
            times[cell] = weight
        rows = np.repeat(np.arange(len(trials)), times)
        scores, bona = trials.scores[rows], trials.is_bonafide[rows]
        assert found["eer"][draw] == pytest.approx(equal_error_rate(scores, bona).eer, abs=1e-12)
        assert found["far_at/at"][draw] == pytest.approx(np.mean(scores[~bona] > 1.0))
        assert found["cllr"][draw] == pytest.approx(cllr(scores, bona))


def test_attacks_that_differ_make_unseen_ones_uncertain():
    measures = Measures(MEASURES.costs, {}, {}, {}, {})
    spread = {}
    for apart in (0.0, 1.0):
        trials = several_attacks(2, apart=apart, size=2400)
        bootstrap = ClusterBootstrap.of(trials, resamples=200, seed=1)
        unseen = bootstrap.measure_unseen(trials.scores, measures)["eer"]
        spread[apart] = unseen.std() / bootstrap.eer(trials.scores).std()
        samples = bootstrap.unseen_samples(trials.scores)
        assert samples[:2] == bootstrap.samples(trials.scores)
        assert samples[2].speakers == 4
    assert spread[0.0] < 2.5
    assert spread[1.0] > 4


def test_one_attack_tells_nothing_of_others():
    trials = several_attacks(3, attacks=1)
    bootstrap = ClusterBootstrap.of(trials, resamples=5, seed=1)
    assert bootstrap.measure_unseen(trials.scores, MEASURES) == {}


def test_unseen_draws_hold_both_classes():
    # One speaker has all bona fide trials but one, each spoof is another speaker's and attack's.
    trials = make(
        np.arange(8.0), np.array([1, 1, 1, 1, 0, 0, 0, 0], bool), np.array(list("aaabbcde")),
        np.array(["-"] * 4 + ["A1", "A2", "A3", "A4"]),
    )  # fmt: skip
    bootstrap = ClusterBootstrap.of(trials, resamples=60, seed=1)
    found = bootstrap.measure_unseen(trials.scores, Measures(MEASURES.costs, {}, {}, {}, {}))
    assert found["eer"].shape == (60,)
    assert np.isfinite(found["eer"]).all()
    again = bootstrap.measure_unseen(trials.scores, Measures(MEASURES.costs, {}, {}, {}, {}))
    assert np.array_equal(found["eer"], again["eer"])


def test_every_cluster_is_left_out_once():
    trials = several_attacks(4)
    bootstrap = ClusterBootstrap.of(trials, resamples=3, seed=1)
    measures = Measures(MEASURES.costs, {}, {}, {}, {"at": 1.0})
    draws, without = bootstrap.measure_and_leave_out(trials.scores, measures)
    assert {name: values.size for name, values in draws.items()} == dict.fromkeys(draws, 3)
    assert set(without) == set(draws)
    eers, left = bootstrap.eer_and_leave_out(trials.scores)
    assert np.array_equal(eers, draws["eer"])
    assert np.array_equal(left, without["eer"])
    (far, frr), (far_left, _) = bootstrap.error_rates_and_leave_out(trials.scores, 1.0)
    assert np.array_equal(far, draws["far_at/at"])
    assert np.array_equal(frr, draws["frr_at/at"])
    assert np.array_equal(far_left, without["far_at/at"])
    for place in range(bootstrap.count):
        rest = trials.part(bootstrap.cluster != place)
        found = equal_error_rate(rest.scores, rest.is_bonafide).eer
        assert without["eer"][place] == pytest.approx(found, abs=1e-12)
        assert without["min_cllr"][place] == pytest.approx(min_cllr(rest.scores, rest.is_bonafide))


def test_very_many_clusters_are_not_left_out(monkeypatch):
    monkeypatch.setattr(resampling, "_MOST_LEFT_OUT", 5)
    trials = several_attacks(5)
    bootstrap = ClusterBootstrap.of(trials, resamples=3, seed=1)
    assert bootstrap.measure_and_leave_out(trials.scores, MEASURES)[1] == {}
    assert bootstrap.eer_and_leave_out(trials.scores)[1] is None
    assert bootstrap.error_rates_and_leave_out(trials.scores, 0.0)[1] == (None, None)
    assert resampling.left_out_shares(np.ones(6, bool), np.arange(6)) is None


def test_without_the_only_speaker_of_a_class_nothing_is_known():
    trials = make(
        np.arange(6.0), np.array([1, 1, 0, 0, 0, 0], bool), np.array(list("aabbcc")),
        np.array(["-", "-", "A1", "A1", "A2", "A2"]),
    )  # fmt: skip
    bootstrap = ClusterBootstrap(
        np.array([0, 0, 1, 1, 2, 2]), 3, "speaker", trials.is_bonafide, trials.attacks, 4, 1
    )
    _, without = bootstrap.measure_and_leave_out(trials.scores, MEASURES)
    assert np.isnan(without["eer"][0])
    assert np.isfinite(without["eer"][1:]).all()
    assert np.isnan(without["min_cllr"][0])
