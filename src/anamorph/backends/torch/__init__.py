"""Batches of tensors on any device: the same ops, every sample with its own."""

from anamorph.backends.torch.base import Job, Spec, TorchBackend
from anamorph.backends.torch.render import render_ops
from anamorph.backends.torch.table import BACKEND

__all__ = ["BACKEND", "Job", "Spec", "TorchBackend", "render_ops"]
