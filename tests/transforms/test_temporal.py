"""Clips thinned out in time, and what belongs to their frames."""

import json

import numpy as np
import pytest

import anamorph as A


def clip(count=10, dtype=np.uint8):
    out = np.zeros((count, 6, 8, 3), dtype)
    out[:] = np.arange(count)[:, None, None, None]
    return out


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (1, [0]),
        (2, [0, 9]),
        (3, [0, 4, 9]),
        (7, [0, 1, 3, 4, 6, 7, 9]),
        (10, [*range(10)]),
        (12, [0, 0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9]),
    ],
)
def test_frames_are_even_with_both_ends(wanted, kept):
    given = clip()
    out = A.UniformTemporalSubsample(wanted)(images=given)["images"]
    assert out[:, 0, 0, 0].tolist() == kept
    assert out.flags.c_contiguous
    assert out is given or not np.shares_memory(out, given)


@pytest.mark.parametrize("key", ["images", "volume"])
@pytest.mark.parametrize("as_list", [False, True])
def test_masks_and_lists_go_along(key, as_list):
    if as_list and key == "volume":
        pytest.skip("volumes are arrays")
    pictures, masks = clip(), clip(dtype=np.int64)[..., 0] * (2**40 + 1)
    t = A.UniformTemporalSubsample(3, frame_keys=(key, "masks", "times", "names"))
    out = A.Compose([t, A.HorizontalFlip(p=1)])(
        **{key: list(pictures) if as_list else pictures},
        masks=list(masks),
        times=np.arange(10) / 4,
        names=tuple("abcdefghij"),
    )
    assert type(out[key]) is (list if as_list else np.ndarray)
    assert [int(f[0, 0, 0]) for f in out[key]] == [0, 4, 9]
    assert [int(m[0, 0]) for m in out["masks"]] == [0, 4 * (2**40 + 1), 9 * (2**40 + 1)]
    assert out["times"].tolist() == [0, 1, 2.25]
    assert out["names"] == ("a", "e", "j")


def test_labels_of_frames_that_go_go_too():
    t = A.UniformTemporalSubsample(6, box_frames="frame", point_frames="of")
    twice = A.UniformTemporalSubsample(3, box_frames="frame", point_frames="of")
    pipe = A.Compose(
        [t, twice],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["frame", "kind"]),
        keypoint_params=A.KeypointParams("xy", label_fields=["of"]),
    )
    data = {
        "images": clip(),
        "bboxes": [[0, 0, 2, 2]] * 20,
        "frame": [*range(10)] * 2,
        "kind": [*"abcdefghijklmnopqrst"],
        "keypoints": [(1, 1)] * 10,
        "of": [*range(10)],
    }
    out = pipe(**data)
    assert [int(f[0, 0, 0]) for f in out["images"]] == [0, 3, 9]
    assert out["frame"] == [0, 3, 9] * 2
    assert out["kind"] == [*"adjknt"]
    assert out["of"] == [0, 3, 9]
    plan = pipe.plan(**data)
    again = A.Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again == plan
    assert pipe.render(again, **data)["frame"] == out["frame"]


def test_a_call_without_a_clip_stays():
    image, masks = np.zeros((6, 8, 3), np.uint8), [np.zeros((6, 8), np.uint8)] * 4
    out = A.UniformTemporalSubsample(2)(image=image, masks=masks)
    assert out["image"] is image
    assert len(out["masks"]) == 4


def test_disagreement_is_refused():
    masks = [np.zeros((6, 8), np.uint8)] * 4
    with pytest.raises(A.AnamorphError, match="masks has 4 frames and images has 10"):
        A.UniformTemporalSubsample(2)(images=clip(), masks=masks)
    t = A.UniformTemporalSubsample(2, frame_keys=("images", "note"))
    with pytest.raises(A.AnamorphError, match="note is a str"):
        t(images=clip(), note="ten frames")
    plan = A.Compose([A.UniformTemporalSubsample(2)]).plan(images=clip())
    with pytest.raises(A.AnamorphError, match="images has 4 frames where the clip has 10"):
        A.Compose([]).render(plan, images=clip(4))


def test_it_is_explained():
    text = str(A.Compose([A.UniformTemporalSubsample(2)]).explain(images=clip()))
    assert "Frames (0, 9) of 10" in text
