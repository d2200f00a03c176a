r"""Second road to the moment nulls: Gil-Pelaez inversion along the imaginary axis, beyond double precision.

Nothing is shared with the package: no continuation into the right half plane, no saddle, no jump. With
φ the characteristic function of one centred term, σ its standard deviation and x the centred sum,

.. math:: P(S > x) = Q(x / σ√n) + \frac1\pi \int_0^\infty
          \mathrm{Im}\big[(φ(τ)^n - e^{-nσ^2τ^2/2}) e^{-iτx}\big] \frac{dτ}{τ}.

φ is a Gauss-Legendre sum along a ray. On each panel of an adaptive dyadic tree the amplitude is expanded in
Legendre polynomials, whose Fourier integrals are spherical Bessel functions (Filon), so that the oscillation
of exp(-iτx) costs nothing. The result is a difference of numbers of order one: its *absolute* error is about
1e-18 in extended precision, 6e-17 near the floor of an even moment of few values (1e-15 where the platform
has no extended precision), and as small as one likes in :class:`Multiple`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial import hermite_e
from numpy.polynomial.legendre import leggauss
from scipy.special import ndtr

__all__ = ["Extended", "GilPelaez", "Multiple", "gauss_legendre"]


class Extended:
    """The long double of the platform, vectorised."""

    eps = float(np.finfo(np.longdouble).eps)
    order = 24  # Legendre polynomials a panel
    nodes = 40  # points a piece of the ray
    pi = 4 * np.arctan(np.longdouble(1))
    _terms = 14

    @staticmethod
    def real(value):
        return np.asarray(value, np.longdouble)

    @staticmethod
    def complex(re, im):
        return np.asarray(re, np.longdouble) + 1j * np.asarray(im, np.longdouble)

    exp = staticmethod(np.exp)
    sin = staticmethod(np.sin)
    cos = staticmethod(np.cos)

    @staticmethod
    def parts(z):
        return z.real, z.imag

    @staticmethod
    def normal_sf(x):
        # ndtr knows the nearest double; the rest of x by the slope there.
        rounded = np.longdouble(float(x))
        step = (x - rounded) * np.exp(-rounded * rounded / 2) / np.sqrt(2 * Extended.pi)
        tail = np.longdouble(ndtr(-abs(float(x))))
        return (tail if rounded > 0 else 1 - tail) - step

    def excess(self, z):
        """exp(z) - 1 - z to full relative accuracy."""
        result = np.exp(z) - 1 - z
        small = np.abs(z) < 0.5
        t = z[small]
        series = np.ones_like(t)
        for k in range(self._terms + 2, 2, -1):
            series = 1 + t / k * series
        result[small] = t * t / 2 * series
        return result

    @staticmethod
    def log1p(u):
        return 0.5 * np.log1p(2 * u.real + u.real**2 + u.imag**2) + 1j * np.arctan2(u.imag, 1 + u.real)


class Multiple:
    """mpmath numbers in NumPy object arrays: slow, any precision."""

    def __init__(self, digits=40):
        import mpmath

        self._mp = mp = mpmath.mp.clone()
        mp.dps = digits + 10  # what the subtractions below cancel
        self.eps = 10.0**-digits
        self.order, self.nodes = 12 + 2 * digits // 3, 18 + digits
        self.pi = +mp.pi
        self.exp, self.sin, self.cos = (np.frompyfunc(f, 1, 1) for f in (mp.exp, mp.sin, mp.cos))
        self.real = np.frompyfunc(mp.mpf, 1, 1)
        self.complex = np.frompyfunc(mp.mpc, 2, 1)
        self._re, self._im = (np.frompyfunc(f, 1, 1) for f in (lambda z: z.real, lambda z: z.imag))
        self._log1p = np.frompyfunc(lambda u: mp.log(1 + u), 1, 1)

    def parts(self, z):
        return self._re(z), self._im(z)

    def normal_sf(self, x):
        return self._mp.erfc(self._mp.mpf(x) / self._mp.sqrt(2)) / 2

    def excess(self, z):
        return self.exp(z) - 1 - z

    def log1p(self, u):
        return self._log1p(u)


def _legendre(order, x):
    """P_0 … P_order at `x`, and the derivative of the last."""
    values = [x * 0 + 1, x]
    for k in range(2, order + 1):
        values.append(((2 * k - 1) * x * values[-1] - (k - 1) * values[-2]) / k)
    return values, order * (x * values[-1] - values[-2]) / (x * x - 1)


def gauss_legendre(arithmetic, order):
    """Gauss-Legendre rule on [-1, 1], polished by Newton steps to the precision of `arithmetic`."""
    x = arithmetic.real(leggauss(order)[0])
    for _ in range(3):
        values, slope = _legendre(order, x)
        x = x - values[-1] / slope
    _, slope = _legendre(order, x)
    return x, 2 / ((1 - x * x) * slope**2)


class GilPelaez:
    """Tails of the mean of xᵏ, or Heₖ(x)/√k!, over n values.

    Parameters
    ----------
    degree : int
        k.
    hermite : bool
        Hermite polynomial instead of power.
    arithmetic : Extended or Multiple
        What to compute in.
    """

    def __init__(self, degree, *, hermite=False, arithmetic=None):
        a = self.arithmetic = arithmetic or Extended()
        self.degree = degree
        whole = hermite_e.herme2poly([0.0] * degree + [1.0]) if hermite else np.eye(degree + 1)[degree]
        scale = a.real(math.factorial(degree)) ** a.real(0.5) if hermite else a.real(1)
        self.coefficients = a.real(np.round(whole)) / scale
        gaussian = [math.prod(range(1, j, 2)) if j % 2 == 0 else 0 for j in range(2 * degree + 1)]
        square = np.convolve(self.coefficients, self.coefficients)
        self.mean = a.real(0) if hermite or degree % 2 else a.real(gaussian[degree])
        self.variance = np.sum(square * np.array(gaussian)) - self.mean**2
        self.std = float(self.variance) ** 0.5
        # The wiggles of a Hermite polynomial end here.
        slope = np.polynomial.polynomial.polyder(whole)
        self._start = 1.02 * float(np.max(np.polynomial.polynomial.polyroots(slope).real)) if hermite else 0.0
        self._node, self._weight = gauss_legendre(a, a.order)
        values, _ = _legendre(a.order - 1, self._node)
        k = np.arange(a.order)
        self._project = np.array(values) * self._weight * ((2 * k + 1) / 2)[:, None]
        self._ray = gauss_legendre(a, a.nodes)
        self._panels = {}

    def log_characteristic(self, tau):
        """Log E exp(iτ(f(X) - E f)) for an array of τ > 0."""
        a = self.arithmetic
        result = []
        for t in tau:
            y, weight, alive, small = self._path(float(t))
            f = y * 0 + self.coefficients[-1]
            for c in self.coefficients[-2::-1]:
                f = f * y + c
            z = (f - self.mean) * (t * a.complex(0, 1))
            gauss = a.exp(-y * y / 2) * weight
            if small:
                value = a.excess(z)
                value[~alive] = (-1 - z)[~alive]
            else:
                value = a.exp(z)
            half = np.sum(value * gauss) / np.sqrt(2 * a.pi)
            whole = 2 * half if self.degree % 2 == 0 else half + np.conj(half)
            result.append(whole if small else whole - 1)
        return a.log1p(np.array(result))

    def _path(self, t):
        """Real axis to the last wiggle, then a ray turned by π/3k; which points matter; is τ small."""
        a, k = self.arithmetic, self.degree
        depth = -math.log(a.eps) + 2 * k + 8
        turn = math.pi / (3 * k)
        normal = math.sqrt(2 * depth / math.cos(2 * turn))
        feature = (depth / (t * float(self.coefficients[-1]) * math.sin(k * turn))) ** (1 / k)
        small = t * self.std < 1
        reach = [min(normal, feature) * u for u in (0, 0.25, 0.5, 0.75, 1)]
        if small and feature < normal:
            reach += [feature + (normal - feature) * u for u in (1 / 3, 2 / 3, 1)]
        direction = a.exp(a.complex(0, a.pi / (3 * k)))
        y, weight = self._pieces(reach)
        alive = np.repeat(np.arange(len(reach) - 1) < 4, a.nodes)
        y, weight = self._start + y * direction, weight * direction
        if self._start:
            pieces = 3 + math.ceil(t * 2 * k / 10)
            first, first_weight = self._pieces([self._start * j / pieces for j in range(pieces + 1)])
            zero = a.complex(first * 0, first * 0)
            y = np.concatenate([first + zero, y])
            weight = np.concatenate([first_weight + zero, weight])
            alive = np.concatenate([np.ones(first.size, bool), alive])
        return y, weight, alive, small

    def _pieces(self, edges):
        node, weight = self._ray
        edge = self.arithmetic.real(np.array(edges))
        middle, half = (edge[1:] + edge[:-1]) / 2, (edge[1:] - edge[:-1]) / 2
        return (middle[:, None] + half[:, None] * node).ravel(), (half[:, None] * weight).ravel()

    def _panel(self, low, high):
        """Nodes of a panel and the cumulant function on them; the same for every n."""
        if (low, high) not in self._panels:
            a = self.arithmetic
            low_edge, high_edge = a.real(low) / self.std, a.real(high) / self.std
            tau = (low_edge + high_edge) / 2 + (high_edge - low_edge) / 2 * self._node
            self._panels[low, high] = tau, self.log_characteristic(tau)
        return self._panels[low, high]

    def _amplitudes(self, n, tolerance):
        """Legendre coefficients of the amplitude on every panel: yields (low, high, shift, coefficients)."""
        a = self.arithmetic
        top = 2.0 ** math.floor(math.log2(8 / math.sqrt(n)))
        waiting = [(top, 2 * top), (0.0, top)]
        # Where the comparison normal is nil, φ need not be centred: for τ → ∞ it follows the floor of f.
        nil = math.sqrt(2 * (8 - math.log(a.eps)) / n)
        while waiting:
            low, high = waiting.pop()
            tau, log_phi = self._panel(low, high)
            shift = self.mean if low > nil else a.real(0)
            power = a.exp(n * (log_phi + a.complex(0, 1) * (shift * tau)))
            amplitude = (power - a.exp(-n * self.variance * tau * tau / 2)) / tau
            coefs = self._project @ amplitude
            width = (high - low) / self.std
            if float(np.max(np.abs(coefs[-3:]))) * width > tolerance and high - low > 1e-9 * top:
                waiting += [((low + high) / 2, high), (low, (low + high) / 2)]
                continue
            yield low, high, shift, coefs
            if high == 2 * top and float(np.max(np.abs(power))) > tolerance:
                top = high
                waiting = [(top, 2 * top)]

    def sf(self, n, t, *, tolerance=None):
        """P(mean of f > t) for a list of numbers t; absolute error a few times `tolerance`."""
        a = self.arithmetic
        tolerance = tolerance or 4 * a.eps
        x = n * (a.real(np.asarray(t, dtype=float)) - self.mean)
        total = x * 0
        for low, high, shift, coefs in self._amplitudes(n, tolerance):
            half = a.real(high - low) / 2 / self.std
            middle = a.real(high + low) / 2 / self.std
            moved = x + n * shift
            kernel = self._fourier(moved * half)
            phase = a.complex(a.cos(middle * moved), -a.sin(middle * moved))
            total = total + a.parts(half * phase * (coefs @ kernel))[1]
        deviation = x / (self.variance * n) ** a.real(0.5)
        normal = np.array([a.normal_sf(v) for v in deviation])
        return normal + total / a.pi

    def _fourier(self, omega):
        """Integrals of P_k(u) exp(-iωu) over [-1, 1]: 2 (-i)^k j_k(ω), one row a k."""
        a = self.arithmetic
        turn = [a.complex(1, 0), a.complex(0, -1), a.complex(-1, 0), a.complex(0, 1)]
        columns = [self._spherical_bessel(w) for w in omega]
        return np.array([[2 * turn[k % 4] * c[k] for c in columns] for k in range(a.order)])

    def _spherical_bessel(self, w):
        a = self.arithmetic
        sign = -1 if w < 0 else 1
        w = abs(w)
        if w < 1e-30:
            return [a.real(1.0)] + [a.real(0.0)] * (a.order - 1)
        j0 = a.sin(w) / w
        j1 = j0 / w - a.cos(w) / w
        if w > a.order:
            values = [j0, j1]
            for k in range(1, a.order - 1):
                values.append((2 * k + 1) / w * values[-1] - values[-2])
        else:
            # Downwards from far up, where any start dies out (Miller), then scaled.
            values = [a.real(0.0), a.real(1.0)]
            for k in range(a.order + 60, 0, -1):
                values.append((2 * k + 1) / w * values[-1] - values[-2])
                if abs(values[-1]) > 1e200:
                    values = [v / values[-1] for v in values[-a.order - 2 :]]
            values = values[::-1][: a.order]
            # sin w / w vanishes at multiples of π, its neighbour then does not.
            scale = j0 / values[0] if abs(j0) > abs(j1) else j1 / values[1]
            values = [v * scale for v in values]
        return [v * sign**k for k, v in enumerate(values)]
