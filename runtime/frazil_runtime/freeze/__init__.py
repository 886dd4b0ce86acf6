"""Checkpoint → artifact: fetch, load, freeze, optimise, prove, publish."""

import os

# TensorFlow reads these when it is imported, which only modules below this package do. The proof
# is made on the CPU, where the artifact is served.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
