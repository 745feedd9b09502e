"""From slices to a scan: majority vote, and when enough slices have voted.

Three ways to end a vote over slices that come in random order:

* all planned slices are read;
* the leader can no longer be caught by the votes still to come: the same answer, always;
* a sequential test: every rival class would have needed a chance below the stated error rate to be that far behind,
  were it to win after all. The answer differs from that of the full vote in at most that share of scans.

**The test.** Let a lead and b be a rival, ``x_a`` and ``x_b`` their votes so far. If b were to win the full vote, a
and b would have some final counts N_a ≤ N_b, and the order of their votes would be that of an urn drawn without
replacement: probability ``L(N_a, N_b)``. The evidence against b is

    E = (mean over q in ½…1 of q^x_a (1 − q)^x_b) / (largest L over all N_a ≤ N_b that still fit).

The numerator over L at the true counts is a ratio of two distributions of one sequence, hence a martingale that starts
at 1, and E is never above it. By Ville's inequality E reaches K' / α at *any* time with probability at most α / K',
where K' = K − 1 is the number of classes that could lead falsely. So looking after each slice costs nothing, no
distribution of votes is assumed – only that the order of reading is random – and a rate of 1 % holds for the most
awkward scan, not only on average. Where all votes are alike, ten or eleven slices do for four classes at 1 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abdominal_oncology.errors import InvalidInputError

Ending = Literal["all read", "beyond reach", "sequential test", "stopped from outside"]

_LEADS = (np.arange(64) + 0.5) / 64  # 2q − 1, evenly from a tie to unanimity
_LOG_WIN, _LOG_LOSE = np.log((1 + _LEADS) / 2), np.log((1 - _LEADS) / 2)


@dataclass(frozen=True)
class Vote:
    """``votes`` and ``mean_probability`` (K,) are of the slices read; ``tied`` are the classes that a tie was between.

    ``error_rate`` is that of the sequential test where it ended the vote, and 0 elsewhere.
    """

    winner: int
    votes: NDArray[np.intp]
    mean_probability: NDArray[np.float64]
    planned: int
    tied: tuple[int, ...]
    ending: Ending
    error_rate: float

    @property
    def read(self) -> int:
        return int(self.votes.sum())

    @property
    def share(self) -> float:
        """Of the slices read, those that voted for the winner."""
        return float(self.votes[self.winner] / self.read)

    def reason(self) -> str:
        """A sentence for the Finding.

        >>> majority([[0.6, 0.4], [0.1, 0.9]]).reason()
        '1 of 2 slices; the tie was decided by the larger mean probability'
        """
        text = f"{self.votes[self.winner]} of {self.read} slices"
        if self.tied:
            text += "; the tie was decided by the larger mean probability"
        if self.ending == "beyond reach":
            text += f"; stopped early: the other {self.planned - self.read} could not have changed the answer"
        elif self.ending == "sequential test":
            text += (
                f"; stopped early: the full vote of {self.planned} differs in at most {self.error_rate:.3g} of scans"
            )
        elif self.ending == "stopped from outside":
            text += f" of {self.planned} planned"
        return text


class Poll:
    """Counts votes as slices come, in any batches, and says when it is decided.

    ``planned`` slices would make the full vote. Without ``error_rate`` it ends early only with the same answer.
    """

    def __init__(self, planned: int, classes: int, error_rate: float | None = None) -> None:
        if planned < 1 or classes < 2:
            raise InvalidInputError(f"a vote needs slices and at least two classes, not {planned} and {classes}")
        if error_rate is not None and not 0 < error_rate < 1:
            raise InvalidInputError(f"an error rate lies between 0 and 1, not {error_rate}")
        self.planned, self.error_rate = planned, error_rate
        self._votes = np.zeros(classes, dtype=np.intp)
        self._sums = np.zeros(classes)

    def add(self, probabilities: ArrayLike) -> None:
        """Rows of probabilities (n, K) of slices just read; each votes for its largest."""
        rows = np.atleast_2d(np.asarray(probabilities, dtype=np.float64))
        if rows.shape[1] != len(self._votes) or not np.isfinite(rows).all():
            raise InvalidInputError(f"a slice votes with {len(self._votes)} finite probabilities, not {rows.shape}")
        if self.read + len(rows) > self.planned:
            raise InvalidInputError(f"{self.read + len(rows)} slices voted where {self.planned} were planned")
        self._votes += np.bincount(rows.argmax(axis=1), minlength=len(self._votes))
        self._sums += rows.sum(axis=0)

    @property
    def read(self) -> int:
        return int(self._votes.sum())

    def ending(self) -> Ending | None:
        """Why no more slices are needed, or None while they are."""
        return self._ending_with(self._votes)

    def could_end(self, more: int) -> bool:
        """Whether ``more`` votes can be enough: they are if all go to the leader.

        >>> poll = Poll(planned=10, classes=2)
        >>> poll.could_end(5), poll.could_end(6)
        (False, True)
        """
        votes = self._votes.copy()
        votes[votes.argmax()] += more
        return self._ending_with(votes) is not None

    def _ending_with(self, votes: NDArray[np.intp]) -> Ending | None:
        left = self.planned - int(votes.sum())
        if left <= 0:
            return "all read"
        if beyond_reach(votes, left):
            return "beyond reach"
        if self.error_rate is not None and surely_ahead(votes, self.planned, self.error_rate):
            return "sequential test"
        return None

    def result(self) -> Vote:
        """The vote of the slices read so far, decided or not."""
        if not self.read:
            raise InvalidInputError("no slice has voted yet")
        tied = np.flatnonzero(self._votes == self._votes.max())
        ending = self.ending() or "stopped from outside"
        return Vote(
            winner=int(tied[self._sums[tied].argmax()]),
            votes=self._votes.copy(),
            mean_probability=self._sums / self.read,
            planned=self.planned,
            tied=tuple(int(k) for k in tied) if len(tied) > 1 else (),
            ending=ending,
            error_rate=(self.error_rate or 0.0) if ending == "sequential test" else 0.0,
        )


def majority(probabilities: ArrayLike) -> Vote:
    """The vote of all slices (n, K); a tie goes to the larger mean probability.

    >>> majority([[0.1, 0.9, 0.0], [0.6, 0.4, 0.0], [0.2, 0.8, 0.0]]).winner
    1
    """
    rows = np.atleast_2d(np.asarray(probabilities, dtype=np.float64))
    poll = Poll(len(rows), rows.shape[1])
    poll.add(rows)
    return poll.result()


def beyond_reach(votes: ArrayLike, left: int) -> bool:
    """Whether the leader is ahead by more than the votes still to come; a possible tie is within reach.

    >>> beyond_reach([7, 3, 0], left=4), beyond_reach([7, 3, 0], left=3)
    (False, True)
    """
    second, first = np.sort(np.asarray(votes))[-2:]
    return bool(first - second > left)


def surely_ahead(votes: ArrayLike, planned: int, error_rate: float) -> bool:
    """The sequential test of this module's text; may be asked after each vote.

    >>> surely_ahead([10, 0, 0, 0], 300, 0.01), surely_ahead([11, 0, 0, 0], 300, 0.01)
    (False, True)
    """
    counts = np.sort(np.asarray(votes))[::-1]
    lead, read, rivals = int(counts[0]), int(counts.sum()), len(counts) - 1
    # the nearest rival is the hardest to rule out: with fewer votes, the same lead is stronger evidence
    return bool(_log_evidence(lead, int(counts[1]), planned - read) >= np.log(rivals / error_rate))


def _log_evidence(ahead: int, behind: int, left: int) -> float:
    """log E of the module's text. ``left`` votes are still to come, and any of them may go to the one behind."""
    deficit = ahead - behind
    if deficit > left:
        return float("inf")  # N_a ≤ N_b cannot be any more
    mixed = ahead * _LOG_WIN + behind * _LOG_LOSE
    log_numerator = mixed.max() + np.log(np.exp(mixed - mixed.max()).mean())
    # for a given sum N_a + N_b the likelihood peaks where a has most: the two even, or b one more
    total = np.arange(2 * ahead, ahead + behind + left + 1)
    final_ahead = total // 2
    log_likelihood = (
        _log_falling(final_ahead, ahead)
        + _log_falling(total - final_ahead, behind)
        - _log_falling(total, ahead + behind)
    )
    return float(log_numerator - log_likelihood.max())


def _log_falling(start: NDArray[np.intp], terms: int) -> NDArray[np.float64]:
    """log of n (n − 1) … (n − terms + 1)."""
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, int(start.max()) + 1)))])
    return np.asarray(log_factorial[start] - log_factorial[start - terms])
