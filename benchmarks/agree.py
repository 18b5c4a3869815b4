"""Do two libraries do the same thing?  Pixel by pixel where chance is pinned, else by statistics.

The statistics of one result are a dict of numbers in comparable units: grey levels, per cent,
decibels, pixels. Two libraries agree when, for each of them, mean and spread over many draws differ
by no more than the tolerance after four standard errors of sampling are forgiven. What was
forgiven is told as the resolution: the difference that this many draws could not have shown.
"""

import hashlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Result = dict[str, Any]
Verdict = dict[str, Any]

SIGMAS = 4.0
PIXELS = 1.0
"""Boxes and points may lie this far apart."""
LOST = 2
"""Boxes or points at the border that one keeps and the other drops."""
MASK_PERCENT = 2.0
FEWEST = 4
"""Draws in which a statistic must exist to be judged."""
TAIL = 8.0
"""The 99th percentile of differences may be this many times the tolerance of the mean."""


def plain(result: Result) -> Result:
    """Turn one output into arrays and rows that travel: tensors to arrays, points by name."""
    kept: Result = {"image": np.ascontiguousarray(np.asarray(result["image"]))}
    if "mask" in result:
        kept["mask"] = np.ascontiguousarray(np.asarray(result["mask"]))
    for rows, names in (("bboxes", "labels"), ("keypoints", "names")):
        if rows in result:
            values = [[float(number) for number in row] for row in result[rows]]
            kept[rows] = dict(zip(map(int, result[names]), values, strict=True))
    return kept


def compare_exact(
    mine: list[Result], theirs: list[Result], tolerance: float, scale: float | None
) -> Verdict:
    """Judge results whose chance is pinned."""
    pairs = list(zip(mine, theirs, strict=True))
    for left, right in pairs:
        for key in ("image", "mask"):
            told = _form(left.get(key)), _form(right.get(key))
            if told[0] != told[1]:
                return _verdict("different", None, f"{key} is {told[0]}, not {told[1]}")
    image = np.concatenate([_difference(a["image"], b["image"], scale) for a, b in pairs])
    mean, tail = float(image.mean()), float(np.percentile(image, 99))
    detail = [f"image mean {mean:.2f}, p99 {tail:.1f}"]
    types = mine[0]["image"].dtype, theirs[0]["image"].dtype
    detail += [f"{types[0]}, not {types[1]}"] if types[0] != types[1] else []
    good = mean <= tolerance and tail <= max(2.0, TAIL * tolerance)
    if "mask" in pairs[0][0]:
        wrong = 100.0 * float(np.mean([np.mean(a["mask"] != b["mask"]) for a, b in pairs]))
        detail.append(f"mask {wrong:.2f} %")
        good = good and wrong <= MASK_PERCENT
    for key in ("bboxes", "keypoints"):
        apart, lost = _apart(pairs, key)
        detail.append(f"{key} {apart:.2f} px" + (f", {lost} kept by one only" if lost else ""))
        good = good and apart <= PIXELS and lost <= LOST * len(pairs)
    if not good:
        return _verdict("different", mean, "; ".join(detail))
    return _verdict("same" if mean < 0.005 else "close", mean, "; ".join(detail))


def _form(value: Any) -> str:
    if value is None:
        return "absent"
    numbers = "floats" if np.issubdtype(value.dtype, np.floating) else str(value.dtype)
    return f"{numbers} {'x'.join(map(str, value.shape))}"


def _levels(image: NDArray[Any], scale: float | None) -> Floats:
    factor = scale or (1.0 if np.issubdtype(image.dtype, np.integer) else 255.0)
    if np.issubdtype(image.dtype, np.integer):
        factor = 1.0
    return image.astype(np.float64) * factor


def _difference(left: NDArray[Any], right: NDArray[Any], scale: float | None) -> Floats:
    return np.abs(_levels(left, scale) - _levels(right, scale)).ravel()


def _apart(pairs: list[tuple[Result, Result]], key: str) -> tuple[float, int]:
    apart, lost = 0.0, 0
    for left, right in pairs:
        mine, theirs = left.get(key, {}), right.get(key, {})
        lost += len(mine.keys() ^ theirs.keys())
        for name in mine.keys() & theirs.keys():
            gaps = [abs(a - b) for a, b in zip(mine[name][:4], theirs[name][:4], strict=True)]
            apart = max(apart, *gaps[: 4 if key == "bboxes" else 2])
    return apart, lost


def statistics(data: Result, result: Result, scale: float | None) -> dict[str, float]:
    """Describe one random result by numbers that a distribution can be judged by."""
    before, after = _levels(data["image"], None), _levels(result["image"], scale)
    if after.ndim == 3 and after.shape[0] == before.shape[-1] and after.shape[2] > 16:
        after = after.transpose(1, 2, 0)
    told = {"height px": float(after.shape[0]), "width px": float(after.shape[1])}
    told |= _tones(after) | _spectrum(after, "spectrum")
    if before.shape == after.shape and scale is None:
        told |= _change(after - before)
    if "mask" in result:
        told["mask %"] = 100.0 * float(np.mean(result["mask"] > 0))
    for key in ("bboxes", "keypoints"):
        rows = list(result.get(key, {}).values())
        if key in data:
            told[f"{key} count"] = float(len(rows))
        if key == "keypoints" and rows and key in data:
            told["points moved px"] = _moved(data[key], result[key])
        if rows:
            table = np.array([row[: 4 if key == "bboxes" else 2] for row in rows])
            told |= {f"{key} {i} px": float(value) for i, value in enumerate(table.mean(axis=0))}
    return told


def _moved(before: list[tuple[float, float]], after: dict[int, list[float]]) -> float:
    """Say how far points went, as a root mean square: the strength of a random geometry."""
    gaps = [np.subtract(after[name][:2], before[name]) for name in after]
    return float(np.sqrt(np.mean(np.square(gaps).sum(axis=1))))


