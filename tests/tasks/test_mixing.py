"""MixUp and CutMix of batches."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from anamorph.core.rng import Rng  # noqa: E402 - after the skip
from anamorph.tasks.config.sections import Mix  # noqa: E402
from anamorph.tasks.mixing import mixed  # noqa: E402


def batch(count=4, **more):
    image = torch.arange(count).float().reshape(-1, 1, 1, 1).expand(count, 3, 16, 20).clone()
    return {"image": image, "label": torch.arange(count), **more}


def test_off():
    given = batch()
    assert mixed(given, Mix(), Rng(0)) == (given, None)
    assert mixed(given, Mix(mixup=1, p=0), Rng(0)) == (given, None)
    assert mixed(batch(1), Mix(mixup=1, p=1), Rng(0))[1] is None


def test_mixup_adds():
    given = batch()
    done, shares = mixed(given, Mix(mixup=1, p=1), Rng(1))
    own = given["label"] * shares.own + given["label"][shares.partners] * (1 - shares.own)
    assert torch.allclose(done["image"][:, 0, 0, 0], own)
    assert 0 < shares.own < 1
    assert torch.equal(given["image"], batch()["image"])


@pytest.mark.parametrize("seed", range(8))
def test_cutmix_shares_are_areas(seed):
    given = batch()
    done, shares = mixed(given, Mix(cutmix=1, p=1), Rng(seed))
    for at, partner in enumerate(shares.partners.tolist()):
        if partner != at:
            assert (done["image"][at] == at).float().mean() == pytest.approx(shares.own)
            assert ((done["image"][at] == at) | (done["image"][at] == partner)).all()


def test_cutmix_pastes_masks():
    mask = torch.arange(4).reshape(4, 1, 1).expand(4, 16, 20).clone()
    done, shares = mixed(batch(mask=mask), Mix(cutmix=1, p=1), Rng(3))
    assert shares is None
    assert torch.equal(done["image"][:, 0].long(), done["mask"])
    assert (mask == torch.arange(4).reshape(4, 1, 1)).all()


def test_the_same_by_the_same_chance():
    first, second = (mixed(batch(), Mix(mixup=1, cutmix=1, p=1), Rng(5))[0] for _ in range(2))
    assert torch.equal(first["image"], second["image"])
    assert np.unique([mixed(batch(), Mix(mixup=1, p=1), Rng(s))[1].own for s in range(5)]).size == 5
