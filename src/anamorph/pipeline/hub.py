"""Pipelines in folders and on the Hugging Face Hub, one file for training and one for evaluation.

Files have the names that Albumentations gives them, so each can read the other's.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from anamorph.core.errors import MissingFileError, ParameterError
from anamorph.pipeline.serialize import load, save

KEYS = ("train", "eval")


class Shared:
    """Saving to folders and to the Hub, which needs ``huggingface_hub``."""

    def save_pretrained(
        self,
        save_directory: str | Path,
        *,
        key: str = "eval",
        allow_custom_keys: bool = False,
        repo_id: str | None = None,
        push_to_hub: bool = False,
        **push_to_hub_kwargs: Any,
    ) -> str | None:
        """Save into a folder, as ``albumentations_config_<key>.json``.

        Args:
            save_directory: the folder; it is made if need be.
            key: "train" or "eval".
            allow_custom_keys: take any other key, too.
            repo_id: repository of the Hub; the name of the folder if not given.
            push_to_hub: whether to upload it, too.
            push_to_hub_kwargs: for `push_to_hub`.

        Returns:
            The address of the upload, None if there is none.

        Raises:
            ParameterError: the key is another one, or huggingface_hub is missing.
        """
        name = _file_name(key, custom=allow_custom_keys)
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        save(self, folder / name)
        if not push_to_hub:
            return None
        options = {"key": key, "allow_custom_keys": allow_custom_keys, **push_to_hub_kwargs}
        return self.push_to_hub(repo_id or folder.name, **options)

    @staticmethod
    def from_pretrained(  # noqa: PLR0913 - the interface of 2.0.8
        directory_or_repo_id: str | Path,
        *,
        key: str = "eval",
        force_download: bool = False,
        proxies: dict[str, str] | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        revision: str | None = None,
    ) -> Any:
        """Load from a folder, else from a repository of the Hub.

        Raises:
            MissingFileError: it is not in the folder, and huggingface_hub is missing.
        """
        name = _file_name(key, custom=True)
        path = Path(directory_or_repo_id) / name
        if not path.is_file():
            told = {"proxies": proxies} if proxies else {}
            path = _hub(f"{path} does not exist, and to look for it on the Hub").hf_hub_download(
                str(directory_or_repo_id),
                name,
                force_download=force_download,
                token=token,
                cache_dir=cache_dir,
                local_files_only=local_files_only,
                revision=revision,
                **told,
            )
        return load(path)

    def push_to_hub(  # noqa: PLR0913 - the interface of 2.0.8
        self,
        repo_id: str,
        *,
        key: str = "eval",
        allow_custom_keys: bool = False,
        commit_message: str = "Push transform using huggingface_hub.",
        private: bool = False,
        token: str | None = None,
        branch: str | None = None,
        create_pr: bool | None = None,
    ) -> str:
        """Upload to a repository of the Hub, which is made if need be; give its address.

        Raises:
            MissingFileError: huggingface_hub is missing.
        """
        _file_name(key, custom=allow_custom_keys)
        api = _hub("to upload a pipeline").HfApi(token=token)
        repo = api.create_repo(repo_id=repo_id, private=private, exist_ok=True).repo_id
        if branch is not None:
            api.create_branch(repo_id=repo, branch=branch, exist_ok=True)
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder, key=key, allow_custom_keys=allow_custom_keys)
            return str(
                api.upload_folder(
                    repo_id=repo,
                    folder_path=folder,
                    commit_message=commit_message,
                    revision=branch,
                    create_pr=create_pr,
                )
            )


def _file_name(key: str, *, custom: bool) -> str:
    if key not in KEYS and not custom:
        raise ParameterError(
            f"key = {key!r}: it must be one of 'train', 'eval', or pass allow_custom_keys=True"
        )
    return f"albumentations_config_{key}.json"


def _hub(purpose: str) -> Any:
    try:
        return importlib.import_module("huggingface_hub")
    except ModuleNotFoundError:
        raise MissingFileError(
            f"{purpose}, huggingface_hub is needed: pip install huggingface_hub"
        ) from None
