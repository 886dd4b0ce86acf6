"""What a person does with a model on one machine: run it, look into it, ask it, load it."""
