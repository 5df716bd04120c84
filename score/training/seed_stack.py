"""The weights of several seeds as one stack of tensors, and a training epoch of all of them (torch.func)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import reduce

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.utils._pytree import tree_map

from extract.runtime.memory_limits import naming_memory
from score.bags.bags import Bags
from score.bags.cache import BagCache
from score.bags.sampler import stream_seed
from score.heads.base import Head
from score.training.loop import LESS_MEMORY, add_terms, close_epoch
from score.training.optimizers import make_optimizer
from score.training.precision import forward_in
from score.training.state import EpochRecord, Training


class SeedStack:
    """The weights and the optimizer of K seeds at the same epoch, as tensors [K, ...].

    at_once: seeds per gradient computation; None = all on a GPU, one on a CPU.
    """

    def __init__(self, trainings: Sequence[Training], *, at_once: int | None = None):
        self.trainings, first = trainings, trainings[0]
        self.config, self.profile = first.config, first.profile
        (self.player,) = first.head.players
        weights, _ = stack_module_state([training.head for training in trainings])
        self.weights = {f"head.{name}": rows for name, rows in weights.items()}
        self.optimizer = make_optimizer(self.config.train.optimizer, self.weights.values(), self.player)
        network = _Losses(first.head, self.config.train.precision)

        def losses(weights, features, mask, event_class, video, label) -> dict[str, Tensor]:
            bags = Bags(features=features, mask=mask, label=label, event_class=event_class, video=video)
            return functional_call(network, weights, (bags,))

        # One seed keeps a CPU busy, and its caches do not hold the batches of all.
        self.at_once = at_once or (1 if first.device.type == "cpu" else len(trainings))
        batched = vmap(losses, in_dims=(0, 0, 0, 0, 0, None), randomness="different")
        self._losses = batched if self.at_once > 1 else _unbatched(losses)
        self._gather_state()

    def train_epoch(self) -> list[EpochRecord]:
        """As score.training.loop.train_epoch, for every seed."""
        with naming_memory(self._words, f"train with --apart, or {LESS_MEMORY}"):
            return self._train_epoch()

    def _words(self) -> str:
        return f"{len(self.trainings)} seeds together; {self.trainings[0].batch_words()}"

    def _train_epoch(self) -> list[EpochRecord]:
        started = time.perf_counter()
        for training in self.trainings:
            training.begin_epoch()
        settings, span = self.config.train, self.profile.span
        seeds, epoch = [training.seed for training in self.trainings], self.trainings[0].epoch
        torch.manual_seed(stream_seed(*seeds, epoch, 2))
        draws = [torch.Generator().manual_seed(stream_seed(seed, epoch, 2)) for seed in seeds]
        drawn = torch.stack([each.sampler.epoch(each.epoch) for each in self.trainings], dim=1)
        totals: dict[str, Tensor] = {}
        for step, batches in enumerate(drawn.split(settings.accumulate)):  # batches: int64 [n, K, B]
            self._set_lr(step)
            seen: dict[str, Tensor] = {}
            for rows in self.weights.values():
                rows.grad = torch.zeros_like(rows)
            for videos in batches:
                parts = [
                    self._add_gradients(slice(begin, begin + self.at_once), videos, draws, len(batches))
                    for begin in range(0, len(seeds), self.at_once)
                ]
                add_terms(seen, {name: torch.cat([part[name] for part in parts]) for name in parts[0]})
            with span("step"):
                if (clip_norm := settings.optimizer.clip_norm) is not None:
                    clip_each([_gradient(rows) for rows in self.weights.values()], clip_norm)
                self.optimizer.step()
            add_terms(totals, seen)
        self._scatter_state()
        losses = {name: values.tolist() for name, values in totals.items()}  # waits for the device
        share = (time.perf_counter() - started) / len(seeds)
        return [
            close_epoch(
                training,
                {name: values[place] for name, values in losses.items()},
                started=time.perf_counter() - share,
            )
            for place, training in enumerate(self.trainings)
        ]

    def _add_gradients(
        self, seeds: slice, videos: Tensor, draws: Sequence[torch.Generator], batches: int
    ) -> dict[str, Tensor]:
        """Add the gradients of some seeds on one of several batches. Returns the terms of their losses."""
        with self.profile.span("batch"):
            arguments = self._arguments(videos[seeds], draws[seeds])
        with self.profile.span("forward"):
            weights = {name: rows[seeds].detach().requires_grad_() for name, rows in self.weights.items()}
            terms = self._losses(weights, *arguments)
            terms["total"] = reduce(torch.add, terms.values())
        with self.profile.span("backward"):
            share = 1 / batches
            gradients = torch.autograd.grad((terms["total"] * share).sum(), list(weights.values()))
            for stacked, gradient in zip(self.weights.values(), gradients, strict=True):
                _gradient(stacked)[seeds] += gradient
        return {name: term.detach() for name, term in terms.items()}

    def _arguments(self, videos: Tensor, draws: Sequence[torch.Generator]) -> tuple:
        """The batches of all seeds from videos [K, B]: features [K, B x C, T, D] ...; one label for all."""
        first, count = self.trainings[0], len(videos)
        cache = first.data.train
        assert isinstance(cache, BagCache)  # heads on clips are not batched
        bags = cache.bags(
            videos.flatten(),
            window=first.window,
            crops=self.config.data.crops,
            background_swap=first.background_swap,
            feature_dropout=self.config.data.feature_dropout,
            generator=draws,
        ).to(first.device)
        assert bags.video is not None

        def by_seed(rows: Tensor) -> Tensor:
            return rows.unflatten(0, (count, -1))

        features = {modality: by_seed(rows) for modality, rows in bags.features.items()}
        # The sampler puts the same number of anomalous videos first in every batch, whatever the seed.
        label = by_seed(bags.label)[0]
        return features, by_seed(bags.mask), by_seed(bags.event_class), by_seed(bags.video), label

    def _set_lr(self, step: int) -> None:
        for training in self.trainings:
            training.set_lr(step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.trainings[0].lr

    def _gather_state(self) -> None:
        """Stack the state of the seeds' own optimizers, which may have been resumed."""
        for rows, parameters in zip(self.weights.values(), self._parameters(), strict=True):
            states = [
                training.optimizers[self.player].state[each]
                for training, each in zip(self.trainings, parameters, strict=True)
            ]
            for name, value in states[0].items():
                own = isinstance(value, Tensor) and value.shape == parameters[0].shape
                state = torch.stack([each[name] for each in states]) if own else value
                self.optimizer.state[rows][name] = state.clone() if isinstance(state, Tensor) else state

    @torch.no_grad()
    def _scatter_state(self) -> None:
        """Give each seed its weights and the state of its optimizer, as if it were trained alone."""
        for rows, parameters in zip(self.weights.values(), self._parameters(), strict=True):
            for place, (training, parameter) in enumerate(zip(self.trainings, parameters, strict=True)):
                parameter.copy_(rows[place])
                for name, value in self.optimizer.state[rows].items():
                    if isinstance(value, Tensor):
                        value = (value[place] if value.shape == rows.shape else value).clone()
                    training.optimizers[self.player].state[parameter][name] = value

    def _parameters(self) -> list[tuple[nn.Parameter, ...]]:
        """For each stacked tensor the K parameters that it holds."""
        return list(zip(*(training.head.parameters() for training in self.trainings), strict=True))


