"""Where the policy comes from: a file that is mounted, or whoever has the token."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Final

from frazil_runtime.contract import Policy
from frazil_runtime.logs import log

LOOK_SECONDS: Final = 1.0  # between two looks at the file: the kubelet tells nobody of a change


class Policies:
    """The policy that holds: the one with the largest number so far."""

    def __init__(self, policy: Policy, *followers: Callable[[Policy], None]) -> None:
        self.policy = policy
        self._followers = list(followers)

    def add(self, follow: Callable[[Policy], None]) -> None:
        """Have one more follow the policy, from now on."""
        self._followers.append(follow)
        follow(self.policy)

    def offer(self, policy: Policy) -> bool:
        """Follow ``policy`` if its number is larger; whether it was."""
        if policy.number <= self.policy.number:
            return False
        self.policy = policy
        for follow in self._followers:
            follow(policy)
        log.info("policy %d: %s", policy.number, policy.to_json())
        return True


async def watch_file(path: Path, policies: Policies) -> None:
    """Offer the file's policy whenever the file has changed, for ever."""
    seen = said = ""
    while True:
        try:
            text = await asyncio.to_thread(path.read_text, encoding="utf-8")
            if text != seen:
                seen, said = text, ""
                policies.offer(Policy.from_json(text))
        except (OSError, ValueError) as error:
            if str(error) != said:
                said = str(error)
                log.warning("the policy in %s cannot be read: %s", path, error)
        await asyncio.sleep(LOOK_SECONDS)


def is_authorized(header: str, token_file: Path | None) -> bool:
    """Whether an Authorization header is the bearer token of the file; never without a file."""
    if token_file is None:
        return False
    try:
        token = token_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        log.warning("the token in %s cannot be read: %s", token_file, error)
        return False
    scheme, _, sent = header.partition(" ")
    same = hmac.compare_digest(sent.encode(), token.encode())  # of texts, it takes ASCII alone
    return scheme.lower() == "bearer" and bool(token) and same
