"""Old code that imports albumentations runs in a process that asks for it."""

from __future__ import annotations

import subprocess
import sys
import textwrap

PREFIX = "import anamorph; anamorph.install_alias(); anamorph.install_alias()\n"


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_imports_that_people_write() -> None:
    done = run(
        PREFIX
        + textwrap.dedent("""
        import albumentations as A
        import albumentations.augmentations as augmentations
        import albumentations.core.bbox_utils as bbox_utils
        from albumentations import Compose, HorizontalFlip
        from albumentations.augmentations.blur.transforms import GaussianBlur
        from albumentations.augmentations.crops.transforms import RandomCrop
        from albumentations.augmentations.geometric.rotate import Rotate
        from albumentations.augmentations.transforms import CLAHE
        from albumentations.core.bbox_utils import BboxParams, convert_bboxes_to_albumentations
        from albumentations.core.composition import BaseCompose, OneOf, ReplayCompose
        from albumentations.core.keypoints_utils import KeypointParams
        from albumentations.core.serialization import from_dict, load, save, to_dict
        from albumentations.core.transforms_interface import (
            BasicTransform, DualTransform, ImageOnlyTransform, NoOp)
        from albumentations.core.type_definitions import Targets
        from albumentations.core.utils import to_tuple
        from albumentations.pytorch import ToTensorV2
        from albumentations.pytorch.transforms import ToTensorV2 as again
        assert A.Compose is Compose is anamorph.Compose
        assert again is ToTensorV2 is anamorph.ToTensorV2
        assert augmentations.Rotate is Rotate is anamorph.Rotate
        assert A.pytorch.ToTensorV2 is ToTensorV2
        assert A.core.composition.OneOf is OneOf
        assert bbox_utils.BboxParams is BboxParams is anamorph.BboxParams
        assert A.__version__ == "2.0.8"
        boxes = convert_bboxes_to_albumentations([[10, 20, 30, 40, 7]], "coco", (100, 200))
        assert boxes.tolist() == [[0.05, 0.2, 0.2, 0.6, 7.0]], boxes
        print("fine")
        """)
    )
    assert done.stdout == "fine\n", done.stderr


def test_everything_at_once() -> None:
    done = run(PREFIX + "from albumentations import *\nprint(RandomCrop is anamorph.RandomCrop)")
    assert done.stdout == "True\n", done.stderr


def test_a_transform_of_ones_own() -> None:
    done = run(
        PREFIX
        + textwrap.dedent("""
        import numpy as np
        from albumentations import Compose
        from albumentations.core.transforms_interface import ImageOnlyTransform
        from albumentations.core.type_definitions import Targets

        class Darker(ImageOnlyTransform):
            _targets = (Targets.IMAGE,)
            def __init__(self, amount=10, p=0.5):
                super().__init__(p=p)
                self.amount = amount
            def apply(self, img, **params):
                return np.clip(img.astype(int) - self.amount, 0, 255).astype("uint8")
            def get_transform_init_args_names(self):
                return ("amount",)

        out = Compose([Darker(30, p=1)])(image=np.full((4, 5, 3), 100, "uint8"))
        print(out["image"].max())
        """)
    )
    assert done.stdout == "70\n", done.stderr


def test_what_has_no_counterpart_says_so() -> None:
    done = run(PREFIX + "import albumentations.augmentations.blur.functional")
    assert "albumentations.augmentations.blur.functional has no counterpart" in done.stderr
    done = run(PREFIX + "from albumentations import HorizontalFlop")
    assert "did you mean albumentations.HorizontalFlip?" in done.stderr


def test_gone_names_say_what_to_write() -> None:
    done = run(PREFIX + "import albumentations as A\nA.Cutout")
    assert "Cutout is gone: write" in done.stderr
    done = run(PREFIX + "import albumentations as A\nA.HorizontalFlop")
    assert "did you mean HorizontalFlip?" in done.stderr


def test_a_taken_name_is_refused() -> None:
    done = run(
        "import sys; sys.modules['albumentations'] = object()\n"
        "import anamorph\nanamorph.install_alias()"
    )
    assert "albumentations is imported already" in done.stderr
