"""Several seeds of one head trained together: their weights stacked, one batched step for all (torch.func).

Each seed keeps its own first weights, batches, learning and selection, as if it were trained alone; only what
dropout draws follows from all seeds that are trained together. One light head keeps a GPU busy for a fraction
of its step, so that seeds beside it cost little. A CPU gains nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.utils._pytree import tree_map

from extract.runtime.profile import OFF, Profile
from score.bags.bags import Bags
from score.bags.sampler import stream_seed
from score.config.run import RunConfig
from score.heads.base import Head
from score.runs.checkpoint import Checkpoint
from score.training.data import TrainingData
from score.training.loop import begin, finish, finished, keep_epoch, own_random
from score.training.optimizers import make_optimizer
from score.training.state import EpochRecord, Training
from score.training.step import scored

# Heads of one player and without buffers. In the others shapes depend on values, which vmap refuses.
HEADS_TOGETHER = ("mil",)


def batching_blocker(config: RunConfig) -> str:
    """Why seeds of these settings are trained one after the other, one line; empty where they need not be."""
    if config.name not in HEADS_TOGETHER:
        return f"seeds of {config.name} cannot be trained together, only those of {', '.join(HEADS_TOGETHER)}"
    if config.train.anomalous_share is None:
        return "seeds cannot be trained together with train.anomalous_share=null: labels would differ"
    if config.train.average:
        return "seeds cannot be trained together with train.average"
    return ""


def train_seeds(
    config: RunConfig,
    data: TrainingData,
    *,
    folders: Mapping[int, Path],
    device: torch.device | str = "cpu",
    on_epoch: Callable[[int, EpochRecord], None] = lambda seed, record: None,
    profile: Profile = OFF,
    at_once: int | None = None,
) -> dict[int, Checkpoint]:
    """Train seeds together, each into its folder, as train_seed does with one; seed -> checkpoint.

    on_epoch is told the seed and its epoch. at_once: see Stack. Seeds that stopped after different epochs go
    on in groups of one epoch. Raises ValueError where batching_blocker says something, CheckpointError and
    TrainingDiverged as train_seed.
    """
    if reason := batching_blocker(config):
        raise ValueError(reason)
    device = torch.device(device)
    checkpoints = {seed: finished(config, data, folder) for seed, folder in folders.items()}
    with own_random(device):
        groups: dict[int, list[Training]] = {}
        for seed in [seed for seed, checkpoint in checkpoints.items() if checkpoint is None]:
            training = begin(config, data, folder=folders[seed], seed=seed, device=device, profile=profile)
            groups.setdefault(training.epoch, []).append(training)
        for going in groups.values():
            while going:
                stack = Stack(going, at_once=at_once)
                while not any(training.done for training in going):
                    for training, record in zip(going, stack.run_epoch(), strict=True):
                        keep_epoch(training, record, folders[training.seed])
                        on_epoch(training.seed, record)
                for training in (training for training in going if training.done):
                    checkpoints[training.seed] = finish(training, folders[training.seed])
                going = [training for training in going if not training.done]  # patience differs
    return checkpoints


class _Losses(nn.Module):
    """A head whose forward pass ends in the terms of its losses, which may use its weights too."""

    def __init__(self, head: Head, precision: str):
        super().__init__()
        self.head, self.precision = head, precision

    def forward(self, bags: Bags) -> dict[str, Tensor]:
        return self.head.losses(scored(self.head, bags, precision=self.precision), bags)


def _unbatched(function: Callable[..., dict[str, Tensor]]) -> Callable[..., dict[str, Tensor]]:
    """vmap for one: torch multiplies plain matrices faster than a batch of one."""

    def call(*arguments) -> dict[str, Tensor]:
        *batched, label = arguments
        single = tree_map(lambda rows: rows[0], batched)
        return {name: value[None] for name, value in function(*single, label).items()}

    return call


class Stack:
    """The weights and the optimizer of K seeds at the same epoch, as tensors [K, ...].

    at_once: seeds whose gradients are computed in one go; None = all on a GPU, one on a CPU.
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

        # One seed is work enough for a CPU, and its caches do not hold the batches of all.
        self.at_once = at_once or (1 if first.device.type == "cpu" else len(trainings))
        batched = vmap(losses, in_dims=(0, 0, 0, 0, 0, None), randomness="different")
        self._losses = batched if self.at_once > 1 else _unbatched(losses)
        self._gather_state()

    def run_epoch(self) -> list[EpochRecord]:
        """Train on every batch of the next epoch of each seed, then judge and select one after the other."""
        began = time.perf_counter()
        for training in self.trainings:
            training.begin_epoch()
        first, seeds = self.trainings[0], [training.seed for training in self.trainings]
        torch.manual_seed(stream_seed(*seeds, first.epoch, 2))
        draws = [torch.Generator().manual_seed(stream_seed(seed, first.epoch, 2)) for seed in seeds]
        drawn = [each.sampler.epoch(each.epoch) for each in self.trainings]
        batches = torch.stack(drawn, dim=1)  # [steps, K, B]
        totals: dict[str, Tensor] = {}
        for number, group in enumerate(batches.split(self.config.train.accumulate)):
            self._set_lr(first.first_step + number)
            for name, value in self._take_step(group, draws).items():
                totals[name] = totals.get(name, 0.0) + value
        self._scatter_state()
        told = {name: value.tolist() for name, value in totals.items()}  # waits for the device
        share = (time.perf_counter() - began) / len(seeds)
        return [
            training.end_epoch(
                {name: values[place] for name, values in told.items()}, began=time.perf_counter() - share
            )
            for place, training in enumerate(self.trainings)
        ]

    def _take_step(self, batches: Tensor, draws: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """As score.training.step.take_step: batches int64 [n, K, B] -> each term summed over the batches, [K]."""
        seen: dict[str, Tensor] = {}
        for rows in self.weights.values():
            rows.grad = torch.zeros_like(rows)
        for videos in batches:
            parts = [
                self._add_gradients(slice(begin, begin + self.at_once), videos, draws, share=1 / len(batches))
                for begin in range(0, len(draws), self.at_once)
            ]
            for name in parts[0]:
                seen[name] = seen.get(name, 0.0) + torch.cat([part[name] for part in parts])
        with self.profile.span("step"):
            if (norm := self.config.train.optimizer.clip_norm) is not None:
                clip_each([rows.grad for rows in self.weights.values()], norm)
            self.optimizer.step()
        return seen

    def _add_gradients(
        self, seeds: slice, videos: Tensor, draws: Sequence[torch.Generator], *, share: float
    ) -> dict[str, Tensor]:
        """Of some seeds, times the share; each term of their losses."""
        with self.profile.span("batch"):
            arguments = self._arguments(videos[seeds], draws[seeds])
        with self.profile.span("forward"):
            weights = {name: rows[seeds].detach().requires_grad_() for name, rows in self.weights.items()}
            terms = self._losses(weights, *arguments)
            total = sum(terms.values())
        with self.profile.span("backward"):
            gradients = torch.autograd.grad((total * share).sum(), list(weights.values()))
            for stacked, gradient in zip(self.weights.values(), gradients, strict=True):
                stacked.grad[seeds] += gradient
        return {name: term.detach() for name, term in {**terms, "total": total}.items()}

    def _arguments(self, videos: Tensor, draws: Sequence[torch.Generator]) -> tuple:
        """The batches of all seeds from videos [K, B]: features [K, B x C, T, D] ...; one label for all."""
        first, count = self.trainings[0], len(videos)
        bags = first.data.train.bags(
            videos.flatten(),
            window=first.window,
            crops=self.config.data.crops,
            background_swap=first.exchange,
            generator=draws,
        ).to(first.device)

        def parted(rows: Tensor) -> Tensor:
            return rows.unflatten(0, (count, -1))

        features = {modality: parted(rows) for modality, rows in bags.features.items()}
        label = parted(bags.label)[0]  # the sampler puts so many anomalous videos first, whatever the seed
        return features, parted(bags.mask), parted(bags.event_class), parted(bags.video), label

    def _set_lr(self, step: int) -> None:
        for training in self.trainings:
            training.set_lr(step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.trainings[0].optimizers[self.player].param_groups[0]["lr"]

    def _gather_state(self) -> None:
        """Of the seeds' own optimizers, which may come from the disk."""
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
        """Of each stacked tensor the K parameters that it stands for."""
        return list(zip(*(training.head.parameters() for training in self.trainings), strict=True))


@torch.no_grad()
def clip_each(gradients: Sequence[Tensor], norm: float) -> None:
    """Scale the gradients [K, ...] of each of K networks down to a norm, as clip_grad_norm_ does for one."""
    each = torch.stack([rows.flatten(1).norm(dim=1) for rows in gradients]).norm(dim=0)  # [K]
    factor = (norm / (each + 1e-6)).clamp(max=1.0)
    for rows in gradients:
        rows.mul_(factor.reshape(-1, *[1] * (rows.dim() - 1)))
