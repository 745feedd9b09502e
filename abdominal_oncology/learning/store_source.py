"""Batches from a store: gathered from the memory map, moved and augmented as a whole, never item by item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from abdominal_oncology.learning import samplers
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.samples import SampleStore
from abdominal_oncology.learning.trainer import Batch

Indices = NDArray[np.intp]
Augment = Callable[[Tensor, Indices, int], Tensor]
"""(batch, (n, 2) of sample and how often it was shown before in this epoch, epoch) → batch.

What is drawn depends on these numbers alone, so a sample that comes twice in an epoch comes in two guises.
"""


class StoreSource:
    """The samples ``picked`` of a store, in the order that the recipe's sampler gives.

    A batch of an order is (n, 2): which of the picked samples, and how often it came before in this epoch.
    ``soft`` gives label rows instead of class indices. The next batch is made while the network works on this one.
    """

    def __init__(
        self,
        store: SampleStore,
        picked: Indices,
        recipe: Recipe,
        *,
        soft: bool = False,
        device: torch.device | None = None,
        augment: Augment | None = None,
    ) -> None:
        self.store, self.picked, self.recipe, self.soft = store, picked, recipe, soft
        self.device, self.augment = device or torch.device("cpu"), augment
        self._labels = store.labels[picked]
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="next-batch")
        self._pending: tuple[tuple[bytes, int], Future[Batch]] | None = None
        self._orders: tuple[int, Sequence[Indices], dict[bytes, int]] | None = None

    def order(self, epoch: int) -> Sequence[Indices]:
        """As whole batches: what is left over at the end of an epoch comes up in another, shuffled anew."""
        return self._order_and_places(epoch)[0]

    def _order_and_places(self, epoch: int) -> tuple[Sequence[Indices], dict[bytes, int]]:
        """The batches, and where each stands: no two are alike, as no sample comes twice for the first time."""
        if self._orders is None or self._orders[0] != epoch:
            batches = self._draw_order(epoch)
            shown = samplers.shown_before(np.concatenate(batches))
            parts = np.split(shown, np.cumsum([len(batch) for batch in batches])[:-1])
            order = [np.stack(pair, axis=1) for pair in zip(batches, parts, strict=True)]
            self._orders = (epoch, order, {batch.tobytes(): place for place, batch in enumerate(order)})
        return self._orders[1:]

    def _draw_order(self, epoch: int) -> Sequence[Indices]:
        seed, batch = self.recipe.train.seed, self.recipe.batch
        if self.recipe.sampler == "balanced":
            return samplers.balanced_batches(self._labels, batch, epoch, seed)
        if self.recipe.sampler == "p-by-k":
            classes = min(max(2, batch // self.recipe.per_class), len(np.unique(self._labels)))
            return samplers.p_by_k_batches(self._labels, classes, self.recipe.per_class, epoch, seed)
        if self.recipe.sampler == "oversampled":
            flat = samplers.oversampled(self._labels, epoch, seed)
        else:
            flat = samplers.shuffled(len(self.picked), epoch, seed)
        whole = max(1, len(flat) // batch)
        return [flat[n * batch : (n + 1) * batch] for n in range(whole)]

    def load(self, indices: Indices, epoch: int) -> Batch:
        key = (indices.tobytes(), epoch)
        pending, self._pending = self._pending, None
        batch = pending[1].result() if pending and pending[0] == key else self._make(indices, epoch)
        following = self._following(indices, epoch)
        if following is not None:
            self._pending = ((following.tobytes(), epoch), self._ahead.submit(self._make, following, epoch))
        return batch

    def _following(self, indices: Indices, epoch: int) -> Indices | None:
        """The batch after this one in the same epoch; None at its end, or where ranks share batches."""
        order, places = self._order_and_places(epoch)
        place = places.get(indices.tobytes())
        return None if place is None or place + 1 == len(order) else order[place + 1]

    def _make(self, indices: Indices, epoch: int) -> Batch:
        samples = self.picked[indices[:, 0]]
        inputs = as_float(torch.from_numpy(self.store.inputs[samples]).to(self.device))
        if self.augment is not None:
            inputs = self.augment(inputs, np.stack((samples, indices[:, 1]), axis=1), epoch)
        wanted = torch.channels_last if inputs.ndim == 4 else torch.channels_last_3d
        inputs = inputs.contiguous(memory_format=wanted)
        target = self.store.rows[samples] if self.soft else self.store.labels[samples]
        return Batch(inputs, torch.from_numpy(target).to(self.device))


def as_float(inputs: Tensor) -> Tensor:
    """float32, with uint8 meaning 0 … 1 in steps of 1/255."""
    return inputs.float().div_(255) if inputs.dtype == torch.uint8 else inputs.float()
