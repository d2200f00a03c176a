"""Gradient descent on samples under Gaussianity losses, the optimiser of arXiv:2509.07027."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gausscheck.errors import ArgumentError, DataError
from gausscheck.losses.base import as_rows, choice, sample_shape
from gausscheck.losses.base import weight as checked_weight
from gausscheck.losses.reading import positive
from gausscheck.losses.stepping import Adam, Nesterov, Resampling, Stepper
from gausscheck.losses.trajectory import Record, Stopped, Trajectory
from gausscheck.losses.weighted import Losses, WeightedLosses, on_host

__all__ = ["Reward", "descend"]

Reward = Callable[[Tensor], Tensor]


def descend(
    z: Tensor,
    losses: Losses,
    *,
    lr: float,
    reward: Reward | None = None,
    weight: float = 1.0,
    steps: int = 100,
    optimizer: str = "sgd",
    momentum: float = 0.9,
    clip: float | None = 0.01,
    rescale: bool = True,
    jitter: float = 0.0,
    generator: torch.Generator | None = None,
    stop_when_typical: bool = False,
    every: int = 10,
    callback: Callable[[Record], object] | None = None,
) -> Trajectory:
    r"""Move samples so that losses fall and, if there is one, a reward rises.

    Each sample b has a gradient of its own, of the reward R and of the weighted sum L of the losses,

    .. math:: g_b = -\nabla R_b + w \frac{|\nabla R_b|}{|\nabla L_b|} \nabla L_b , \qquad
              g_b \leftarrow g_b \min(1, \text{clip} / |g_b|) ,

    and then takes a step of Nesterov momentum or Adam. Without a reward ``g_b = w grad L_b``.

    Parameters
    ----------
    z : Tensor
        Start, shape (batch, ...); one axis alone is one sample. Any float dtype and device. Not modified.
    losses : Loss, sequence or mapping
        One loss, or several: each a loss or a pair ``(loss, weight)``; a mapping names them. Their own
        `reduction` plays no part.
    lr : float
        Learning rate. It has no default, for it decides what happens: try several, a factor of 3 apart, and
        read `resampling_cosine`.
    reward : callable, optional
        From samples, in shape and dtype of `z`, to one reward a sample, shape (batch,); of a single sample
        also a scalar. It is to be differentiable, and no sample may enter another's reward.
    weight : float
        w: of the losses against the reward.
    steps : int
    optimizer : str
        ``sgd``, with Nesterov momentum, or ``adam``.
    momentum : float
        In [0, 1). Of Adam, the decay of the mean gradient.
    clip : float or None
        Largest norm of a sample's gradient. None: as it is. With ``sgd``, a clipped gradient moves a sample
        by ``lr clip / (1 - momentum)`` in the long run; a sample of noise has norm ``sqrt(D)``.
    rescale : bool
        Whether the gradient of the losses gets the norm of the reward's, sample by sample. Where one of the
        two is 0 the losses have no part in the step.
    jitter : float
        In [0, 1). The descent begins at ``sqrt(1 - jitter^2) z + jitter n`` with n standard normal. It frees
        samples whose symmetry a loss cannot break, see Notes.
    generator : torch.Generator, optional
        Of the jitter, on the tensor's device; torch's own by default.
    stop_when_typical : bool
        A sample stays where it is once a record finds every term of every loss within its central range;
        when all do, the descent ends. Not with a reward, which has no end.
    every : int
        Steps between records. A record waits for the device, the steps between do not.
    callback : callable, optional
        Is given each :class:`~gausscheck.losses.trajectory.Record` as it is made.

    Returns
    -------
    Trajectory
        The samples and, for each record, what was there.

    Raises
    ------
    ArgumentError
        An option that cannot be used; a reward that is not differentiable or not one number a sample.
    DataError
        Not floats, empty, too small, NaN or infinity in `z`; a reward or gradient that is not finite at the
        start. Later such a gradient counts as 0 and the next record ends the descent, as it does when a
        sample leaves the range of its dtype.

    Notes
    -----
    *What the cosines say.* `cosine` is between the sample and its start. `resampling_cosine` is what it would
    be if each gradient had been fresh noise of the same length,

    .. math:: \exp\bigl(-\sum_s |u_s|^2 / (2 |z_s|^2)\bigr) , \qquad u_s = lr \, g_s / (1 - momentum) ,

    with ``lr g / root`` for Adam; the last gradients, not yet acted out, count for less. If the two agree and
    are far from 1, the loss has replaced the sample by new noise, and whatever is gone is gone for that
    reason. A cosine below the other means steps that agree with each other: the sample was moved somewhere.
    A cosine above means steps that undid each other.

    *Precision.* Steps are summed in float32 (float64 of float64), losses and reward see the sample rounded to
    the dtype of `z`, and so does the caller. The gradient of the losses is not rounded to 16 bits; the
    reward's is what its own operations make of it, and in float16 may fall to 0.

    *No gradient.* The power spectrum does not change when a sample is shifted round, so neither does its
    gradient: a sample that repeats itself, such as a +-1 checkerboard, stays periodic for ever, and a Fourier
    coefficient that is exactly 0 has no direction to grow in. Random permutations or a jitter end that.

    Random permutations of a loss are drawn for all samples of a batch together, anew at each step.

    Examples
    --------
    A random walk is moved until its spectrum, mean and scale are what noise has:

    >>> import torch
    >>> from gausscheck.losses import GaussianityLoss, descend
    >>> z = torch.randn(1, 4096, generator=torch.Generator().manual_seed(0)).cumsum(1)
    >>> z = (z - z.mean()) / z.std()
    >>> loss = GaussianityLoss(aim="typical", permute=None)
    >>> run = descend(z, loss, lr=0.1, clip=2.5, steps=300, stop_when_typical=True)
    >>> run.stopped, round(float(run.cosine[-1, 0]), 2)
    ('typical', 0.57)
    >>> [round(abs(float(s[0]))) for s in run.scores["power_spectrum stored"][[0, -1]]]
    [125, 2]
    """
    weighted = WeightedLosses.of(losses)
    _check(
        lr=lr,
        momentum=momentum,
        clip=clip,
        optimizer=optimizer,
        reward=reward,
        rescale=rescale,
        stop_when_typical=stop_when_typical,
    )
    share = checked_weight("weight", weight)
    positive("steps", steps)
    positive("every", every)
    with torch.inference_mode(False), torch.enable_grad():
        start, now = _start(z, weighted.least, jitter, generator)
        weighted = weighted.of_shape(sample_shape(z))
        stepper: Stepper = Nesterov(lr, momentum) if optimizer == "sgd" else Adam(lr, momentum)
        resampled = torch.full_like(now[:, 0], (1 - jitter**2) ** 0.5)
        resampling = Resampling(stepper, resampled)
        moving = torch.ones_like(resampled, dtype=torch.bool)
        broken = ~moving
        records: list[Record] = []
        stopped: Stopped = "steps"
        for step in range(steps + 1):
            seen = now.to(z.dtype)
            push, gain = _ascent(reward, seen.reshape(z.shape), now.shape[0]) if reward else (None, None)
            recording = step % every == 0 or step == steps
            if recording:
                pull, evaluation = weighted.evaluated(seen.to(now.dtype))
            else:
                pull = weighted.gradient(seen.to(now.dtype))
            gradient = _joined(pull, push, share, rescale=rescale)
            fit = (torch.isfinite(gradient) & torch.isfinite(seen.reshape(now.shape))).all(dim=1)
            broken = broken | ~fit if gain is None else broken | ~fit | ~torch.isfinite(gain)
            if recording:
                resampled = torch.where(moving, resampling.cosine(), resampled)
                record = Record(
                    step=step,
                    reward=None if gain is None else on_host(gain),
                    losses=evaluation.losses,
                    statistics=evaluation.statistics,
                    scores=evaluation.scores,
                    cosine=on_host(_cosine(now, start)),
                    resampling_cosine=on_host(resampled),
                    norm=on_host(_norm(now) / now.shape[1] ** 0.5),
                    typical=evaluation.typical,
                )
                records.append(record)
                if callback is not None:
                    callback(record)
                if bool(broken.any()):
                    if step == 0:
                        raise _no_start(broken)
                    stopped = "nonfinite"
                    break
                if stop_when_typical:
                    moving = moving & ~torch.as_tensor(record.typical, device=moving.device)
                    if not bool(moving.any()):
                        stopped = "typical"
                        break
            if step < steps:
                gradient = torch.where((fit & moving)[:, None], gradient, 0.0)
                if clip is not None:
                    gradient *= (clip / _norm(gradient)).clamp_max(1.0)[:, None]
                norm2 = now.square().sum(dim=1)
                now += torch.where(moving[:, None], stepper.step(gradient), 0.0)
                resampling.add(stepper.impulse(gradient), norm2)
    return Trajectory(now.to(z.dtype).reshape(z.shape), tuple(records), stopped)


def _check(
    *,
    lr: float,
    momentum: float,
    clip: float | None,
    optimizer: str,
    reward: object,
    rescale: bool,
    stop_when_typical: bool,
) -> None:
    def number(x: object) -> bool:
        return isinstance(x, (int, float)) and not isinstance(x, bool)

    choice("optimizer", optimizer, ("sgd", "adam"))
    choice("rescale", rescale, (True, False))
    choice("stop_when_typical", stop_when_typical, (True, False))
    if not number(lr) or not 0 < lr < float("inf"):
        msg = f"lr={lr!r} cannot be used; expected a positive number"
        raise ArgumentError(msg)
    if not number(momentum) or not 0 <= momentum < 1:
        msg = f"momentum={momentum!r} cannot be used; expected a number of at least 0 and less than 1"
        raise ArgumentError(msg)
    if clip is not None and (not number(clip) or not 0 < clip < float("inf")):
        msg = f"clip={clip!r} cannot be used; expected a positive number, or None not to clip"
        raise ArgumentError(msg)
    if reward is not None and not callable(reward):
        msg = f"reward={reward!r} cannot be called; expected a function from samples to one reward a sample"
        raise ArgumentError(msg)
    if reward is not None and stop_when_typical:
        msg = (
            "stop_when_typical cannot be used with a reward: noise is typical before the first step; descend "
            "with the reward first, then from its result without one"
        )
        raise ArgumentError(msg)


def _start(z: Tensor, least: int, jitter: float, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Rows of the start, and a copy of them where the descent begins."""
    rows = as_rows(z, least).detach().clone()
    if rows.is_meta:
        msg = "a tensor on the meta device holds no values to descend from; materialise it first"
        raise ArgumentError(msg)
    bad = int((~torch.isfinite(rows)).sum())
    if bad:
        msg = f"{bad} of {rows.numel()} values are NaN or infinite; a descent cannot start from them"
        raise DataError(msg)
    if isinstance(jitter, bool) or not isinstance(jitter, (int, float)) or not 0 <= jitter < 1:
        msg = f"jitter={jitter!r} cannot be used; expected a number of at least 0 and less than 1"
        raise ArgumentError(msg)
    if generator is not None and not isinstance(generator, torch.Generator):
        msg = f"generator must be a torch.Generator, got a {type(generator).__name__}"
        raise ArgumentError(msg)
    if generator is not None and not jitter:
        msg = "a generator has no use without jitter; the permutations of a loss have its own generator"
        raise ArgumentError(msg)
    if generator is not None and generator.device.type != rows.device.type:
        msg = f"the generator is on {generator.device}, the tensor on {rows.device}"
        raise ArgumentError(msg)
    if not jitter:
        return rows, rows.clone()
    noise = torch.randn(rows.shape, dtype=rows.dtype, device=rows.device, generator=generator)
    return rows, (1 - jitter**2) ** 0.5 * rows + jitter * noise