class _Losses(nn.Module):
    """A head whose forward pass ends in the terms of its loss, which may depend on its weights too."""

    def __init__(self, head: Head, precision: str):
        super().__init__()
        self.head, self.precision = head, precision

    def forward(self, bags: Bags) -> dict[str, Tensor]:
        return self.head.losses(forward_in(self.precision, self.head, bags), bags)


def _unbatched(function: Callable[..., dict[str, Tensor]]) -> Callable[..., dict[str, Tensor]]:
    """vmap for a batch of one, which torch multiplies more slowly than plain matrices."""

    def call(*arguments) -> dict[str, Tensor]:
        *batched, label = arguments
        single = tree_map(lambda rows: rows[0], batched)
        return {name: value[None] for name, value in function(*single, label).items()}

    return call


@torch.no_grad()
def clip_each(gradients: Sequence[Tensor], norm: float) -> None:
    """Clip the gradients [K, ...] of each of K networks to a norm, as clip_grad_norm_ does for one."""
    each = torch.stack([rows.flatten(1).norm(dim=1) for rows in gradients]).norm(dim=0)  # [K]
    factor = (norm / (each + 1e-6)).clamp(max=1.0)
    for rows in gradients:
        rows.mul_(factor.reshape(-1, *[1] * (rows.dim() - 1)))


def _gradient(rows: Tensor) -> Tensor:
    assert rows.grad is not None
    return rows.grad
