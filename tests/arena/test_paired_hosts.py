"""Hosts held against a reference: the statistics against known laws, and what is said of pictures."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from arena.domain.score import Instrument
from arena.metrics.likeness import Gallery, Likeness
from arena.metrics.paired_hosts import _law_of_sums, contrast, hodges_lehmann, holm, least_prompts, p_greater
from arena.reports.same_weights import Verdict, as_json, compare_hosts

NOISE = Instrument(metric="noise", revision=1, title="noise", unit="levels", better=None, negligible=2.0, tool="numpy")


def test_the_signed_rank_law_is_that_of_all_signs():
    from itertools import product

    sums = [sum(r for r, s in zip(range(1, 6), signs, strict=True) if s) for signs in product((0, 1), repeat=5)]
    assert _law_of_sums(np.arange(1, 6)) == pytest.approx(np.bincount(sums, minlength=16) / 32)


def test_p_values_are_those_of_the_exact_test_and_of_all_signs_where_values_tie():
    from itertools import product

    from scipy.stats import wilcoxon

    values = np.random.default_rng(9).normal(0.4, 1, 15)
    assert p_greater(values) == pytest.approx(wilcoxon(values, alternative="greater", method="exact").pvalue)
    assert p_greater(np.full(12, 3.0)) == pytest.approx(2**-12)
    tied = np.array([1.0, 1.0, -1.0, 2.0, 0.0, -3.0])
    ranks = [2, 2, 2, 4, 5]
    observed = 2 + 2 + 4
    sums = [sum(r for r, s in zip(ranks, signs, strict=True) if s) for signs in product((0, 1), repeat=5)]
    assert p_greater(tied) == pytest.approx(sum(s >= observed for s in sums) / 32)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng, held = np.random.default_rng(3), 0
    for _ in range(400):
        found = hodges_lehmann(rng.standard_t(3, 14) + 1.0)
        held += found.low <= 1.0 <= found.high
    assert 0.93 <= held / 400 <= 0.99


def test_a_difference_within_what_is_negligible_is_seldom_called_one():
    """At the very edge of what is negligible, where it is hardest."""
    rng = np.random.default_rng(4)
    wrong = sum(contrast((2.0 + rng.normal(0, 1, 16)).tolist(), 2.0).p_differs <= 0.05 for _ in range(400))
    wrongly_same = sum(contrast((2.0 + rng.normal(0, 1, 16)).tolist(), 2.0).p_same <= 0.05 for _ in range(400))
    assert wrong / 400 <= 0.05
    assert wrongly_same / 400 <= 0.08


def test_clear_cases_are_clear():
    rng = np.random.default_rng(5)
    beyond, within = contrast((5 + rng.normal(0, 1, 12)).tolist(), 2.0), contrast([0.0] * 12, 2.0)
    assert beyond.p_differs < 0.001
    assert beyond.p_same > 0.9
    assert within.p_differs == 1
    assert within.p_same < 0.01
    assert (within.difference.low, within.difference.high) == (0, 0)


def test_too_few_prompts_have_no_interval_and_tell_nothing():
    found = contrast([9.0, 9.5, 10.0], 2.0)
    assert found.difference.low is None
    assert found.p_differs > 0.01
    assert contrast([], 2.0).difference.value is None


def test_holm_is_that_of_its_paper():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert (least_prompts(1), least_prompts(5)) == (8, 10)


# -- pictures ----------------------------------------------------------------------------------------------------------


class Run:
    """Rows of a run by endpoint: a picture is a number from which its pixels are drawn."""

    def __init__(self, prompts=12, seeds=(1, 2)):
        self.prompts, self.seeds, self.files, self.rows, self.scores = prompts, seeds, {}, [], []

    def add(self, endpoint, picture, noise, *, size=(16, 16), asked=(16, 16), image_format="png"):
        for prompt in range(self.prompts):
            for repetition, seed in enumerate(self.seeds):
                name = f"{picture(prompt, seed)}-{size}"
                self.files[name] = drawn(name, size)
                row = {
                    "endpoint": endpoint, "phase": "measure", "simulated": True, "prompt_sha256": f"p{prompt}",
                    "repetition": repetition, "seed": seed, "image_sha256": name, "image_format": image_format,
                }  # fmt: skip
                for k, side in enumerate(("width", "height")):
                    row |= {f"image_{side}_px": size[k], f"requested_{side}_px": asked[k]}
                self.rows.append(row)
                self.scores.append(("measure", 0, endpoint, f"p{prompt}", 1, noise(prompt, seed)))
        return self

    def held_against(self, *hosts, instruments=None):
        columns = ["phase", "position", "endpoint", "prompt_sha256", "instrument", "value"]
        scores = pd.DataFrame(self.scores, columns=columns)
        gallery = Gallery(self.files.__getitem__)
        return compare_hosts(pd.DataFrame(self.rows), scores, instruments or {1: NOISE}, "ref", hosts, gallery)


def drawn(name, size):
    pixels = np.random.default_rng(list(name.encode())).integers(0, 255, (size[1], size[0], 3), dtype="uint8")
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def value(prompt, seed):
    return 3 + 0.3 * np.sin(prompt * 7 + seed)


def own(prompt, seed):
    return f"{prompt}/{seed}"


def foreign(prompt, seed):
    return f"{prompt}/{seed}/other"


def reference(**shape):
    return Run(**shape).add("ref", own, value)


def one(comparison):
    [host] = comparison.hosts
    return host


def test_the_same_pixels_are_the_same_weights_and_other_pixels_accuse_nobody():
    equal = one(reference().add("host", own, value).held_against("host"))
    assert equal.verdict is Verdict.SERVES
    assert equal.same_seed == {Likeness.BYTES: 24}
    other = one(reference().add("host", foreign, value).held_against("host"))
    assert other.verdict is Verdict.SERVES
    assert other.same_seed == {Likeness.DIFFERENT: 24}
    assert "every indicator is the same" in other.reasons[0]


def test_a_cache_is_told_by_one_copy_where_the_reference_made_none():
    def cached_once(prompt, seed):
        return foreign(prompt, 1 if prompt == 3 else seed)

    found = one(reference().add("host", cached_once, value).held_against("host"))
    assert found.verdict is Verdict.DIFFERS
    assert found.reasons[0].startswith("cached: 1 of 24")
    both = Run().add("ref", lambda p, _s: own(p, 1), value).add("host", lambda p, _s: own(p, 1), value)
    assert one(both.held_against("host")).copies.n == 0  # the reference does the same: there is nothing to tell


def test_without_two_seeds_a_cache_cannot_be_seen_and_that_is_said():
    found = one(reference(seeds=(1,)).add("host", foreign, value).held_against("host"))
    assert found.copies.value is None
    assert any("a cache would not be seen" in note for note in found.notes)


def test_a_noisier_host_differs_with_its_interval():
    found = one(reference().add("host", foreign, lambda p, s: value(p, s) + 5).held_against("host"))
    assert found.verdict is Verdict.DIFFERS
    assert found.reasons[0].startswith("noisier: noise +5.00 levels [")
    assert found.indicators[0].p_corrected <= 0.01


def test_with_few_prompts_nothing_is_claimed():
    run = reference(prompts=4).add("host", foreign, lambda p, s: value(p, s) + 5)
    comparison = run.held_against("host")
    assert one(comparison).verdict is Verdict.UNTOLD
    assert one(comparison).reasons == ("with 4 prompts; it takes 8 at least",)
    assert comparison.least_prompts == 8


def test_an_indicator_that_few_prompts_have_is_shown_and_nothing_rests_on_it():
    run = reference()
    run.add("host", foreign, value)
    few = [("measure", 0, e, f"p{p}", 2, v) for p in range(4) for e, v in (("ref", 0.0), ("host", 50.0))]
    run.scores += few
    found = one(run.held_against("host", instruments={1: NOISE, 2: NOISE.model_copy(update={"metric": "other"})}))
    assert found.verdict is Verdict.SERVES
    assert [i.p_corrected is None for i in found.indicators] == [False, True]


def test_another_size_is_told_by_itself_and_pixels_of_other_sizes_or_codecs_are_not_compared():
    small = one(reference().add("host", foreign, lambda *_: 20.0, size=(8, 8)).held_against("host"))
    assert small.verdict is Verdict.DIFFERS
    assert small.reasons[0].startswith("another size: 24 of 24")
    assert small.indicators == ()
    run = reference().add("host", foreign, lambda *_: 20.0, image_format="jpeg")
    jpeg = one(run.held_against("host"))
    assert jpeg.verdict is Verdict.UNTOLD
    assert "jpeg and png" in jpeg.notes[0]


def test_many_hosts_are_corrected_together_and_all_of_it_is_in_the_json():
    run = reference()
    for number in range(6):
        run.add(f"host{number}", foreign, value)
    comparison = run.held_against(*[f"host{n}" for n in range(6)])
    document = as_json(comparison)
    assert (document["tests"], document["false_alarm_rate"]) == (6, 0.01)
    assert {h["verdict"] for h in document["hosts"]} == {"serves what it claims"}
    assert document["hosts"][0]["indicators"][0]["difference"]["n"] == 12
