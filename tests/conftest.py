from __future__ import annotations

from hypothesis import settings

# A machine that is busy with something else is no failure. Each run tries the same examples: what
# fails here fails there. `make fuzz` looks for others.
settings.register_profile("frazil", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("fuzz", deadline=None, print_blob=True, max_examples=2_000)
settings.load_profile("frazil")
