"""Rows of what drops objects and lattices, picks frames, and draws from policies."""

from __future__ import annotations

from contracts.row import Row, given

ROWS: dict[str, Row] = {
    "MaskDropout": Row(
        moves="drop",
        bad=({"max_objects": 0}, {"fill": "random"}),
        more=(given(fill="inpaint_telea"), given(max_objects=(2, 3), fill=1, fill_mask=None)),
    ),
    "ConstrainedCoarseDropout": Row(
        given(mask_indices=[1], num_holes_range=(2, 3), hole_width_range=(0.1, 0.6)),
        "drop",
        bad=({"mask_indices": [0]}, {"hole_height_range": (2, 5)}, {"num_holes_range": 0}),
        more=(given(bbox_labels=["cat"], hole_height_range=(0.2, 0.9), fill="random"),),
    ),
    "TimeMasking": Row(
        lambda _, w: {"time_mask_param": max(1, w // 3)}, "drop", bad=({"time_mask_param": 0},)
    ),
    "FrequencyMasking": Row(
        lambda h, _: {"freq_mask_param": max(1, h // 3)}, "drop", bad=({"freq_mask_param": 0},)
    ),
    "GridMask": Row(
        moves="drop",
        bad=({"num_grid_range": 0}, {"rotation_range": (-30, 30)}, {"line_width_range": 0}),
        more=(given(rotation_range=(-0.5, 0.5)), given(rotation_range=0.3, fill="random")),
    ),
    "AutoAugment": Row(
        bad=({"policy": "coco"}, {"fill": "random"}),
        more=(given(policy="svhn", fill=(10, 20, 30)), given(policy="cifar10")),
    ),
    "RandAugment": Row(
        given(num_ops=3),
        bad=({"num_ops": -1}, {"magnitude": 31}, {"num_magnitude_bins": 1}),
        more=(given(magnitude=30, interpolation=1),),
    ),
    "TrivialAugmentWide": Row(
        bad=({"num_magnitude_bins": 1}, {"interpolation": 99}), more=(given(interpolation=2),)
    ),
    "AugMix": Row(
        bad=({"severity": 11}, {"chain_depth": 0}, {"alpha": 0}, {"mixture_width": 0}),
        more=(given(severity=10, mixture_width=2, chain_depth=4, all_ops=False, alpha=0.2),),
    ),
    # a call without a clip stays as it is; frames themselves are tested with the transform
    "UniformTemporalSubsample": Row(
        given(num_frames=3, frame_keys=["volume"]),
        "drop",
        bad=({"num_frames": 0}, {"frame_keys": ()}, {"box_frames": 3}),
        more=(given(num_frames=2, frame_keys=["images", "masks"]),),
    ),
}
