"""``anamorph augment``: pictures, masks and annotations in, their variants out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from anamorph.cli import options
from anamorph.cli.job import Job
from anamorph.cli.journal import Journal, clear
from anamorph.cli.pipelines import load_pipeline
from anamorph.cli.run import common_files, outcomes, tasks
from anamorph.cli.work import quieten
from anamorph.core.errors import DataError
from anamorph.data import Source, detect_format, find_pictures, format_named
from anamorph.data.write import known_suffix


def augment(  # noqa: PLR0913 - one parameter an option
    pipeline: options.Pipeline,
    *,
    images: Annotated[Path, typer.Option(help="Folder of pictures, searched with its subfolders.")],
    out: Annotated[Path, typer.Option(help="Folder to write to: new, or of the same run.")],
    masks: options.Masks = None,
    annotations: options.Annotations = None,
    annotation_format: options.Form = None,
    copies: Annotated[int, typer.Option(min=1, help="Variants of each picture.")] = 1,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 works in this one.")] = 0,
    seed: options.Seed = None,
    format: Annotated[  # noqa: A002 - the option's name
        str | None,
        typer.Option(metavar="png|jpg|…", help="Write pictures as this.", show_default="as read"),
    ] = None,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of JPEG and WebP.")] = 95,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Remove what an earlier run wrote to OUT.")
    ] = False,
) -> None:
    """Write augmented variants of pictures, with their masks and annotations.

    The same seed gives the same bytes, for any number of workers. A run that was stopped continues
    when the same command is given again. A picture that cannot be read is named and skipped, and
    the exit status is then 1.
    """
    _check_places(images, out)
    form, source = None, None
    if annotations is not None:
        form = format_named(annotation_format) if annotation_format else detect_format(annotations)
        source = form.open(str(annotations))
    job = Job(
        pipeline=pipeline,
        images=str(images),
        out=str(out),
        masks=None if masks is None else str(masks),
        form=None if form is None else form.name,
        categories=() if source is None else tuple(source.categories),
        copies=copies,
        seed=_seed(pipeline, seed),
        suffix=None if format is None else known_suffix(f".{format.lstrip('.')}"),
        quality=quality,
    )
    raise typer.Exit(_run(job, source, workers, overwrite=overwrite))


def _check_places(images: Path, out: Path) -> None:
    """Refuse to write among the pictures that are read."""
    if out.resolve() == images.resolve() or images.resolve() in out.resolve().parents:
        raise DataError(f"--out {out} lies in --images {images}: name a folder outside of it")


def _seed(pipeline: str, seed: int | None) -> int:
    if seed is not None:
        return seed
    return load_pipeline(pipeline).seed or 0


def _run(job: Job, source: Source | None, workers: int, *, overwrite: bool) -> int:
    """Do what is left to do of a job, and give the exit status."""
    quieten()
    job.load()  # a mistake in the pipeline is told before anything is touched
    names = find_pictures(job.images)
    if not names:
        raise DataError(f"{job.images} holds no pictures")
    todo = tasks(job, source, names)
    if overwrite:
        clear(Path(job.out))
    console = Console(stderr=True)
    with Journal(Path(job.out), job.identity()) as journal:
        journal.forget(set(journal.outcomes) - set(names))
        try:
            with _progress(console, len(names)) as advance:
                for outcome in outcomes(job, todo, journal, workers):
                    if outcome.error is not None:
                        _complain(console, f"skipped: {outcome.error}")
                    advance()
        except KeyboardInterrupt:
            return _stopped(console, journal, len(names), "interrupted", 130)
        except BrokenProcessPool:
            reason = "a worker process died, perhaps for want of memory"
            return _stopped(console, journal, len(names), reason, 1)
        journal.finish(common_files(job, source, journal))
    return _report(console, job, journal, source, names)


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Callable[[], None]]:
    columns = (TextColumn("augmenting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def _complain(console: Console, sentence: str) -> None:
    console.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)


def _stopped(console: Console, journal: Journal, total: int, reason: str, status: int) -> int:
    done = sum(outcome.error is None for outcome in journal.outcomes.values())
    told = f"{reason}: {done} of {total} pictures are done; the same command continues from there"
    _complain(console, told)
    return status


def _report(
    console: Console, job: Job, journal: Journal, source: Source | None, names: tuple[str, ...]
) -> int:
    """Say what was done; 1 if anything had to be left out."""
    skipped = sum(outcome.error is not None for outcome in journal.outcomes.values())
    missing = () if source is None else source.unmatched(names)
    done = len(names) - skipped
    typer.echo(f"{done * job.copies} variants of {done} pictures are in {job.out}")
    complaints = []
    if skipped:
        complaints.append(f"{skipped} of {len(names)} pictures were skipped")
    if missing:
        others = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
        complaints.append(f"not in {job.images}, though annotated: {missing[0]}{others}")
    for complaint in complaints:
        _complain(console, complaint)
    return 1 if complaints else 0
