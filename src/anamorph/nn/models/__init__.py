"""Models: TernausNet and its kin, any encoder with any decoder, classifiers, detectors, weights.

The networks that are written here need torch alone; the rest is built by timm,
segmentation_models_pytorch and torchvision, which are loaded with the first such model.
"""

from anamorph.nn.models.classify import Classifier, classifier
from anamorph.nn.models.detect import detector
from anamorph.nn.models.encoders import VGG, ResNet34
from anamorph.nn.models.fitting import Fit, load_weights
from anamorph.nn.models.inputs import AnySize, adapt_input
from anamorph.nn.models.known import KNOWN, Known
from anamorph.nn.models.plain import PlainUNet
from anamorph.nn.models.pooling import POOLINGS, GeM
from anamorph.nn.models.registry import build, encoder_of, names, takes_encoder
from anamorph.nn.models.ternaus import AlbuNet34, LinkNet34, UNet11, UNet16
from anamorph.nn.models.weights import read_weights

__all__ = [
    "KNOWN",
    "POOLINGS",
    "VGG",
    "AlbuNet34",
    "AnySize",
    "Classifier",
    "Fit",
    "GeM",
    "Known",
    "LinkNet34",
    "PlainUNet",
    "ResNet34",
    "UNet11",
    "UNet16",
    "adapt_input",
    "build",
    "classifier",
    "detector",
    "encoder_of",
    "load_weights",
    "names",
    "read_weights",
    "takes_encoder",
]
