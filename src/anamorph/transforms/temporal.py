"""Clips thinned out in time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from anamorph.core.params import Listed, Number, Probability, Words
from anamorph.core.rng import Rng
from anamorph.ir.frames import Frames
from anamorph.ir.ops import Op
from anamorph.transforms.base import Scene, Transform

__all__ = ["UniformTemporalSubsample"]

FrameCount = Annotated[int, Number(1, whole=True, unit="frames")]
Keys = Annotated[Any, Listed(Words(), empty=False)]
OptionalField = Annotated[Any, Words(optional=True)]


class UniformTemporalSubsample(Transform):
    """Keep a number of evenly spaced frames of a clip, the first and the last among them.

    A clip of fewer frames repeats some. A call without a clip stays as it is.

    Everything that holds one item a frame is named in ``frame_keys``: clips, their masks, and any
    list or array of the caller's (labels, times, file names). Boxes and keypoints of all frames go
    in one list each; a label field that holds the number of each one's frame says which of them
    stay. These labels are not numbered anew: name a list of frame numbers in ``frame_keys`` to learn
    which were kept.

    >>> clip = np.stack([photo] * 9)
    >>> t = A.UniformTemporalSubsample(3, frame_keys=("images", "times"))
    >>> t(images=clip, times=list(range(9)))["times"]
    [0, 4, 8]
    """

    kind: ClassVar[str] = "clip"
    num_frames: FrameCount
    p: Probability = 1.0
    frame_keys: Keys = ("images", "masks", "volume", "mask3d")
    """Keys of the call that hold one item a frame, as far as they are there. ``masks`` of single
    objects, which are none of frames, are left out by naming the others."""
    box_frames: OptionalField = None
    """Label field of the boxes with the number of each one's frame."""
    point_frames: OptionalField = None
    """Label field of the keypoints with the number of each one's frame."""

    def draw(self, rng: Rng, scene: Scene) -> Iterator[Op]:
        """Draw nothing: the places are even."""
        clip = scene.clip(self.frame_keys)
        if clip is None:
            return
        count = len(clip.numbers)
        picks = evenly(count, self.num_frames)
        if picks == tuple(range(count)):
            return
        kept = {clip.numbers[i] for i in picks}
        boxes = _rows(scene, self.box_frames, kept) if scene.boxes is not None else None
        points = _rows(scene, self.point_frames, kept) if scene.points is not None else None
        yield Frames(picks, count, clip.keys, boxes, points)


def evenly(count: int, wanted: int) -> tuple[int, ...]:
    """Give so many places out of a count, evenly from the first to the last, rounded down."""
    if count == 0 or wanted == 1:
        return (0,) * min(count, wanted)
    return tuple(i * (count - 1) // (wanted - 1) for i in range(wanted))


def _rows(scene: Scene, field: str | None, kept: set[int]) -> tuple[int, ...] | None:
    """Rows of the caller's whose frame is kept; None if no field names frames."""
    if field is None:
        return None
    return tuple(row for row, frame in enumerate(scene.given(field)) if frame in kept)
