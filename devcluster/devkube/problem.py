"""What the user is told when something is wrong: what, where, and what to do next."""


class Problem(Exception):  # noqa: N818 - it is shown as it is, not as a traceback
    """A failure that the user can act upon; its text says how."""
