"""What a run has finished, so that the next one continues it.

While a run goes on, every finished picture is a line in a hidden journal. When all are done the
lines become one sorted file, ``anamorph.json``, and the journal goes: the folder then holds the
same bytes, whether or not the run was interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from anamorph.cli.job import Outcome
from anamorph.core.errors import DataError
from anamorph.data.write import PART, write_atomically

_JOURNAL = ".anamorph.jsonl"
MANIFEST = "anamorph.json"


class Journal:
    """The record of the run whose output is in one folder."""

    def __init__(self, out: Path, identity: Mapping[str, Any]) -> None:
        """Read what is there.

        Raises:
            DataError: when the folder holds another run, or things that no run made.
        """
        self.out = out
        self.identity: dict[str, Any] = dict(identity)
        self.outcomes: dict[str, Outcome] = {}
        self._read_manifest()
        self._read_journal()
        if not self.outcomes and not (out / _JOURNAL).exists() and not (out / MANIFEST).exists():
            _check_empty(out)

    def __enter__(self) -> Self:
        """Begin to write."""
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / _JOURNAL
        if not path.exists():
            write_atomically(path, _line({"run": self.identity}))
        self._stream = path.open("r+b")
        # A killed run may have left half a line; what follows it would be lost with it.
        whole = self._stream.read().rfind(b"\n") + 1
        self._stream.seek(whole)
        self._stream.truncate()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop writing; the journal stays until :meth:`finish`."""
        self._stream.close()

    def add(self, outcome: Outcome) -> None:
        """Note what became of a picture."""
        self.outcomes[outcome.name] = outcome
        self._stream.write(_line(asdict(outcome)))
        self._stream.flush()

    def settled(self, name: str, key: str) -> bool:
        """Whether a picture was done, from the same input, and its files are still there."""
        outcome = self.outcomes.get(name)
        return (
            outcome is not None
            and outcome.error is None
            and outcome.key == key
            and all((self.out / file).is_file() for file in outcome.files)
        )

    def forget(self, names: Iterable[str]) -> None:
        """Remove the output of pictures, because they are gone or have changed."""
        for name in names:
            outcome = self.outcomes.pop(name, None)
            for file in outcome.files if outcome is not None else ():
                (self.out / file).unlink(missing_ok=True)

    def finish(self, common: Mapping[str, bytes]) -> None:
        """Write the files in common and the manifest; then the journal is not needed any more."""
        for name, data in common.items():
            write_atomically(self.out / name, data)
        done = sorted(self.outcomes.values(), key=lambda outcome: outcome.name)
        lines = [_text(_plain(outcome)) for outcome in done if outcome.error is None]
        skipped = {outcome.name: outcome.error for outcome in done if outcome.error is not None}
        text = (
            f'{{"run": {_text(self.identity)},\n"skipped": {_text(skipped)},\n'
            f'"common": {_text(sorted(common))},\n"pictures": [\n' + ",\n".join(lines) + "\n]}\n"
        )
        write_atomically(self.out / MANIFEST, text.encode())
        (self.out / _JOURNAL).unlink(missing_ok=True)
        for leftover in self.out.rglob(f".*{PART}"):
            leftover.unlink(missing_ok=True)

    def _read_manifest(self) -> None:
        path = self.out / MANIFEST
        if not path.is_file():
            return
        content = _parsed(path.read_bytes(), path)
        self._check(content.get("run"))
        for entry in content.get("pictures", ()):
            self._take(entry)

    def _read_journal(self) -> None:
        path = self.out / _JOURNAL
        if not path.is_file():
            return
        head, *lines = path.read_bytes().split(b"\n")[:-1]
        self._check(_parsed(head, path).get("run"))
        for text in lines:
            self._take(_parsed(text, path))

    def _take(self, entry: Mapping[str, Any]) -> None:
        outcome = Outcome(
            entry["name"],
            entry["key"],
            tuple(entry.get("files", ())),
            tuple(entry.get("fragments", ())),
            entry.get("error"),
        )
        self.outcomes[outcome.name] = outcome

    def _check(self, theirs: Any) -> None:
        """Refuse to continue a run that would have given other bytes."""
        for name, ours in self.identity.items():
            other = theirs.get(name) if isinstance(theirs, dict) else None
            if other == ours:
                continue
            what = f"{name} = {other}, not {ours}"
            if name in ("pipeline", "categories"):
                what = f"another {name}" if name == "pipeline" else f"other {name}"
            raise DataError(
                f"{self.out} holds a run with {what}: name another folder with --out, or begin "
                f"anew with --overwrite"
            )


def clear(out: Path) -> None:
    """Remove what an earlier run wrote to a folder, whatever run it was, and nothing else."""
    journal, manifest = out / _JOURNAL, out / MANIFEST
    entries: list[Any] = []
    if manifest.is_file():
        content = _parsed(manifest.read_bytes(), manifest)
        entries += [{"files": content.get("common", ())}, *content.get("pictures", ())]
    if journal.is_file():
        lines = journal.read_bytes().split(b"\n")[1:-1]
        entries += [_parsed(line, journal) for line in lines]
    for entry in entries:
        for file in entry.get("files", ()):
            (out / file).unlink(missing_ok=True)
    for place in (journal, manifest):
        place.unlink(missing_ok=True)


def _plain(outcome: Outcome) -> dict[str, Any]:
    entry = asdict(outcome)
    del entry["error"]
    if not any(outcome.fragments):
        del entry["fragments"]
    return entry


def _text(entry: Any) -> str:
    return json.dumps(entry, ensure_ascii=False)


def _line(entry: Mapping[str, Any]) -> bytes:
    return f"{_text(entry)}\n".encode()


def _parsed(data: bytes, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is damaged ({error}): remove {path.parent}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} is damaged: remove {path.parent}")
    return content


def _check_empty(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise DataError(f"{out} is no folder")
    if any(path.is_file() for path in out.rglob("*")):
        raise DataError(f"{out} is not empty and holds no earlier run: name another folder")
