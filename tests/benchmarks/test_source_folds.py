"""Folds by source: what is left out of training, and what the factory adds."""

import dataclasses

import numpy as np
import pytest

from benchmarks.generalise import Clip
from benchmarks.source_folds import make_folds, one_sided_sources, with_factory
from bonafide.audio.codecs import degrade


def noise(seed):
    """Noise with four peaks a second, so that there are landmarks."""
    time = np.arange(24_000) / 16_000
    values = 2000 * np.random.default_rng(seed).normal(size=time.size)
    return (values * (1 + np.sin(2 * np.pi * 4 * time))).clip(-32768, 32767).astype(np.int16)


def clips_of(source, spoof_chain):
    """Forty clips of each class; spoofs go through a chain, if there is one."""
    clips = []
    for place in range(80):
        samples, spoof = noise(place), place >= 40
        if spoof and spoof_chain:
            samples = degrade(samples, spoof_chain, 0)
        system = f"{source}{place % 4}" if spoof else "-"
        clips.append(Clip(samples, system, f"{source}{place % 7}", source, f"{source}/{place}"))
    return clips


@pytest.fixture(scope="module")
def clips():
    return [*clips_of("plain", ""), *clips_of("coded", "mp3:24k"), *clips_of("other", "")]


def test_a_source_whose_spoofs_alone_were_coded_is_found(clips):
    assert one_sided_sources(clips) == {"coded"}
    assert one_sided_sources([]) == set()


def test_its_spoofs_are_left_out_of_training_and_dev_and_are_tested(clips):
    by_source = {fold.source: fold for fold in make_folds(clips, most_tested=60)}
    for name in ("plain", "other"):
        left = by_source[name].train + by_source[name].dev
        assert not [c for c in left if c.source == "coded" and c.system != "-"]
        assert [c for c in left if c.source == "coded" and c.system == "-"]
    assert sum(clip.system != "-" for clip in by_source["coded"].test) == 30
    kept = make_folds(clips, most_tested=60, keep_one_sided=True)
    assert any(c.source == "coded" and c.system != "-" for c in kept[1].train)


def test_the_factory_adds_other_sources_only(clips):
    made = [
        dataclasses.replace(clip, system="world" if clip.system != "-" else "-", name=f"m{place}")
        for place, clip in enumerate(clips)
    ]
    folds = make_folds(clips, most_tested=60)
    for before, after in zip(folds, with_factory(folds, made, "all"), strict=True):
        added = after.train[len(before.train) :]
        assert {clip.system for clip in added} == {"-", "world"}
        assert {clip.source for clip in added} == {"plain", "coded", "other"} - {before.source}
        assert (after.dev, after.test) == (before.dev, before.test)
        dev_speakers = {clip.speaker for clip in before.dev if clip.system == "-"}
        assert dev_speakers.isdisjoint(clip.speaker for clip in added)
    spoofs = with_factory(folds, made, "spoofs")[0].train[len(folds[0].train) :]
    assert {clip.system for clip in spoofs} == {"world"}
    alone = with_factory(folds, made, "alone")[0]
    assert {clip.system for clip in alone.train} == {"-", "world"}
    assert {clip.name[0] for clip in alone.train} == {"m"}
