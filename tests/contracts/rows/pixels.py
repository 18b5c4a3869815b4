"""Rows of what changes values in place: tone, colour, blur, noise, codecs, conversions."""

from __future__ import annotations

from contracts.row import RGB, Row, given

ROWS: dict[str, Row] = {
    # ------------------------------------------------------------------ tone and colour
    "RandomBrightnessContrast": Row(bad=({"brightness_limit": "x"},)),
    "RandomGamma": Row(bad=({"gamma_limit": -1},)),
    "HueSaturationValue": Row(colors=RGB, bad=({"hue_shift_limit": "x"},)),
    "RGBShift": Row(colors=RGB, bad=({"r_shift_limit": "x"},)),
    "ColorJitter": Row(colors=RGB, bad=({"hue": "x"},)),
    "CLAHE": Row(colors=(1, 3), bad=({"tile_grid_size": (0, 1)},)),
    "Equalize": Row(colors=(1, 3), bad=({"mode": "x"},)),
    "AutoContrast": Row(bad=({"cutoff": 200},)),
    "ToGray": Row(colors=RGB, bad=({"method": "x"},)),
    "ToRGB": Row(colors=(1, 3), keeps_dtype=False, bad=({"num_output_channels": "x"},)),
    "ToSepia": Row(colors=RGB, bad=({"p": 2},)),
    "InvertImg": Row(),
    "Solarize": Row(bad=({"threshold_range": (0, 3)},)),
    "Posterize": Row(bad=({"num_bits": 9},)),
    "RandomToneCurve": Row(bad=({"scale": -1},)),
    "ChannelShuffle": Row(),
    "ChannelDropout": Row(colors=(3, 5), bad=({"channel_drop_range": (0, 1)},)),
    # ------------------------------------------------------------------ blur, noise, codec
    "Blur": Row(bad=({"blur_limit": -1},)),
    "GaussianBlur": Row(bad=({"sigma_limit": -1},)),
    "MedianBlur": Row(bad=({"blur_limit": -1},)),
    "MotionBlur": Row(bad=({"blur_limit": "x"},)),
    "Sharpen": Row(more=(given(method="gaussian"),), bad=({"method": "x"},)),
    "GaussNoise": Row(bad=({"std_range": (0, 2)},)),
    "ISONoise": Row(colors=RGB, bad=({"intensity": "x"},)),
    "MultiplicativeNoise": Row(
        more=(given(elementwise=True, per_channel=True),), bad=({"multiplier": "x"},)
    ),
    "SaltAndPepper": Row(bad=({"amount": (0, 2)},)),
    "AdditiveNoise": Row(bad=({"noise_type": "x"},)),
    "ImageCompression": Row(given(quality_range=(40, 60)), bad=({"quality_range": (0, 10)},)),
    "Downscale": Row(bad=({"scale_range": (0.5, 2)},)),
    # ------------------------------------------------------------------ conversions
    "Normalize": Row(colors=RGB, keeps_dtype=False, bad=({"normalization": "x"},)),
    "ToFloat": Row(keeps_dtype=False, bad=({"max_value": "x"},)),
    "FromFloat": Row(keeps_dtype=False, bad=({"dtype": "int3"},)),
    "ToTensorV2": Row(keeps_dtype=False, bad=({"transpose_mask": 3},)),
    "Lambda": Row(bad=({"image": 3},)),
}
