"""One model's accuracy in this process: ids for its answers, labels for ids, counts of both."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from frazil_runtime.accuracy import feedback, tokens
from frazil_runtime.accuracy.once import Once
from frazil_runtime.accuracy.predicted import UnfitError, predicted
from frazil_runtime.accuracy.scoring import LabelError, score
from frazil_runtime.accuracy.tokens import ForgedError, MalformedError, Sealed
from frazil_runtime.accuracy.verdicts import Outcome, RefusedError, Verdict
from frazil_runtime.accuracy.window import Window
from frazil_runtime.contract import Policy
from frazil_runtime.contract.accuracy import AccuracyRules, Counts, Tally
from frazil_runtime.logs import log
from frazil_runtime.manifest import Signature
from frazil_runtime.policies import is_authorized
from frazil_runtime.repeats import Repeats
from frazil_runtime.requests import Array, Stamp

AHEAD_SECONDS: Final = 300  # that another pod's clock may be before this one's
REPEAT_SECONDS: Final = 60.0  # in which one input is scored once

_FAILED: Final = Stamp("", "internal error: see the log")
_NO_KEY: Final = Stamp("", "this server has no key to sign prediction ids with")


class Ledger:
    """Of one model and what this process serves of it, ``revision``.

    ``secret`` is asked for the key when a policy first wants ids. Feedback is taken from who has
    the secret in ``token_file``, without one from anybody. ``clock`` is the wall's, which all pods
    share more or less; ``steady`` never goes back.
    """

    def __init__(
        self,
        model: str,
        revision: str,
        secret: Callable[[], bytes | None],
        token_file: Path | None = None,
        *,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model, self.revision = model, revision
        self.outcomes: Counter[Outcome] = Counter()
        self.window = Window()
        self._secret, self._token_file = secret, token_file
        self._clock, self._steady = clock, steady
        self._started = clock()
        self._key: bytes | None = None
        self._epoch = 0
        self._replays, self._inputs = Once(), Once()
        self._repeats = Repeats()
        self._apply(AccuracyRules())

    @property
    def enabled(self) -> bool:
        """Whether answers are to have ids."""
        return self.rules.enabled

    def follow(self, policy: Policy) -> None:
        """Measure by this policy; what was counted by other rules is dropped."""
        self._epoch = policy.epoch
        if policy.accuracy != self.rules:
            self._apply(policy.accuracy)
        if self.enabled and self._key is None and (secret := self._secret()) is not None:
            self._key = tokens.key_for(secret, self.model)

    def stamp(self, signature: Signature, outputs: Sequence[Array], inputs: bytes) -> Stamp:
        """An id like no other for one answer, or why there is none. No answer fails for it.

        ``outputs`` are all of the signature's, in its order; ``inputs`` is a hash of what was
        asked.
        """
        if self._key is None:
            return _NO_KEY
        try:
            return self._stamp(self._key, signature, outputs, inputs)
        except UnfitError as error:
            return Stamp("", str(error))
        except Exception:
            if self._repeats.count("stamp", self._steady()) is not None:
                log.exception("a prediction id could not be made")
            return _FAILED

    def _stamp(
        self, key: bytes, signature: Signature, outputs: Sequence[Array], inputs: bytes
    ) -> Stamp:
        found = predicted(self.rules, outputs[self._place(signature)])
        now, nonce = self._clock(), os.urandom(tokens.NONCE_BYTES)
        sealed = Sealed(self._digest, nonce, int(now), inputs, self.revision, found)
        stamp = Stamp(tokens.seal(key, sealed).decode())
        self.window.predicted(self.revision, found.rows, now)
        return stamp

    def check_sender(self, authorization: str) -> None:
        """RefusedError where an Authorization header is not that of who may send feedback."""
        if self._token_file is not None and not is_authorized(authorization, self._token_file):
            text = "feedback is taken from who has the secret: Authorization: Bearer SECRET"
            raise self._counted(RefusedError(Outcome.UNAUTHORIZED, text))

    def take(self, body: bytes | bytearray) -> Verdict:
        """Score feedback, from who may send it; RefusedError says what is wrong with it."""
        try:
            return self._take(body)
        except RefusedError as error:
            raise self._counted(error) from None

    def tally(self) -> Tally:
        """What was counted in the last hour."""
        now = self._clock()
        return Tally(
            model=self.model,
            revision=self.revision,
            metric=self.rules.metric,
            rules=self.rules.digest,
            epoch=self._epoch,
            enabled=self.enabled,
            keyed=self._key is not None,
            guarded=self._token_file is not None,
            now=now,
            started=self._started,
            buckets=self.window.buckets(now),
        )

    def last_hour(self) -> dict[str, float | None]:
        """The metric, by revision; None where it is not known."""
        buckets = self.window.buckets(self._clock())
        return {
            revision: Counts.sum(each.counts for each in found).value(self.rules.metric)
            for revision, found in buckets.items()
        }

    def _apply(self, rules: AccuracyRules) -> None:
        self.rules = rules
        digest = bytes.fromhex(rules.digest)
        if digest != getattr(self, "_digest", None):
            self._digest = digest
            self.window.clear()

    def _place(self, signature: Signature) -> int:
        names, scored = signature.output_names, self.rules.output
        if not scored:
            if len(names) == 1:
                return 0
            raise UnfitError("the signature has several outputs, and none is named to be scored")
        if scored not in names:
            raise UnfitError("the signature has not the output that is scored")
        return names.index(scored)

    def _take(self, body: bytes | bytearray) -> Verdict:
        if not self.enabled or self._key is None:
            text = "accuracy is not measured here, and no prediction ids are given out"
            raise RefusedError(Outcome.DISABLED, text)
        sent = feedback.read(body)
        sealed = self._unsealed(self._key, sent.prediction_id)
        if sealed.rules != self._digest:
            self.outcomes[Outcome.OUTDATED] += 1
            return Verdict(0, "what is measured has changed since this prediction was made")
        try:
            counts = score(self.rules.metric, sealed.predicted, sent.labels, sent.rows)
        except LabelError as error:
            raise RefusedError(Outcome.MISLABELLED, str(error)) from None
        return self._count(sealed, counts)

    def _unsealed(self, key: bytes, text: str) -> Sealed:
        try:
            sealed = tokens.unseal(key, text)
        except MalformedError:
            what = '"prediction_id" is none: send it as it came with the prediction'
            raise RefusedError(Outcome.MALFORMED, what) from None
        except ForgedError:
            what = "the prediction id was not given out by this model's servers"
            raise RefusedError(Outcome.FORGED, what) from None
        age, most = self._clock() - sealed.time, self.rules.max_label_age_seconds
        if age > most:
            what = f"the prediction is older than {most} s: labels come too late for it"
            raise RefusedError(Outcome.EXPIRED, what)
        if age < -AHEAD_SECONDS:
            what = (
                f"the prediction was made in {-age:.0f} s from now, by this server's clock: the "
                "clocks of the model's nodes differ"
            )
            raise RefusedError(Outcome.FUTURE, what)
        return sealed

    def _count(self, sealed: Sealed, counts: Counts) -> Verdict:
        now = self._steady()
        # Longer than any id is good for, even one from a clock that is ahead of this one.
        remembered = self.rules.max_label_age_seconds + AHEAD_SECONDS + 1
        if self._replays.happened(sealed.nonce, now, remembered):
            what = "the prediction id was already used: each prediction takes feedback once"
            raise RefusedError(Outcome.REPLAYED, what)
        self._replays.add(sealed.nonce, now)
        asked = sealed.input + sealed.revision.encode()
        if self._inputs.happened(asked, now, REPEAT_SECONDS):
            self.outcomes[Outcome.REPEATED] += 1
            return Verdict(0, "another answer to the same inputs was scored less than a minute ago")
        self._inputs.add(asked, now)
        self.window.scored(sealed.revision, counts, self._clock())
        self.outcomes[Outcome.SCORED] += 1
        return Verdict(counts.labels)

    def _counted(self, error: RefusedError) -> RefusedError:
        self.outcomes[error.outcome] += 1
        return error
