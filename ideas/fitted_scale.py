"""Scales fitted to the integers by least squares, in turn with rounding; an example of a quantiser (docs/ideas.md)."""

from torch import Tensor

from flowgolf.export.quantiser import Quantiser

TURNS = 8  # later ones hardly move a weight


class FittedScale(Quantiser):
    """Each turn rounds on the present grid, then takes the scale that the integers fit best: `<w, q> / <q, q>`."""

    def quantise(self, rows: Tensor, bits: int, hessian: Tensor | None) -> tuple[Tensor, Tensor]:
        """With a Hessian the products are weighted by its diagonal, the mean squares of the inputs."""
        largest = 2 ** (bits - 1) - 1
        weights = rows.new_ones(rows.shape[1]) if hessian is None else hessian.diagonal()
        scale = (rows.abs().amax(dim=1) / largest).clamp_min(1e-6).half()
        for _ in range(TURNS):
            q = (rows / scale.float()[:, None]).round().clamp(-largest, largest)
            fit = (weights * rows * q).sum(dim=1) / (weights * q * q).sum(dim=1)
            scale = fit.where(fit > 1e-6, scale.float()).half()
        q = (rows / scale.float()[:, None]).round().clamp(-largest, largest)
        return q.int(), scale
