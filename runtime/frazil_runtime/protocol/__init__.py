"""Pure codecs: bytes to tensors and back."""
