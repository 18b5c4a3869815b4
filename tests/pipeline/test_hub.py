"""Pipelines saved to folders and to the Hub, which a stand-in plays here."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import anamorph as A

PIPELINE = A.Compose([A.RandomCrop(20, 30), A.HorizontalFlip(p=0.5)], seed=3)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for huggingface_hub: repositories are folders."""
    root = tmp_path / "hub"

    def create_repo(repo_id: str, **_: Any) -> Any:
        (root / repo_id).mkdir(parents=True, exist_ok=True)
        return SimpleNamespace(repo_id=f"me/{repo_id}")

    def upload_folder(repo_id: str, folder_path: str, revision: str | None, **_: Any) -> str:
        shutil.copytree(folder_path, root / repo_id, dirs_exist_ok=True)
        return f"{repo_id}@{revision}"

    def create_branch(repo_id: str, branch: str, **_: Any) -> None:
        (root / f"{repo_id}.{branch}").mkdir(parents=True, exist_ok=True)

    def hf_hub_download(repo_id: str, name: str, revision: str | None, **_: Any) -> str:
        assert revision in {None, "dev"}
        return str(root / repo_id / name)

    api = SimpleNamespace(
        create_repo=create_repo, upload_folder=upload_folder, create_branch=create_branch
    )
    module = SimpleNamespace(HfApi=lambda token: api, hf_hub_download=hf_hub_download)  # noqa: ARG005
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)  # type: ignore[arg-type]
    return root


def test_folders_hold_one_file_a_key(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert PIPELINE.save_pretrained(folder, key="train") is None
    assert PIPELINE.save_pretrained(folder) is None
    names = sorted(p.name for p in folder.iterdir())
    assert names == ["albumentations_config_eval.json", "albumentations_config_train.json"]
    assert A.Compose.from_pretrained(folder, key="train") == PIPELINE
    assert A.Compose.from_pretrained(str(folder)) == PIPELINE


def test_other_keys_must_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be one of 'train', 'eval'"):
        PIPELINE.save_pretrained(tmp_path, key="valid")
    PIPELINE.save_pretrained(tmp_path, key="valid", allow_custom_keys=True)
    assert A.Compose.from_pretrained(tmp_path, key="valid") == PIPELINE


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(A.AnamorphError, match=r"config_eval\.json does not exist.* pip install"):
        A.Compose.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match="to upload a pipeline, huggingface_hub is needed"):
        PIPELINE.save_pretrained(tmp_path, push_to_hub=True)


def test_the_hub_gives_back_what_was_pushed(tmp_path: Path, hub: Path) -> None:
    folder = tmp_path / "flips"
    assert PIPELINE.save_pretrained(folder, push_to_hub=True) == "me/flips@None"
    assert A.Compose.from_pretrained("me/flips", revision="dev") == PIPELINE
    assert PIPELINE.push_to_hub("crops", key="train", branch="dev") == "me/crops@dev"
    assert (hub / "me/crops.dev").is_dir()
    assert A.Compose.from_pretrained("me/crops", key="train", proxies={}) == PIPELINE
    with pytest.raises(A.AnamorphError, match="allow_custom_keys"):
        PIPELINE.push_to_hub("crops", key="valid")
