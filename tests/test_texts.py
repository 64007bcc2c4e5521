"""A run of texts from data to export, as a person would do it, tiny."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pytest
import tensorflow as tf
from absl import flags

import tgan_tf
from tests.language import bert
from tests.tokens import SMALL
from tests.training.runs import assert_same_run, tensors
from tgan_tf import generate
from tgan_tf.config import Config
from tgan_tf.exporting import to_saved_model, to_tflite
from tgan_tf.training.checkpoint import Checkpoints, listed
from tgan_tf.training.journal import Journal
from tgan_tf.training.run import Stopped

WORDS = [f"{a} {b} {c}" for a in ("red", "blue") for b in ("cat", "dog") for c in "abcdefgh"]


def config_in(folder, **changes) -> Config:
    path = folder / "words.jsonl"
    records = [{"text": text, "label": text.split()[1]} for text in WORDS]
    path.write_text("\n".join(map(json.dumps, records)))
    options = {
        **SMALL,
        "g_depths": 1,
        "dataset": f"text:{path}",
        "out_dir": os.fspath(folder),
        "likelihood_kimg": 0.024,  # 6 steps of 12
        "total_kimg": 0.048,
        "tick_kimg": 0.012,
        "snapshot_kimg": 0.016,
        "health_kimg": 0.0,
        "eval_samples": 100,
        "r1_gamma": 0.01,
        "export": (),
        "sentence_encoder": os.fspath(folder / "tiny-bert"),
    }
    bert.write(folder / "tiny-bert")
    return Config().replace(**{**options, **changes})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tgan_tf.train(config_in(tmp_path_factory.mktemp("texts")))


@pytest.fixture(scope="module")
def sampler(run):
    return tgan_tf.load(run)


def test_begins_with_likelihood_alone(run):
    first, second, third, _ = Journal(run / "metrics.jsonl").rows("tick")
    assert "loss_d" not in second
    assert {"likelihood", "loss_d", "loss_g", "penalty"} <= third.keys()
    assert second["likelihood"] < first["likelihood"]


def test_measures_likelihood_alone_and_what_became_of_it(run):
    before, after = Journal(run / "metrics.jsonl").rows("evaluation")
    assert (before["step"], after["step"]) == (6, 12)
    for row in (before, after):
        names = row["metrics"].keys()
        assert {"frechet_ngram", "self_bleu3", "trigram_frechet_ngram", "real_bleu2"} <= names
        assert {"frechet_tiny_bert", "real_frechet_tiny_bert"} <= names
        assert np.isfinite(list(row["metrics"].values())).all()
    # The samples of the first are those that the second has beside, so the weights are too.
    assert not [name for name in before["metrics"] if name.startswith("likelihood_")]
    for name in ("bleu2", "self_bleu3", "distinct2", "frechet_ngram", "frechet_tiny_bert"):
        assert after["metrics"][f"likelihood_{name}"] == pytest.approx(before["metrics"][name])
        assert f"likelihood_matched_{name}" in after["metrics"]
    assert 0.25 < after["metrics"]["likelihood_matched_temperature"] < 4
    assert tgan_tf.load(run / "likelihood").step == 6


def test_pictures_are_texts_too(run):
    text = (run / "samples" / "fakes000000_048.txt").read_text()
    assert len(text.splitlines()) == 64
    assert (run / "samples" / "fakes000000_048.png").is_file()
    assert (run / "report.html").is_file()


@pytest.mark.slow
def test_stopped_and_resumed_it_ends_in_the_same_bytes(run, tmp_path, monkeypatch):
    # Its folder is in the rows.
    encoder = os.fspath(run.parent / "tiny-bert")
    config, save = config_in(tmp_path, sentence_encoder=encoder), Checkpoints.save

    def stop_at_8(self, step):
        save(self, step)
        if step == 8:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Checkpoints, "save", stop_at_8)
    with pytest.raises(Stopped):
        tgan_tf.train(config)
    monkeypatch.undo()
    resumed = tgan_tf.train(config, resume="auto")
    assert_same_run(resumed, run)
    one, two = (tensors(listed(path / "likelihood")[-1]) for path in (resumed, run))
    assert {name: one[name].tobytes() for name in one} == {n: two[n].tobytes() for n in two}


def test_sampler_draws_what_the_training_showed(run, sampler):
    texts = sampler.modality.texts(sampler.sample(range(64)))
    shown = (run / "samples" / "fakes000000_048.txt").read_text().splitlines()
    assert texts == shown


def test_steering(sampler):
    def texts(**options):
        return sampler.modality.texts(sampler.sample(range(20), **options))

    assert texts(temperature=0) == texts(temperature=0, top_k=5) == texts(top_k=1)
    assert texts(top_p=0.5) != texts() != texts(temperature=2.0)
    # All tokens, sorted and unsorted.
    assert texts(temperature=2.0) == texts(temperature=2.0, top_k=1000)
    assert all(text.startswith("red c") for text in texts(prefix="red c"))
    with pytest.raises(ValueError, match="vocabulary"):
        texts(prefix="x")
    with pytest.raises(ValueError, match="top_p"):
        texts(top_p=0.0)


class TestInfill:
    def test_what_is_given_stands_in_its_place(self, sampler):
        texts = sampler.modality.texts(sampler.infill(range(5), "red _og _", candidates=8))
        assert all(text.startswith("red ") and text[5:8] == "og " for text in texts)
        assert texts == sampler.modality.texts(
            sampler.infill(range(5), "red *og *", blank="*", candidates=8)
        )

    def test_no_template_and_no_number_of_candidates_is_traced_again(self, sampler):
        for template, candidates in (("red", 1), ("red _og", 3), ("__d", 2)):
            sampler.infill(range(2), template, candidates=candidates)
        assert sampler._log_probability.experimental_get_tracing_count() == 1

    def test_the_first_tokens_do_not_need_candidates(self, sampler):
        """Each is as likely to be there as in any other text."""
        made = sampler.infill([3], "red", candidates=1)
        (seed,) = np.random.default_rng(3).integers(2**31, size=1)
        label = sampler.condition.check(None, [3])[0]
        np.testing.assert_array_equal(made, sampler.sample([seed], label, prefix="red"))

    def test_is_drawn_by_the_probability_of_what_is_given(self, sampler, monkeypatch):
        """Of candidates that end the same way, one in e times as likely is chosen e times less."""
        tokens, chosen = {}, []

        def log_probability(found, seed, *_):
            tokens["found"] = found
            first = tf.one_hot(0, 200) * 3.0  # the first candidate is e^3 times as likely
            given = tf.one_hot(4, found.shape[1])  # at the place of what is given
            return first[:, None] * given[None]

        monkeypatch.setattr(sampler, "log_probability", log_probability)
        monkeypatch.setattr(
            sampler,
            "sample",
            lambda own, *_, prefix, **__: np.where(
                prefix >= 0, prefix, np.arange(len(own))[:, None] * (np.arange(len(prefix)) == 0)
            ).astype(np.int32),
        )
        count = 300
        made = sampler.infill(range(count), "____c", candidates=200)
        chosen = (made[:, 0] == 0).mean()
        expected = np.exp(3) / (np.exp(3) + 199)
        assert abs(chosen - expected) < 4 * (expected / count) ** 0.5

    def test_probabilities_are_those_by_which_tokens_are_drawn(self, sampler):
        tokens = sampler.sample(range(4), 1, temperature=0)
        ones = np.ones(4, np.float32)
        found = sampler.log_probability(
            tf.constant(tokens), tf.range(4), tf.ones(4, tf.int32), ones, ones
        ).numpy()
        other = np.where(np.arange(tokens.shape[1]) == 1, (tokens + 1) % 5 + 1, tokens)
        less = sampler.log_probability(
            tf.constant(other), tf.range(4), tf.ones(4, tf.int32), ones, ones
        ).numpy()
        assert (found <= 0).all()
        assert (found[:, 0] == less[:, 0]).all()
        changed = other[:, 1] != tokens[:, 1]
        assert (found[changed, 1] > less[changed, 1]).all()

    def test_by_command(self, run, sampler, tmp_path):
        def call(*arguments):
            values = flags.FlagValues()
            generate.define_flags(values)
            values(["generate", f"--run={run}", "--seeds=0-69", "--infill=red _og", *arguments])
            generate.run(values)

        out = tmp_path / "texts.txt"
        call("--candidates=2", f"--out={out}")
        made = sampler.infill(range(70), "red _og", candidates=2)
        assert out.read_text() == sampler.modality.sheet(made)
        with pytest.raises(ValueError, match="--infill goes neither with --prefix"):
            call("--prefix=red")
        none = f"--out={tmp_path / 'none.txt'}"
        with pytest.raises(ValueError, match=r"^--infill=red _og: '_' of 'red _' is not in"):
            call("--blank=o", none)
        with pytest.raises(ValueError, match=r"^--blank=ab: give one character"):
            call("--blank=ab", none)
        for other in ("--blank=*", "--candidates=3"):
            flag = other.partition("=")[0]
            with pytest.raises(ValueError, match=f"^{flag} is for --infill; leave it out"):
                call("--infill=", other, none)
        assert not (tmp_path / "none.txt").exists()

    def test_errors_say_what_is_wrong(self, sampler):
        for template, options, message in (
            ("x_", {}, "^template='x_': .*vocabulary"),
            ("_" * 100, {}, "^template=.*more than"),
            ("red", {"blank": ""}, "^blank='': give one character"),
            ("red", {"candidates": 0}, "^candidates=0: at least 1"),
        ):
            with pytest.raises(ValueError, match=message):
                sampler.infill([0], template, **options)


def test_exports_make_the_same_texts(sampler, tmp_path):
    export = to_saved_model(sampler, tmp_path / "model")
    assert export.errors["sample"] == export.errors["sample_text"] == 0
    served = tf.saved_model.load(str(export.path)).signatures["sample_text"]
    inputs = {
        "seed": tf.constant([3, 4]),
        "label": tf.constant([0, 1]),
        "truncation": tf.ones(2),
        "temperature": tf.ones(2),
        "top_k": tf.zeros(2, tf.int32),
        "top_p": tf.ones(2),
        "prefix": tf.fill((2, *sampler.modality.sample_shape), -1),
    }
    strings = served(**inputs)["string"].numpy()
    expected = sampler.modality.texts(sampler.sample([3, 4], [0, 1]))
    assert [s.decode() for s in strings] == expected
    assert to_tflite(sampler, tmp_path / "model.tflite").errors["sample"] == 0
