"""Checkpoint → artifact: fetch, load, freeze, optimise, prove, publish."""
