"""The contextual bandit from Python: agreement with numpy, batches, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import ecology as eco


def test_it_chooses_as_the_same_bandit_in_numpy() -> None:
    rng = np.random.default_rng(0)
    arms, d, alpha, prior = 4, 9, 0.8, 2.0
    bandit = eco.LinUcb(arms, d, alpha=alpha, prior=prior)
    a, b = np.repeat(np.eye(d)[None] * prior, arms, 0), np.zeros((arms, d))
    for _ in range(300):
        x = rng.normal(size=d).astype("f4")
        inverse = np.linalg.inv(a)
        theta = np.einsum("aij,aj->ai", inverse, b)
        scores = theta @ x + alpha * np.sqrt(np.einsum("i,aij,j->a", x, inverse, x))
        np.testing.assert_allclose(bandit.scores(x), scores, atol=1e-5)
        arm = bandit.choose(x)
        assert arm == int(bandit.scores(x).argmax())
        reward = float(rng.normal())
        bandit.update(arm, x, reward)
        a[arm] += np.outer(x, x)
        b[arm] += reward * x
    np.testing.assert_allclose(bandit.theta(2), np.linalg.solve(a[2], b[2]), atol=1e-8)
    assert bandit.observations.sum() == 300
    assert (bandit.arms, bandit.dimensions) == (arms, d)
    assert repr(bandit) == "LinUcb(arms=4, dimensions=9, observations=300)"


def test_a_batch_is_what_one_at_a_time_is() -> None:
    rng = np.random.default_rng(1)
    contexts = rng.normal(size=(200, 20)).astype("f4")
    arms, rewards = rng.integers(0, 3, 200), rng.normal(size=200)
    one, many = eco.LinUcb(3, 20), eco.LinUcb(3, 20)
    for arm, context, reward in zip(arms, contexts, rewards, strict=True):
        one.update(int(arm), context, float(reward))
    many.update_batch(arms, contexts, rewards)
    assert one.theta(1).tobytes() == many.theta(1).tobytes()
    chosen, scores = many.choose_batch(contexts), many.scores_batch(contexts)
    assert chosen.tolist() == [one.choose(context) for context in contexts] == scores.argmax(axis=1).tolist()
    assert scores.tobytes() == np.stack([one.scores(context) for context in contexts]).tobytes()
    # Any array and list of numbers will do, also one that is not laid out in a row.
    assert one.choose(contexts[:, ::-1][0, ::-1]) == one.choose(contexts[0].tolist()) == chosen[0]
    assert many.choose_batch(np.empty((0, 20))).shape == (0,)


def test_what_cannot_be_learned_from_is_refused_and_changes_nothing() -> None:
    bandit = eco.LinUcb(2, 3)
    bandit.update(0, [1, 0, 0], 1.0)
    before = bandit.theta(0).tobytes()
    for context in ([1, 2], [1, 2, 3, 4], [1, float("nan"), 0], [float("inf"), 0, 0], [1e30, 0, 0]):
        for attempt in (bandit.choose, bandit.scores, lambda x: bandit.update(0, x, 1.0)):
            with pytest.raises(ValueError, match="context"):
                attempt(context)
    for reward in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="reward"):
            bandit.update(0, [1, 0, 0], reward)
    with pytest.raises(IndexError):
        bandit.update(2, [1, 0, 0], 1.0)
    with pytest.raises(IndexError):
        bandit.update_batch([-1], [[1, 0, 0]], [1.0])
    with pytest.raises(ValueError, match="1 arms and 2 rewards for 1 contexts"):
        bandit.update_batch([0], [[1, 0, 0]], [1.0, 2.0])
    with pytest.raises(IndexError):
        bandit.theta(2)
    assert bandit.theta(0).tobytes() == before
    assert bandit.observations.tolist() == [1, 0]
    for wrong in ({"arms": 0}, {"dimensions": 0}, {"alpha": -1.0}, {"prior": 0.0}, {"prior": float("nan")}):
        with pytest.raises(ValueError, match="give"):
            eco.LinUcb(**({"arms": 2, "dimensions": 2} | wrong))
    with pytest.raises(ValueError, match="the most is"):
        eco.LinUcb(60_000, 2_000)


def test_threads_may_share_one() -> None:
    bandit = eco.LinUcb(2, 40)
    contexts = np.random.default_rng(2).normal(size=(500, 40)).astype("f4")

    def work(arm: int) -> None:
        for context in contexts:
            bandit.choose(context)
            bandit.update(arm, context, 1.0)
        bandit.choose_batch(contexts)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, [0, 1, 0, 1]))
    assert bandit.observations.tolist() == [1000, 1000]
