"""Measured accuracy: prediction ids for answers, labels for ids, and the counts of both."""
