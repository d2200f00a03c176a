"""Correlation of neighbours in an image and its averages: noise regularization of StyleGAN2, pix2pix-zero."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from gausscheck.errors import ArgumentError, DataError
from gausscheck.losses.base import Aim, Reduction, choice
from gausscheck.losses.reading import Reading
from gausscheck.losses.single import SingleLoss, ValueTerm
from gausscheck.losses.terms import Term
from gausscheck.nulls.autocorrelation import autocorrelation_null, pyramid
from gausscheck.nulls.base import Null

__all__ = ["AutocorrelationLoss", "AutocorrelationTerm", "autocorrelation_loss"]

_SMALLEST_SIDE = 3


@dataclass(frozen=True)
class AutocorrelationTerm(ValueTerm):
    """Value of :class:`AutocorrelationLoss` for samples of one shape.

    Attributes
    ----------
    channels, height, width : int
    rescale, random_lag : bool
    """

    channels: int
    height: int
    width: int
    rescale: bool = False
    random_lag: bool = False

    @property
    def name(self) -> str:
        """``autocorrelation``."""
        return "autocorrelation"

    def null(self, n: int) -> Null:
        """See :mod:`gausscheck.nulls.autocorrelation`; the limit of many values at every level."""
        if n != self.channels * self.height * self.width:
            msg = (
                f"this loss is for samples of {self.channels} x {self.height} x {self.width} values, not {n}"
            )
            raise ArgumentError(msg)
        return autocorrelation_null(
            self.channels, self.height, self.width, rescale=self.rescale, shared=not self.random_lag
        )


class AutocorrelationLoss(SingleLoss):
    r"""Squared mean product of neighbours along both axes, over a pyramid of averaged images.

    .. math:: L = \sum_c \sum_l \Bigl( \frac{1}{n_l} \sum_{i,j} y_l[i, j]\, y_l[i - s, j] \Bigr)^2
              + \Bigl( \frac{1}{n_l} \sum_{i,j} y_l[i, j]\, y_l[i, j - s] \Bigr)^2

    with indices that wrap around, y_0 a channel and y_{l+1} the 2 x 2 averages of y_l, down to a shorter side
    of at most 8. The last two axes of a sample are the image, all before them channels, whose values are
    added.

    Parameters
    ----------
    shape : sequence of int, optional
        Of a sample, (..., height, width), for flattened input. By default that of the tensor.
    rescale : bool
        Averages times 2, so that each level is again N(0, 1) under H0. As published: not. Then the variance
        falls by 4 from level to level, and a correlation of a given size counts 16 times less in each.
    random_lag : bool
        Lags drawn anew at each call for each level and axis, uniform over ``1 <= s < side/2`` (pix2pix-zero),
        in place of ``s = 1`` (StyleGAN2). One draw for all samples of a batch.
    generator : torch.Generator, optional
        Of the lags, on the tensor's device; torch's own by default.
    aim, central, reduction
        As in :class:`gausscheck.losses.base.Loss`.

    Notes
    -----
    Sources: ``NVlabs/stylegan2-ada-pytorch`` ``projector.py`` (weight 1e5, sum over noise buffers) and
    ``pix2pixzero/pix2pix-zero`` ``src/utils/ddim_inv.py`` (sum over channels, gradient averaged over 5 draws,
    weight 20). Both look at the height alone to end the pyramid. The latter takes one sample, loops over
    channels, takes one lag for both axes from the height, and draws it from 0 up: lag 0 adds the squared mean
    square, about 1, and pulls the variance towards 0.

    Nothing here sees scale (but for its quadratic pull towards 0), mean beyond its square, or the shape of
    the distribution: it goes with :class:`KLLoss`.

    Give `shape` for ``torch.compile`` without graph breaks. The law under H0 depends on the shape
    too: ``loss.of_shape((4, 64, 64)).null(4 * 64 * 64)``.
    """

    def __init__(
        self,
        *,
        shape: Sequence[int] | None = None,
        rescale: bool = False,
        random_lag: bool = False,
        generator: torch.Generator | None = None,
        aim: Aim = "zero",
        central: float = 0.95,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(aim=aim, central=central, reduction=reduction)
        choice("rescale", rescale, (True, False))
        choice("random_lag", random_lag, (True, False))
        if generator is not None and not random_lag:
            msg = "a generator has no use with random_lag=False"
            raise ArgumentError(msg)
        self._reading = Reading("fresh", 1, None, generator)
        self.rescale, self.random_lag = rescale, random_lag
        self._term: AutocorrelationTerm | None = None
        if shape is not None:
            self._term = self._term_of(shape, ArgumentError)

    def _term_of(self, shape: Sequence[int], error: type[ArgumentError | DataError]) -> AutocorrelationTerm:
        sides = tuple(shape)
        known = all(isinstance(s, int) and not isinstance(s, bool) and s >= 1 for s in sides)
        if len(sides) < 2 or not known or min(sides[-2:]) < _SMALLEST_SIDE:
            msg = (
                f"a sample of shape {sides} is no image; the autocorrelation loss takes (batch, ..., height, "
                f"width) with sides of at least {_SMALLEST_SIDE}; flattened input needs shape=(..., height, "
                "width)"
            )
            raise error(msg)
        return AutocorrelationTerm(prod(sides[:-2]), sides[-2], sides[-1], self.rescale, self.random_lag)

    @property
    def term(self) -> Term:
        """The value, for the shape of the samples."""
        return self._shaped

    @property
    def _shaped(self) -> AutocorrelationTerm:
        if self._term is None:
            msg = (
                "the law of an autocorrelation loss depends on the shape of a sample; give it, "
                "as in loss.of_shape((4, 64, 64)) or AutocorrelationLoss(shape=(4, 64, 64))"
            )
            raise ArgumentError(msg)
        return self._term

    def of_shape(self, shape: Sequence[int]) -> AutocorrelationLoss:
        """The loss for samples of a shape; itself where it was made for one.

        Raises
        ------
        DataError
            Fewer than two axes, a side below 3, or another size than the loss was made for.
        """
        if self._term is None:
            shaped = copy.copy(self)
            shaped._term = self._term_of(shape, DataError)
            return shaped
        own = (self._term.channels, self._term.height, self._term.width)
        flat = len(shape) == 1
        if prod(shape) != prod(own) or not (flat or tuple(shape[-2:]) == own[1:]):
            msg = f"a sample of shape {tuple(shape)} is not of {own}, which the loss was made for"
            raise DataError(msg)
        return self

    @property
    def moments_held(self) -> frozenset[int]:
        """The mean: its square is part of every product."""
        return frozenset((1,))

    @property
    def views_held(self) -> frozenset[str]:
        """The covariances of neighbours are those of the spectrum."""
        return frozenset(("stored",))

    def value(self, x: Tensor) -> Tensor:
        """Value for each row."""
        term = self._shaped
        image = x.reshape(-1, term.channels, term.height, term.width)
        total = torch.zeros_like(x[:, 0])
        for level in pyramid(term.height, term.width):
            if level.height < image.shape[2]:
                image = torch.nn.functional.avg_pool2d(image, 2)
                image = image * 2 if self.rescale else image
            for axis, side in ((2, level.height), (3, level.width)):
                product = (image * self._rolled(image, axis, side)).mean(dim=(2, 3))
                total = total + product.square().sum(dim=1)
        return total

    def _rolled(self, image: Tensor, axis: int, side: int) -> Tensor:
        if not self.random_lag:
            return image.roll(1, axis)
        generator = self._reading.generator_for(image.device)
        # The lag stays on the device.
        lag = 1 + torch.randint(max(side // 2 - 1, 1), (1,), generator=generator, device=image.device)
        return image.index_select(axis, (torch.arange(side, device=image.device) - lag) % side)

    def extra_repr(self) -> str:
        """Options."""
        return f"rescale={self.rescale}, random_lag={self.random_lag}, {super().extra_repr()}"


def autocorrelation_loss(
    z: Tensor,
    *,
    shape: Sequence[int] | None = None,
    rescale: bool = False,
    random_lag: bool = False,
    generator: torch.Generator | None = None,
    aim: Aim = "zero",
    central: float = 0.95,
    reduction: Reduction = "mean",
) -> Tensor:
    """:class:`AutocorrelationLoss` as a function of a batch."""
    return AutocorrelationLoss(
        shape=shape,
        rescale=rescale,
        random_lag=random_lag,
        generator=generator,
        aim=aim,
        central=central,
        reduction=reduction,
    )(z)