def _ascent(reward: Reward, seen: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """Gradient of the reward in the precision of the steps, (B, D), and the reward, (B,)."""
    # A copy: what a reward keeps or overwrites is its own.
    leaf = seen.detach().clone().requires_grad_()
    gain = reward(leaf)
    fits = isinstance(gain, Tensor) and (gain.shape == (batch,) or (batch == 1 and gain.ndim == 0))
    if not fits:
        found = f"shape {tuple(gain.shape)}" if isinstance(gain, Tensor) else f"a {type(gain).__name__}"
        msg = f"the reward returned {found}; expected one number a sample, a tensor of shape ({batch},)"
        raise ArgumentError(msg)
    gradient = None
    if gain.requires_grad:
        (gradient,) = torch.autograd.grad(gain.sum(), leaf, allow_unused=True)
    if gradient is None:
        msg = (
            "the reward is not differentiable: no gradient reaches the samples; compute it from them in "
            "torch, without detach() or torch.no_grad()"
        )
        raise ArgumentError(msg)
    return as_rows(gradient.unsqueeze(0) if batch == 1 else gradient, 1), gain.detach().reshape(batch)


def _joined(pull: Tensor, push: Tensor | None, share: float, *, rescale: bool) -> Tensor:
    """Gradient to go down: losses, less the reward."""
    if push is None:
        return share * pull
    if rescale:
        size = _norm(pull)
        pull = pull * torch.where(size > 0, _norm(push) / size, 0.0)[:, None]
    return share * pull - push


def _norm(rows: Tensor) -> Tensor:
    return torch.linalg.vector_norm(rows, dim=1)


def _cosine(rows: Tensor, start: Tensor) -> Tensor:
    tiny = torch.finfo(rows.dtype).tiny
    return (rows * start).sum(dim=1) / (_norm(rows) * _norm(start)).clamp_min(tiny)


def _no_start(broken: Tensor) -> DataError:
    which = torch.nonzero(broken).flatten().tolist()
    return DataError(
        f"the reward or a gradient is not finite at the start, for sample {which[0]} ({len(which)} of "
        f"{broken.numel()}); check the reward on these samples"
    )