def _tones(image: Floats) -> dict[str, float]:
    flat = image.reshape(image.shape[0], image.shape[1], -1)
    told = {f"mean of channel {c}": float(flat[..., c].mean()) for c in range(flat.shape[2])}
    told |= {f"p{q}": float(np.percentile(flat, q)) for q in (5, 25, 50, 75, 95)}
    gray = np.ascontiguousarray(flat.mean(axis=2))
    thumbnail = cv2.resize(gray, (3, 3), interpolation=cv2.INTER_AREA)
    return told | {f"thumbnail {i}": float(value) for i, value in enumerate(thumbnail.ravel())}


def _change(change: Floats) -> dict[str, float]:
    told = {f"change p{q}": float(np.percentile(change, q)) for q in (1, 50, 99)}
    told["change mean"] = float(change.mean())
    told["change std"] = float(change.std())
    told["changed %"] = 100.0 * float(np.mean(np.abs(change) > 0.25))
    if change.ndim == 3 and change.shape[2] > 1:
        told["change of grey std"] = float(change.mean(axis=2).std())
    return told | _spectrum(change, "change spectrum")


def _spectrum(image: Floats, name: str) -> dict[str, float]:
    """Give the energy of rings of the Fourier plane, in decibels; below a level nothing counts."""
    gray = image.mean(axis=2) if image.ndim == 3 else image
    side = min(*gray.shape, 128)
    if side < 16:
        return {}
    top, left = (gray.shape[0] - side) // 2, (gray.shape[1] - side) // 2
    part = gray[top : top + side, left : left + side]
    window = np.outer(np.hanning(side), np.hanning(side))
    power = np.abs(np.fft.fftshift(np.fft.fft2((part - part.mean()) * window))) ** 2 / side**2
    rows, cols = np.indices(power.shape) - side // 2
    radius = np.hypot(rows, cols) / (side // 2)
    rings = zip((0.0, 0.1, 0.3, 0.6), (0.1, 0.3, 0.6, 1.0), strict=True)
    return {
        f"{name} {low}-{high} dB": 10.0
        * float(np.log10(power[(radius >= low) & (radius < high)].mean() + 1.0))
        for low, high in rings
    }


def member(result: Result) -> str:
    """Fingerprint a result, for transforms that choose among a few."""
    parts = [result[key].tobytes() + str(result[key].shape).encode() for key in ("image", "mask")]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def compare_members(mine: dict[str, int], theirs: dict[str, int]) -> Verdict:
    """Judge a choice among few results: the same ones, as often."""
    told = f"{len(mine)} results, not {len(theirs)}; {len(mine.keys() & theirs.keys())} in common"
    if mine.keys() != theirs.keys():
        return _verdict("different", None, told)
    total = sum(mine.values()), sum(theirs.values())
    for name, count in mine.items():
        shares = count / total[0], theirs[name] / total[1]
        middle = (count + theirs[name]) / sum(total)
        error = np.sqrt(middle * (1.0 - middle) * (1.0 / total[0] + 1.0 / total[1]))
        if abs(shares[0] - shares[1]) > SIGMAS * error:
            return _verdict(
                "different", None, f"one result in {shares[0]:.2f}, not {shares[1]:.2f}"
            )
    return _verdict("same", None, f"the same {len(mine)} results, as often")


def compare_drawn(mine: Result, theirs: Result, tolerance: float) -> Verdict:
    """Judge two tables of statistics, one row a draw."""
    if set(mine["names"]) != set(theirs["names"]):
        odd = sorted(set(mine["names"]) ^ set(theirs["names"]))
        return _verdict("different", None, f"only one of them has {', '.join(odd[:3])}")
    worst, culprit, forgiven = 0.0, "", 0.0
    for column, name in enumerate(mine["names"]):
        left = _present(mine["table"][:, column])
        right = _present(theirs["table"][:, theirs["names"].index(name)])
        if min(len(left), len(right)) < FEWEST:
            continue
        for kind, gap, margin in _gaps(left, right):
            forgiven = max(forgiven, margin)
            if gap - margin > worst:
                worst = gap - margin
                culprit = f"{kind} of {name}: {_told(left)}, not {_told(right)}"
    detail = f"{len(mine['table'])} and {len(theirs['table'])} draws, resolution {forgiven:.1f}"
    if worst > tolerance:
        return _verdict("different", worst, f"{culprit}; {detail}")
    return _verdict("distribution", worst, detail)


def _present(values: Floats) -> Floats:
    return values[~np.isnan(values)]


def _told(values: Floats) -> str:
    return f"{values.mean():.4g} ± {values.std():.3g}"


def _gaps(left: Floats, right: Floats) -> list[tuple[str, float, float]]:
    """Give the distances of means and of spreads, each with what chance explains of it."""
    error = np.sqrt(left.var() / len(left) + right.var() / len(right))
    # the spread of a skewed statistic is itself uncertain: by its fourth moment
    blur = np.hypot(_spread_error(left), _spread_error(right))
    return [
        ("mean", float(abs(left.mean() - right.mean())), float(SIGMAS * error)),
        ("spread", float(abs(left.std() - right.std())), float(SIGMAS * blur)),
    ]


def _spread_error(values: Floats) -> float:
    variance = float(values.var())
    if variance == 0.0:
        return 0.0
    fourth = float(np.mean((values - values.mean()) ** 4))
    return float(np.sqrt(max(fourth - variance**2, 0.0) / len(values)) / (2.0 * np.sqrt(variance)))


def _verdict(word: str, value: float | None, detail: str) -> Verdict:
    return {"verdict": word, "value": value, "detail": detail}
