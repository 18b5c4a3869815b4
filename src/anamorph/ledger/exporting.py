"""Runs to MLflow: a server, or a database of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, final

from anamorph.core.errors import MissingFileError, ParameterError
from anamorph.ledger import blobs, configuration
from anamorph.ledger.errors import ExportError
from anamorph.ledger.run import Run

_ID = "anamorph.run"
"""The tag that a run is known by, so that it is not there twice."""

_MOST_METRICS, _MOST_OTHERS = 1000, 100
"""In a request."""

_LONGEST = {"params": 6000, "tags": 8000}
"""Letters of a value; MLflow refuses longer ones."""

_STATUSES = {
    "done": "FINISHED",
    "failed": "FAILED",
    "stopped": "KILLED",
    "killed": "KILLED",
    "running": "RUNNING",
}
_LEFT = ("checkpoints", blobs.FOLDER)
"""Folders that stay: the weights of a finished run are in its bundle."""


def export(
    runs: Sequence[Run],
    uri: str,
    experiment: str | None = None,
    *,
    weights: bool = True,
) -> dict[str, str]:
    """Write runs to MLflow: parameters, metrics with their steps, tags, notes, files.

    A run that is there already is brought up to date, and nothing is there twice.

    Args:
        runs: parents before their children, or the children will not be shown below them.
        uri: of the tracking server (``http://…``), or of a store (``sqlite:///mlflow.db``).
        experiment: its name; ``anamorph-`` and the task if None.
        weights: write those of the bundles too.

    Returns:
        The id that each run has in MLflow.

    Raises:
        MissingFileError: mlflow is not installed.
        ExportError: MLflow cannot be reached, or refuses.
    """
    client, entities = _client(uri)
    try:
        return {
            run.id: Export(client, entities, run).write(experiment, weights=weights) for run in runs
        }
    except import_module("mlflow.exceptions").MlflowException as error:
        raise ExportError(f"MLflow at {uri} refuses: {str(error).splitlines()[0]}") from error


def _client(uri: str) -> tuple[Any, Any]:
    if not uri:
        raise ParameterError("export: the address of MLflow is empty")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing is told to third parties
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # or it hangs for minutes
    try:
        mlflow, entities = import_module("mlflow"), import_module("mlflow.entities")
    except ImportError as error:
        raise MissingFileError(
            'runs are written to MLflow by its client: run  pip install "anamorph[mlflow]"'
        ) from error
    try:
        return mlflow.MlflowClient(uri), entities
    except Exception as error:  # of a driver that is not there, of an address that is none
        raise ExportError(f"MLflow at {uri} cannot be opened: {error}") from error


@final
class Export:
    """One run on its way."""

    def __init__(self, client: Any, entities: Any, run: Run) -> None:
        self._client, self._entities = client, entities
        self._run, self._told, self._row = run, run.record, run.row

    def write(self, experiment: str | None, *, weights: bool) -> str:
        """Write all of it; gives the id."""
        name = experiment or f"anamorph-{self._row.task}"
        found = self._client.get_experiment_by_name(name)
        home = self._client.create_experiment(name) if found is None else found.experiment_id
        there = self._find(home, self._run.id)
        key = self._create(home) if there is None else there.info.run_id
        self._write_params(key, {} if there is None else there.data.params)
        self._write_tags(key, home)
        self._write_metrics(key, {} if there is None else there.data.metrics)
        self._write_files(key, weights=weights)
        status, ended = _STATUSES[self._run.status], self._row.finished
        if status == "RUNNING":
            self._client.update_run(key, status)
        else:
            self._client.set_terminated(
                key, status, None if ended is None else _milliseconds(ended)
            )
        return str(key)

    def _find(self, home: str, run: str) -> Any:
        found = self._client.search_runs([home], f"tags.`{_ID}` = '{run}'", max_results=1)
        return found[0] if found else None

    def _create(self, home: str) -> str:
        begun = _milliseconds(self._row.created)
        tags = {_ID: self._run.id}
        made = self._client.create_run(home, begun, tags, run_name=self._run.id)
        return str(made.info.run_id)

    def _write_params(self, key: str, there: Mapping[str, str]) -> None:
        flat = dict(configuration.flat(self._run.config))
        values = {_name(name): _text(value, "params") for name, value in flat.items()}
        new = [self._entities.Param(*pair) for pair in values.items() if pair[0] not in there]
        for some in _parts(new, _MOST_OTHERS):
            self._client.log_batch(key, params=some)

    def _write_tags(self, key: str, home: str) -> None:
        told, row = self._told, self._row
        tags = {
            "anamorph.task": row.task,
            "anamorph.status": row.status,
            "anamorph.metric": row.metric,
            "anamorph.mode": row.mode,
            "anamorph.data": row.data,
            "anamorph.command": " ".join(told["command"]),
            "anamorph.weights": json.dumps(told["weights"]),
            "mlflow.source.git.commit": row.commit,
            "mlflow.note.content": "\n\n".join(row.notes),
            **{f"tag.{_name(tag)}": "true" for tag in row.tags},
        }
        parent = None if row.parent is None else self._find(home, row.parent)
        if parent is not None:
            tags["mlflow.parentRunId"] = parent.info.run_id
        pairs = [(name, _text(value, "tags")) for name, value in tags.items() if value]
        for some in _parts([self._entities.RunTag(*pair) for pair in pairs], _MOST_OTHERS):
            self._client.log_batch(key, tags=some)

    def _write_metrics(self, key: str, there: Mapping[str, float]) -> None:
        """Write what is not there: a store of MLflow's would keep the same number twice."""
        known = {name: self._history(key, name) for name in there}
        new = dict.fromkeys(
            entry for entry in self._metrics() if entry[2:] not in known.get(entry[0], ())
        )
        for some in _parts([self._entities.Metric(*entry) for entry in new], _MOST_METRICS):
            self._client.log_batch(key, metrics=some)

    def _history(self, key: str, name: str) -> set[tuple[int, int]]:
        return {
            (entry.timestamp, entry.step) for entry in self._client.get_metric_history(key, name)
        }

    def _metrics(self) -> Iterator[tuple[str, float, int, int]]:
        """Name, value, time, step."""
        for event in self._run.metrics():
            where = event.split if event.fold is None else f"fold-{event.fold}/{event.split}"
            step = event.step if event.step is not None else event.epoch or 0
            for name, value in event.values.items():
                yield _name(f"{where}/{name}"), value, _milliseconds(event.time), step
        ended = _milliseconds(self._row.finished or self._row.created)
        for name, score in self._row.scores.items():
            yield _name(f"score/{name}"), score.mean, ended, 0
            if score.std is not None:
                yield _name(f"score/{name}_std"), score.std, ended, 0
        for at, entry in enumerate(self._row.leaderboard):
            yield (
                _name(f"leaderboard/{entry['split']}"),
                entry["score"],
                _milliseconds(entry["at"]),
                at,
            )

    def _write_files(self, key: str, *, weights: bool) -> None:
        folders: dict[str, dict[str, int]] = {}
        for path in _files(self._run.path, weights=weights):
            inside = path.relative_to(self._run.path).parent.as_posix()
            place = None if inside == "." else inside
            if inside not in folders:
                listed = self._client.list_artifacts(key, place)
                folders[inside] = {
                    entry.path.rsplit("/", 1)[-1]: entry.file_size for entry in listed
                }
            # Weights are called what they hold; if they are there whole, they are there.
            if (
                path.parent.name == blobs.FOLDER
                and folders[inside].get(path.name) == path.stat().st_size
            ):
                continue
            self._client.log_artifact(key, str(path), place)


def _files(folder: Path, *, weights: bool) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in parts)
        if path.is_dir() or hidden or parts[0] in _LEFT:
            continue
        if weights or blobs.FOLDER not in parts:
            yield path


def _name(name: str) -> str:
    """A name as MLflow takes it: letters, digits, and ``_-. :/``."""
    return "".join(letter if letter.isalnum() or letter in "_-. :/" else "_" for letter in name)[
        :250
    ]


def _text(value: Any, kind: str) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text[: _LONGEST[kind]]


def _milliseconds(time: str) -> int:
    return round(1000 * datetime.fromisoformat(time).timestamp())


def _parts(entries: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    for at in range(0, len(entries), most):
        yield entries[at : at + most]
