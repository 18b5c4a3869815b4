"""Export to a real MLflow: a server that the test starts, and a database."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec

import pytest

from anamorph.core.errors import MissingFileError, ParameterError
from anamorph.ledger import ExportError
from anamorph.ledger.exporting import export

needs_mlflow = pytest.mark.skipif(find_spec("mlflow") is None, reason="mlflow is not installed")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of mlflow and what it loads
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # sqlalchemy, of mlflow
]

SECONDS = 120


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of an MLflow server."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    words = [
        "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *words], cwd=folder, stdout=log, stderr=log,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}, start_new_session=True,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address, process, folder / "log")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def _wait(address, process, log):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"no server: {log.read_text()[-2000:]}")


@pytest.fixture(params=["server", "database"])
def uri(request, tmp_path, monkeypatch):
    """An MLflow that is a server, and one that is a file."""
    monkeypatch.chdir(tmp_path)  # where a database keeps its artifacts
    if request.param == "server":
        return request.getfixturevalue("server")
    return f"sqlite:///{tmp_path}/mlflow.db"


def client_of(uri):
    import mlflow

    return mlflow.MlflowClient(uri)


def artifacts(client, key, place=None):
    """Names and sizes of all files."""
    found = {}
    for entry in client.list_artifacts(key, place):
        if entry.is_dir:
            found |= artifacts(client, key, entry.path)
        else:
            found[entry.path] = entry.file_size
    return found


@needs_mlflow
def test_all_of_a_run_is_there_once(ledger, trained, uri, tmp_path):
    name = f"test {tmp_path.name}"
    parent = trained(ledger, 0.7)
    run = trained(
        ledger, 0.8, weight=1, parent=parent.id, tags=["keep", "a b#"], command=["anamorph", "fit"]
    )
    run.note("first")
    run.leaderboard(0.75)
    keys = export([parent, run], uri, name)
    client = client_of(uri)
    for _ in range(2):  # the second time all is there already
        found = client.get_run(keys[run.id])
        assert found.data.params == {
            "task": "segment", "train.epochs": "3", "train.lr": "0.001", "model.encoder": "resnet18",
        }  # fmt: skip
        tags = found.data.tags
        assert tags["anamorph.run"] == tags["mlflow.runName"] == run.id
        assert (tags["tag.keep"], tags["tag.a b_"]) == ("true", "true")
        assert tags["mlflow.note.content"] == "first"
        assert tags["mlflow.parentRunId"] == keys[parent.id]
        assert found.info.status == "FINISHED"
        assert found.info.start_time < found.info.end_time
        history = client.get_metric_history(keys[run.id], "fold-0/train/loss")
        assert sorted((entry.step, entry.value) for entry in history) == [(0, 1.0), (10, 0.5)]
        assert found.data.metrics["score/dice"] == pytest.approx(0.81)
        assert found.data.metrics["score/dice_std"] == pytest.approx(0.01414, abs=1e-5)
        assert found.data.metrics["leaderboard/public"] == 0.75
        (digest,) = run.record["weights"].values()
        files = artifacts(client, keys[run.id])
        assert set(files) == {
            "run.json", "config.yaml", "metrics.jsonl", f"bundle/weights/{digest}.safetensors",
            *(["code.diff"] if (run.path / "code.diff").exists() else []),
        }  # fmt: skip
        assert files["run.json"] == (run.path / "run.json").stat().st_size
        assert export([parent, run], uri, name) == keys
    home = client.get_experiment_by_name(name).experiment_id
    assert len(client.search_runs([home])) == 2


@needs_mlflow
def test_what_is_new_is_added(ledger, config, server, tmp_path):
    name = f"test {tmp_path.name}"
    run = ledger.start("segment", config)
    for step in range(1500):  # more than one request takes
        run.log({"loss": step, "rate": 1.0}, split="train", step=step)
    keys = export([run], server, name)
    client = client_of(server)
    assert client.get_run(keys[run.id]).info.status == "RUNNING"
    run.log({"loss": float("nan")}, split="train", step=1500)
    run.note("it broke")
    run.finish("failed")
    assert export([run], server, name, weights=False) == keys
    found = client.get_run(keys[run.id])
    assert found.info.status == "FAILED"
    assert found.data.tags["mlflow.note.content"] == "it broke"
    history = client.get_metric_history(keys[run.id], "train/loss")
    assert sorted(entry.step for entry in history) == list(range(1501))


@needs_mlflow
def test_weights_may_stay(ledger, trained, server, tmp_path):
    run = trained(ledger, weight=1)
    keys = export([run], server, f"test {tmp_path.name}", weights=False)
    assert not any("weights" in path for path in artifacts(client_of(server), keys[run.id]))


@needs_mlflow
def test_nobody_there(ledger, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(ExportError, match=r"MLflow at http://127\.0\.0\.1:9 "):
        export([trained(ledger)], "http://127.0.0.1:9")


@needs_mlflow
def test_no_such_store(ledger, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExportError, match="MLflow at nonsense://x"):
        export([trained(ledger)], "nonsense://x")


def test_what_is_missing_is_named(ledger, trained, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingFileError, match=r"anamorph\[mlflow\]"):
        export([trained(ledger)], "http://127.0.0.1:9")
    with pytest.raises(ParameterError, match="the address of MLflow is empty"):
        export([trained(ledger)], "")
