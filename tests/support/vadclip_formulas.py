"""VadCLIP and the normality of DSANet in numpy, as their specification says it: a video, window by window.

Weights are those of a head, by their names. No batch, no mask, no shortcut. Beside it a head and videos.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from extract.store.texts import ClassTexts
from score.bags.bags import Bags, BagSpec
from score.heads.vadclip import VadCLIP
from score.heads.vadclip_parts.vadclip_config import VadCLIPConfig

DIM, WINDOW, BLOCK = 16, 32, 4
LENGTHS = [32, 5, 64, 41]  # a full window, a short video, two full ones, one and a part
CLASSES = ("Normal", "Fight", "Fire", "Theft")
VECTORS = np.random.default_rng(5).normal(size=(4, DIM)).astype(np.float32)
TEXTS = ClassTexts(CLASSES, VECTORS)
SPEC = BagSpec({"clip": DIM}, CLASSES, (4, 2, 1, 1), texts=TEXTS)
SMALL = {"width": DIM, "window": WINDOW, "attention_window": BLOCK, "similar": 0.1}


def small_vadclip(**settings) -> VadCLIP:
    """A head with random weights everywhere, in float64, so that differences are those of formulas."""
    torch.manual_seed(3)
    head = VadCLIP(VadCLIPConfig(**{**SMALL, **settings}), SPEC)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.08)
    return head.double().eval()


def clip_videos(lengths, classes=(0, 1, 2, 3)) -> tuple[list[np.ndarray], Bags]:
    random = np.random.default_rng(sum(lengths))
    rows = [random.normal(size=(length, DIM)) for length in lengths]
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    padded = torch.full((len(lengths), max(lengths), DIM), 7.0, dtype=torch.float64)
    for bag, each in enumerate(rows):
        padded[bag, : len(each)] = torch.from_numpy(each)
    event_class = torch.tensor(classes[: len(lengths)])
    return rows, Bags({"clip": padded}, mask, (event_class > 0).double(), event_class)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def quick(z):
    return z * sigmoid(1.702 * z)


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def unit(z):
    return z / np.linalg.norm(z, axis=-1, keepdims=True)


def linear(weights, name, x):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def mlp(weights, name, x):
    return linear(weights, f"{name}.3", quick(linear(weights, f"{name}.0", x)))


def layer_norm(weights, name, x):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def graph_layer(weights, name, x, graph):
    beside = x
    if f"{name}.beside.weight" in weights:
        kernel, bias = weights[f"{name}.beside.weight"], weights[f"{name}.beside.bias"]
        spread = np.concatenate([np.zeros((2, x.shape[1])), x, np.zeros((2, x.shape[1]))])
        beside = np.stack(
            [sum(kernel[:, :, k] @ spread[i + k] for k in range(5)) + bias for i in range(len(x))]
        )
    return quick(graph @ (x @ weights[f"{name}.weight"]) + beside)


def encoded(weights, rows, config):
    """(X of a window, its length): rows [n, D] filled up with zeros."""
    length = len(rows)
    x = np.zeros((config.window, rows.shape[1]))
    x[:length] = rows
    x = x + weights["encoder.position"]
    for layer in range(config.layers):
        y = layer_norm(weights, f"encoder.norms.{2 * layer}", x)
        q, k, v = np.split(linear(weights, f"encoder.attentions.{layer}.inward", y), 3, axis=1)
        allowed = np.full((config.window, config.window), -np.inf)
        for i in range(config.window):
            begin = i // config.attention_window * config.attention_window
            allowed[i, begin : begin + config.attention_window] = 0
        mixed = softmax(q @ k.T / math.sqrt(rows.shape[1]) + allowed) @ v
        x = x + linear(weights, f"encoder.attentions.{layer}.outward", mixed)
        x = x + mlp(
            weights, f"encoder.networks.{layer}", layer_norm(weights, f"encoder.norms.{2 * layer + 1}", x)
        )
    cosines = unit(x[:length]) @ unit(x[:length]).T
    similar = np.zeros((config.window, config.window))
    similar[:length, :length] = softmax(np.where(cosines > config.similar, cosines, 0.0))
    place = np.arange(config.window)
    near = np.exp(-np.abs(place[:, None] - place) / math.e)
    found = []
    for name, graph in (("similarity", similar), ("distance", near)):
        y = graph_layer(weights, f"encoder.graphs.{name}.0", x, graph)
        found.append(graph_layer(weights, f"encoder.graphs.{name}.1", y, graph))
    return linear(weights, "encoder.join", np.concatenate(found, axis=1))


def transcribed(head, rows, vectors):
    """(X [N, D], s [N], m [N, K], t [K, D]) of one video in consecutive windows."""
    weights = {name: value.numpy() for name, value in head.state_dict().items()}
    config = head.config
    texts = vectors.astype(np.float64)
    if config.texts == "residual":
        texts = texts + weights["texts.offset"]
    elif config.texts == "adapter":
        turned = texts @ weights["texts.adapter.weight"].T
        turned = np.where(turned > 0, turned, 0.01 * turned)
        turned = unit(turned) * np.linalg.norm(texts, axis=1, keepdims=True)
        texts = unit((1 - config.adapter_share) * texts + config.adapter_share * turned)
    parts = []
    for begin in range(0, len(rows), config.window):
        window = rows[begin : begin + config.window]
        x = encoded(weights, window, config)
        s = linear(weights, "scorer", x + mlp(weights, "beside", x))[:, 0]
        u = texts + unit(s @ x)
        u = u + mlp(weights, "prompt", u)
        m = unit(x) @ unit(u).T / 0.07
        parts.append([each[: len(window)] for each in (x, s, m)])
    return (*(np.concatenate(each) for each in zip(*parts, strict=True)), texts)


def top(values, count):
    return np.sort(values)[::-1][:count].mean()


def split(z, heads):
    return z.reshape(len(z), heads, -1).transpose(1, 0, 2)


def rebuilt_of(weights, x, chosen, heads, layers):
    """(prototypes, R): the normality of DSANet for one video."""
    name = "normality.prototypes"
    start = weights[f"{name}.start"]
    q = split(linear(weights, f"{name}.query", layer_norm(weights, f"{name}.norms.0", start)), heads)
    both = linear(weights, f"{name}.both", layer_norm(weights, f"{name}.norms.1", x[chosen]))
    k, v = (split(each, heads) for each in np.split(both, 2, axis=1))
    mixed = softmax(q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[2])) @ v
    p = start + linear(weights, f"{name}.outward", mixed.transpose(1, 0, 2).reshape(len(start), -1))
    p = p + mlp(weights, f"{name}.network", layer_norm(weights, f"{name}.norms.2", p))
    r = mlp(weights, "normality.inward", x)
    for layer in range(layers):
        name = f"normality.layers.{layer}"
        q = split(linear(weights, f"{name}.query", layer_norm(weights, f"{name}.norms.0", r)), heads)
        k, v = (split(each, heads) for each in np.split(linear(weights, f"{name}.both", p), 2, axis=1))
        a = np.maximum(weights[f"{name}.scale"] * (unit(q) @ unit(k).transpose(0, 2, 1)), 0)
        r = linear(weights, f"{name}.outward", (a @ v).transpose(1, 0, 2).reshape(len(x), -1))
        r = r + mlp(weights, f"{name}.network", layer_norm(weights, f"{name}.norms.1", r))
    return p, r
