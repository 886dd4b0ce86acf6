"""TensorFlow's stable C API (tensorflow/c/c_api.h), without TensorFlow's Python package."""
