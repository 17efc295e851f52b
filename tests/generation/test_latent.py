"""Clips from points of a latent space."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from musegen.checkpoint.folder import Checkpoint, load_checkpoint
from musegen.config.options import SamplingOptions
from musegen.data.dataset import Dataset
from musegen.errors import ConfigError
from musegen.generation.clips import Clip, take_clip
from musegen.generation.eager import Eager
from musegen.generation.interpolate import Route, interpolate_clips
from musegen.generation.latent import ClipDecoder, draw_latents, latent_of, sample_clips
from musegen.generation.machine import Array, Machine
from musegen.generation.request import Request, TrainingDefaults
from musegen.generation.sampling import RowStreams
from musegen.generation.sliders import (
    SLIDER_POINTS,
    SliderCandidates,
    along_slider,
    best_candidate,
    set_sliders,
)
from musegen.generation.vary import vary_clip
from musegen.metrics.attributes import ATTRIBUTES
from musegen.metrics.smoothness import note_edit_distance
from musegen.models.vae import VAE
from tests.music.scores import line, notes, score

HOT = SamplingOptions(temperature=1.5)


@pytest.fixture(scope="module")
def checkpoint(autoencoder: Path) -> Checkpoint:
    return load_checkpoint(autoencoder)


@pytest.fixture(scope="module")
def machine(checkpoint: Checkpoint) -> Machine:
    return Eager(checkpoint.model, checkpoint.tokenizer.tables)


@pytest.fixture(scope="module")
def decoder(checkpoint: Checkpoint, machine: Machine) -> ClipDecoder:
    return ClipDecoder(machine, checkpoint.tokenizer, 2)


@pytest.fixture(scope="module")
def clips(checkpoint: Checkpoint, tunes: Dataset) -> list[Clip]:
    """Two clips in 2/4, of a flute and a fiddle, at 90 and 150 quarters a minute."""
    found = [take_clip(tunes.score(p), checkpoint.tokenizer, 2) for p in tunes.pieces]
    two = [clip for clip in found if clip.metre == (2, 4)][:2]
    for clip, program, tempo in zip(two, (73, 40), (90, 150), strict=True):
        clip.score.tempos = score(tempo=tempo).tempos
        clip.score.tracks[0].program = program
    return two


def points(count: int, *, seed: int) -> Array:
    """Of the latent space of the tiny model, (count, 16)."""
    normal = torch.randn(count, 16, generator=torch.Generator().manual_seed(seed))
    found: Array = normal.numpy()
    return found


def ids(results: list) -> list[list[int]]:  # type: ignore[type-arg]
    return [result.ids for result in results]


def test_every_point_is_a_clip_of_the_metre(decoder: ClipDecoder, machine: Machine) -> None:
    z = points(6, seed=0) * 3
    for metre in ((6, 8), (7, 8)):
        for sampling in (SamplingOptions(temperature=0.0), HOT):
            for result in replace(decoder, metre=metre, sampling=sampling).decode(z):
                [mark] = result.score.time_signatures
                assert (mark.numerator, mark.denominator) == metre
                assert 0 < result.score.end() <= 2 * 480 * 4 * metre[0] // metre[1]
                assert result.score.note_num() > 0


def test_a_point_decodes_alike_alone_and_among_others(decoder: ClipDecoder, machine: Machine) -> None:
    z = points(70, seed=1)  # more than go at once
    hot = replace(decoder, sampling=HOT)
    together = hot.decode(z, RowStreams(3, range(70)))
    for row in (0, 65):
        [alone] = hot.decode(z[row : row + 1], RowStreams(3, range(row, row + 1)))
        assert alone.ids == together[row].ids


def test_the_point_of_a_clip_is_no_matter_of_chance(machine: Machine, clips: list[Clip]) -> None:
    assert np.array_equal(latent_of(machine, clips[0].ids), latent_of(machine, clips[0].ids))
    assert not np.array_equal(latent_of(machine, clips[0].ids), latent_of(machine, clips[1].ids))


@pytest.fixture(scope="module")
def lopsided(autoencoder: Path) -> Machine:
    """A model whose mixture has three components in use, of unequal shares."""
    checkpoint = load_checkpoint(autoencoder)
    model = checkpoint.model
    assert isinstance(model, VAE)
    generator = torch.Generator().manual_seed(0)
    model.mixture_log_weights.fill_(-50.0)[[3, 5, 6]] = torch.tensor([0.6, 0.3, 0.1]).log()
    model.mixture_means.copy_(torch.randn(model.mixture_means.shape, generator=generator))
    model.mixture_scales.copy_(torch.rand(model.mixture_scales.shape, generator=generator) + 0.1)
    return Eager(model, checkpoint.tokenizer.tables)


def test_points_are_those_of_torchs_quantiles(lopsided: Machine) -> None:
    rows = range(2000)
    streams = RowStreams(8, rows)
    uniform = torch.from_numpy(streams.draw_steps(17).T.copy())
    logs, means, scales = (
        torch.from_numpy(lopsided.weight(f"mixture_{name}")) for name in ("log_weights", "means", "scales")
    )
    normal = torch.special.ndtri(uniform[:, 1:])
    shares = logs.double().softmax(dim=0).cumsum(dim=0)
    chosen = torch.searchsorted(shares, uniform[:, 0].contiguous(), right=True)
    drawn, prior = (draw_latents(lopsided, RowStreams(8, rows), prior=prior) for prior in (False, True))
    assert drawn.dtype == prior.dtype == np.float32
    assert np.allclose(prior, normal.numpy(), rtol=1e-6, atol=1e-7)
    assert np.allclose(drawn, (means[chosen] + scales[chosen] * normal).numpy(), rtol=1e-5, atol=1e-6)
    assert np.bincount(chosen) / len(rows) == pytest.approx([0, 0, 0, 0.6, 0, 0.3, 0.1], abs=0.04)


def test_points_are_spread_as_the_mixture_or_the_prior(lopsided: Machine) -> None:
    streams = RowStreams(1, range(4000))
    drawn, prior = draw_latents(lopsided, streams), draw_latents(lopsided, streams, prior=True)
    means, scales = (lopsided.weight(f"mixture_{name}")[[3, 5, 6]] for name in ("means", "scales"))
    share = np.array([[0.6], [0.3], [0.1]])
    mean = (share * means).sum(axis=0)
    variance = (share * (scales**2 + means**2)).sum(axis=0) - mean**2
    assert drawn.mean(axis=0) == pytest.approx(mean, abs=0.1)
    assert drawn.var(axis=0) == pytest.approx(variance, rel=0.15)
    assert (prior.mean(), prior.std()) == pytest.approx((0.0, 1.0), abs=0.02)
    alone = draw_latents(lopsided, RowStreams(1, range(5, 6)))
    assert np.array_equal(alone[0], drawn[5])


def test_new_clips_repeat_with_their_seed_and_not_with_their_number(
    checkpoint: Checkpoint, machine: Machine
) -> None:
    def written(num: int, seed: int, *, prior: bool = False) -> list[list[int]]:
        request = Request(bars=2)
        return ids(sample_clips(machine, checkpoint.tokenizer, request, num=num, seed=seed, prior=prior))

    assert written(5, 1)[:2] == written(2, 1)
    assert written(5, 1) != written(5, 2)
    points = [draw_latents(machine, RowStreams(1, range(2)), prior=prior) for prior in (False, True)]
    assert np.array_equal(points[1], draw_latents(machine, RowStreams(1, range(2)), prior=True))


def test_new_clips_keep_to_what_is_asked(checkpoint: Checkpoint, machine: Machine) -> None:
    request = Request(2, (3, 4), frozenset(range(60, 67)), tempo=77.0, program=40)
    for clip in sample_clips(machine, checkpoint.tokenizer, request, num=3):
        assert {(t.numerator, t.denominator) for t in clip.score.time_signatures} == {(3, 4)}
        assert {n[2] for t in clip.score.tracks for n in notes(t)} <= set(range(60, 67))
        assert (clip.score.tracks[0].program, round(clip.score.tempos[0].qpm)) == (40, 77)
    best_candidate = sample_clips(
        machine, checkpoint.tokenizer, Request(2), num=8, defaults=TrainingDefaults(metres=["9/8"])
    )
    assert all((c.score.time_signatures[0].numerator, c.bars) == (9, 2) for c in best_candidate)
    with pytest.raises(ConfigError, match="63/64 is not known"):
        sample_clips(machine, checkpoint.tokenizer, Request(2, (63, 64)))


def test_the_way_between_two_clips(decoder: ClipDecoder, machine: Machine, clips: list[Clip]) -> None:
    way = interpolate_clips(decoder, clips[0], clips[1], 5)
    assert len(way.between) == 3
    assert [round(r.score.tempos[0].qpm) for r in way.between] == [105, 120, 135]
    assert {t.program for r in way.between for t in r.score.tracks} == {73}
    for clip, end in zip(clips, (way.first, way.last), strict=True):
        [back] = decoder.of(clip).decode(latent_of(machine, clip.ids)[None])
        assert end.ids == back.ids


@pytest.mark.parametrize("path", ["both", "spherical", "linear"])
def test_between_equal_clips_lies_that_clip(decoder: ClipDecoder, clips: list[Clip], path: Route) -> None:
    first = clips[0]
    way = interpolate_clips(replace(decoder, sampling=HOT), first, first, 9, path=path)
    assert [notes(r.score.tracks[0]) for r in way.between] == [notes(first.score.tracks[0])] * 7
    assert all(r.ids == first.ids[:-1].tolist() for r in way.between)


def test_variations(decoder: ClipDecoder, machine: Machine, clips: list[Clip]) -> None:
    clip = clips[1]
    [back] = decoder.of(clip).decode(latent_of(machine, clip.ids)[None])
    same = vary_clip(decoder, clip, num=3, amount=0.0)
    assert ids(same) == [back.ids] * 3
    other = vary_clip(decoder, clip, num=3, amount=1.0, seed=4)
    drawn = draw_latents(machine, RowStreams(4, range(3)))
    assert ids(other) == ids(decoder.of(clip).decode(drawn))
    some = vary_clip(decoder, clip, num=2, amount=0.5, seed=4)
    assert ids(vary_clip(decoder, clip, num=1, amount=0.5, seed=4)) == ids(some)[:1]
    for between, far in zip(some, other, strict=False):
        near = note_edit_distance(back.score, between.score)
        assert 0 < near < note_edit_distance(back.score, far.score)
    assert other[0].score.tracks[0].program == 40


def test_a_model_without_sliders_refuses_them(decoder: ClipDecoder, clips: list[Clip]) -> None:
    with pytest.raises(ConfigError, match="trained without"):
        vary_clip(decoder, clips[0], moves={"density": 2.0})


@pytest.fixture
def slidable(checkpoint: Checkpoint, machine: Machine) -> Iterator[Machine]:
    """The model as if its first dimensions had been trained to stand for attributes."""
    slope = checkpoint.model.slider_slope
    assert isinstance(slope, Tensor)
    slope.fill_(0.25)
    yield machine
    slope.zero_()


def test_candidates_lie_along_one_dimension(
    decoder: ClipDecoder, slidable: Machine, clips: list[Clip]
) -> None:
    z = np.stack([latent_of(slidable, clips[0].ids)] * 2)
    for slider, count in ((ATTRIBUTES.index("density"), 3 * SLIDER_POINTS - 2), (1, SLIDER_POINTS)):
        walks = along_slider(decoder.of(clips[0]), z, slider)
        for walk in walks:
            assert len(walk.points) == len(walk.results) == len(walk.attributes) == count
            assert np.array_equal(walk.points[0], z[0])
            others = [dimension for dimension in range(z.shape[1]) if dimension != slider]
            assert np.array_equal(walk.points[:, others], np.repeat(z[:1, others], count, axis=0))
            assert walk.changed[0] == 0
        plain = decoder.of(clips[0]).decode(walks[0].points[:SLIDER_POINTS])
        assert ids(walks[0].results[:SLIDER_POINTS]) == ids(walks[1].results[:SLIDER_POINTS]) == ids(plain)
        alone = along_slider(decoder.of(clips[0]), z[:1], slider)
        assert ids(alone[0].results) == ids(walks[0].results)


def test_a_slider_is_set_by_ear(
    decoder: ClipDecoder, checkpoint: Checkpoint, slidable: Machine, clips: list[Clip]
) -> None:
    """However little the dimension does, the clip comes nearer to what is asked for than it was."""
    tokenizer, clip = checkpoint.tokenizer, clips[0]
    z = points(24, seed=0) * 3
    counts = [result.score.note_num() for result in decoder.of(clip).decode(z)]
    row = min(range(24), key=lambda row: abs(counts[row] - 10))  # room for fewer and more
    z, plain = z[[row, row]], counts[row]
    for move in (2.0, -2.0):
        [found, other] = set_sliders(decoder.of(clip), z, {"density": move}, seed=3)
        assert (found.score.note_num() - plain) * np.sign(move) > 0
        assert ids(set_sliders(decoder.of(clip), z[:1], {"density": move}, seed=3)) == [found.ids]
        assert tokenizer.decode(other.ids).note_num() == other.score.note_num()
        [back] = decoder.of(clip).decode(latent_of(slidable, clip.ids)[None])
        moved = vary_clip(decoder, clip, moves={"density": move}, num=2, seed=3)
        assert all((each.score.note_num() - back.score.note_num()) * np.sign(move) >= 0 for each in moved)
    [both] = set_sliders(decoder.of(clip), z[:1], {"density": 2.0, "pitch": 3.0})
    assert both.score.note_num() > plain


def test_of_candidates_alike_the_one_that_changes_least_besides_is_chosen() -> None:
    attributes = np.array(
        [[4, 7, 0.5, 60], [6, 12, 0.5, 60], [6, 8, 0.5, 60], [np.nan, 7, 0.5, 60], [6, 8, 0.5, 60]]
    )
    changed = np.array([0.0, 0.1, 0.6, 0.0, 0.5])
    walk = SliderCandidates(np.zeros((5, 8)), [], attributes, changed)
    units = np.array([1.0, 4.0, 0.2, 5.0])
    assert best_candidate(walk, 0, 6.0, attributes[0], units) == 4
    assert best_candidate(walk, 0, 4.1, attributes[0], units) == 0
    assert best_candidate(walk, 1, 11.0, attributes[0], units) == 1


def test_a_clip_of_another_metre_is_told_apart(checkpoint: Checkpoint, machine: Machine) -> None:
    jig = take_clip(score(line([67, 69, 71] * 4), metres=[(0, 6, 8)]), checkpoint.tokenizer, 2)
    reel = take_clip(score(line([67, 69, 71] * 4), metres=[(0, 4, 4)]), checkpoint.tokenizer, 2)
    assert (jig.metre, reel.metre) == ((6, 8), (4, 4))
    assert not np.array_equal(latent_of(machine, jig.ids), latent_of(machine, reel.ids))
