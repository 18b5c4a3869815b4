"""Schedules, groups of parameters, an encoder that stands still."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

from anamorph.nn import models  # noqa: E402 - after the skip
from anamorph.tasks import optim  # noqa: E402
from anamorph.tasks.config.sections import OPTIMIZERS, SCHEDULES, Train  # noqa: E402


@pytest.fixture
def model():
    torch.manual_seed(0)
    return models.classifier("test_resnet", 3)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_stay_in_bounds(name):
    train = Train(schedule=name)
    rates = [optim.rate_at(step, 200, train) for step in range(200)]
    assert all(0 < rate <= 1 for rate in rates)
    assert max(rates) == pytest.approx(1, abs=0.02)
    assert rates[0] < 0.2
    if name != "constant":
        assert rates[-1] < 0.02


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_without_warmup(name):
    assert optim.rate_at(0, 100, Train(schedule=name, warmup=0)) == pytest.approx(1, abs=0.01)


def test_tables_are_complete():
    assert set(optim.SCHEDULES) == set(SCHEDULES)
    assert set(optim.OPTIMIZERS) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name, model):
    train = Train(optimizer=name, encoder_lr=0.1, weight_decay=0.02)
    optimizer = optim.optimizer_of(model, train)
    held = [p for group in optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in held} == {id(p) for p in model.parameters()}
    assert len(held) == len(list(model.parameters()))
    optim.set_rate(optimizer, 20, 200, train)
    of_encoder = {id(p) for p in model.encoder.parameters()}
    top = optim.rate_at(20, 200, train) * train.lr
    for group in optimizer.param_groups:
        slow = {id(p) in of_encoder for p in group["params"]}
        assert len(slow) == 1
        assert group["lr"] == pytest.approx(top * (0.1 if slow.pop() else 1))
        assert {p.dim() > 1 for p in group["params"]} == {group["weight_decay"] == 0.02}


def test_standing_still(model):
    optim.set_mode(model, freeze=True)
    before = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    model(torch.rand(4, 3, 32, 32)).sum().backward()
    assert all(p.grad is None for p in model.encoder.parameters())
    assert all(p.grad is not None for p in model.head.parameters())
    assert all(torch.equal(before[n], v) for n, v in model.encoder.state_dict().items())
    optim.set_mode(model, freeze=False)
    model(torch.rand(4, 3, 32, 32)).sum().backward()
    assert all(p.grad is not None for p in model.encoder.parameters())
    assert not torch.equal(before["bn1.running_mean"], model.encoder.bn1.running_mean)
