"""What there is to see on a retina: vessels, bright and pale matter, and the lesions of a grade, as grey layers.

All lengths are in units of the field of view's radius, about 4.5 mm in life: the optic disc is 0.13, a microaneurysm at
most 0.03 across. x points to the nasal side of a right eye, y down, and the macula is at (0, 0). Grades follow the
international scale (Wilkinson et al., Ophthalmology 110, 2003): microaneurysms only; more than these; haemorrhages in
all four quadrants; new vessels.

How much of the field of view blood, bright and pale matter cover is drawn without regard to the grade. Where lesions
leave room, what healthy eyes have too fills it: small vessels, drusen, reflexes. So colours alone do not tell the
grade.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageStat

Floats = npt.NDArray[np.float32]

Point = tuple[float, float]

OPTIC_DISC = (0.56, -0.03)  # middle

OPTIC_DISC_RADIUS = 0.14

_FOVEA = 0.15  # no vessel comes nearer to the macula's middle

# Fewest and most of each kind of lesion, by grade: microaneurysms, haemorrhages, tangles of new vessels.
_LESIONS = (
    ((0, 0), (0, 0), (0, 0)),
    ((4, 10), (0, 0), (0, 0)),
    ((5, 14), (7, 14), (0, 0)),
    ((8, 18), (20, 30), (0, 0)),
    ((5, 12), (4, 14), (2, 4)),
)

_BLOOD_SHARE = (0.080, 0.110)  # of the field of view, in every grade

_BRIGHT_SHARE = (0.001, 0.009)  # where there is any

_PALE_SPOTS = (1, 4)

_RARE = 0.5  # of the eyes have no bright matter, and as many no pale spots

# Angle at the optic disc, turn for each unit of length, and length of the vessels that leave it upwards and downwards.
_ARCADES = ((1.95, 0.95, 1.75), (1.25, -0.30, 0.95), (2.65, 0.20, 0.45))


class Anatomy:
    """Draws one retina into layers (side, side), 0..1; `radius` and `centre` of the field of view are in pixels."""

    def __init__(self, side: int, radius: float, centre: Point, rng: np.random.Generator) -> None:
        self.side, self.radius, self.centre, self.rng = side, radius, centre, rng
        self.trail: list[tuple[Point, float, float]] = []  # points of vessels, where they lead, and how wide they are

    def layers(self, grade: int, vessel_width: float) -> tuple[Floats, Floats, Floats]:
        """Layers of blood, of bright matter (exudates, drusen), and of pale patches, for a grade 0..4."""
        rng = self.rng
        (blood, red), (bright, yellow), (pale, white) = self._layer(), self._layer(), self._layer()
        aneurysms, haemorrhages, webs = (int(rng.integers(low, high + 1)) for low, high in _LESIONS[grade])
        # Lesions lie below the vessels, and are as dark as vessels look once lens and pixels have blurred these.
        for n in range(haemorrhages):
            self._haemorrhage(red, self.place(quadrant=n % 4 if grade == 3 else None))
        for _ in range(aneurysms):
            self._spot(red, self.place(reach=0.75), rng.uniform(0.011, 0.017), 255)
        self._vessels(red, vessel_width)
        for _ in range(webs):
            self._web(red, white)
        self._fill(blood, rng.uniform(*_BLOOD_SHARE), lambda: self._small_vessels(red))
        if rng.random() > _RARE:
            self._fill(bright, rng.uniform(*_BRIGHT_SHARE), lambda: self._bright_matter(yellow, ill=grade >= 2))
        if rng.random() > _RARE:
            for _ in range(max(0, int(rng.integers(_PALE_SPOTS[0], _PALE_SPOTS[1] + 1)) - webs)):
                self._pale_spot(white, ill=grade >= 2)
        return self._finished(blood, 0.004), self._finished(bright, 0.004), self._finished(pale, 0.018)

    def place(self, quadrant: int | None = None, reach: float = 0.88) -> Point:
        """A random point of the retina, not on the optic disc; in quadrant 0..3 where one is given."""
        while True:
            angle = self.rng.uniform(0, math.pi / 2) + math.pi / 2 * (
                self.rng.integers(4) if quadrant is None else quadrant
            )
            distance = reach * math.sqrt(self.rng.uniform(0.01, 1))
            x, y = distance * math.cos(angle), distance * math.sin(angle)
            if math.hypot(x - OPTIC_DISC[0], y - OPTIC_DISC[1]) > 1.4 * OPTIC_DISC_RADIUS:
                return x, y

    def _vessels(self, draw: ImageDraw.ImageDraw, width: float) -> None:
        """Three pairs of an artery and a vein upwards out of the optic disc, three downwards, and their branches."""
        for side in (-1, 1):
            for start, bend, length in _ARCADES:
                angle = start + self.rng.normal(0, 0.12)
                self._grow(draw, OPTIC_DISC, side * angle, side * bend, 0.021 * width, length, 235)
                apart = self.rng.uniform(0.10, 0.22) * self.rng.choice([-1, 1])
                self._grow(draw, OPTIC_DISC, side * (angle + apart), side * bend, 0.014 * width, length, 175)

    def _grow(
        self, draw: ImageDraw.ImageDraw, at: Point, angle: float, bend: float, width: float, length: float, tone: int
    ) -> None:
        """A vessel that winds on from a point, thins out and branches."""
        step, curl, side = 0.03, 0.0, self.rng.choice([-1, 1])
        steps = max(1, int(length / step))
        branch = int(self.rng.integers(3, 9))
        for n in range(steps):
            curl = 0.8 * curl + self.rng.normal(0, 0.030)
            angle += step * bend + curl
            end = (at[0] + step * math.cos(angle), at[1] + step * math.sin(angle))
            if math.hypot(*end) < _FOVEA or math.hypot(*end) > 1.02:
                return
            now = width * (1 - 0.55 * n / steps)
            self._line(draw, at, end, now, tone)
            self.trail.append((end, angle, now))
            if n == branch and now > 0.0075:
                turn = side * self.rng.uniform(0.4, 0.85)
                rest = (length - n * step) * self.rng.uniform(0.45, 0.85)
                self._grow(draw, end, angle + turn, -0.8 * turn, 0.68 * now, rest, tone)
                angle, side, branch = angle - 0.12 * turn, -side, n + int(self.rng.integers(4, 12))
            at = end

    def _small_vessels(self, draw: ImageDraw.ImageDraw) -> None:
        """A few more branches of vessels that are there."""
        for _ in range(4):
            at, angle, width = self.trail[self.rng.integers(len(self.trail))]
            turn = self.rng.choice([-1, 1]) * self.rng.uniform(0.4, 1.0)
            width = min(0.75 * width, self.rng.uniform(0.009, 0.014))
            self._grow(draw, at, angle + turn, -0.8 * turn, width, self.rng.uniform(0.4, 0.9), 165)

    def _haemorrhage(self, draw: ImageDraw.ImageDraw, at: Point) -> None:
        """A dot or blot, or, near the optic disc, a flame along its fibres."""
        along = math.atan2(at[1] - OPTIC_DISC[1], at[0] - OPTIC_DISC[0])
        flame = math.hypot(at[0] - OPTIC_DISC[0], at[1] - OPTIC_DISC[1]) < 0.5 and self.rng.random() < 0.6
        long = self.rng.uniform(1.6, 2.6) if flame else self.rng.uniform(1.0, 1.4)
        size = self.rng.uniform(0.030, 0.056) / math.sqrt(long)
        self._spot(draw, at, size, int(self.rng.integers(185, 250)), long, along)

    def _bright_matter(self, draw: ImageDraw.ImageDraw, *, ill: bool) -> None:
        """Hard exudates, which lie together in ill eyes, or a druse somewhere near the macula."""
        rng = self.rng
        if not ill:
            self._spot(draw, self.place(reach=0.7), rng.uniform(0.006, 0.014), int(rng.integers(110, 220)))
            return
        x, y = self.place(reach=0.55)
        spread = rng.uniform(0.03, 0.09)
        for _ in range(rng.integers(5, 14)):
            at = (x + rng.normal(0, spread), y + rng.normal(0, spread))
            self._spot(draw, at, rng.uniform(0.005, 0.016), int(rng.integers(180, 256)), rng.uniform(1, 1.8))

    def _pale_spot(self, draw: ImageDraw.ImageDraw, *, ill: bool) -> None:
        """Cotton wool in ill eyes, else a reflex of the nerve fibres: a streak of the same area around the macula."""
        x, y = self.place(reach=0.75)
        around = math.atan2(y, x) + math.pi / 2
        long = self.rng.uniform(1.0, 2.0) if ill else self.rng.uniform(5.0, 9.0)
        size = self.rng.uniform(0.03, 0.055) / math.sqrt(long)
        self._spot(draw, (x, y), size, int(self.rng.integers(120, 220)), long, around)

    def _web(self, red: ImageDraw.ImageDraw, white: ImageDraw.ImageDraw) -> None:
        """New vessels on a vessel or the optic disc: a tangle of fine loops on pale fibres, often with blood before
        the retina, whose upper edge is level."""
        rng = self.rng
        x, y = OPTIC_DISC if rng.random() < 0.3 else self.trail[rng.integers(len(self.trail))][0]
        self._spot(white, (x, y), rng.uniform(0.05, 0.10), int(rng.integers(90, 160)))
        for _ in range(8):
            at, angle = (x, y), rng.uniform(0, 2 * math.pi)
            for turn in rng.normal(rng.choice([-0.4, 0.4]), 0.35, 13):
                end = (at[0] + 0.026 * math.cos(angle), at[1] + 0.026 * math.sin(angle))
                self._line(red, at, end, 0.008, 230)
                at, angle = end, angle + turn
        if rng.random() < 0.5:
            radius, left, top = rng.uniform(0.07, 0.13), x + rng.normal(0, 0.08), y + rng.uniform(0.0, 0.12)
            box = [*self._pixel((left - radius, top - radius)), *self._pixel((left + radius, top + radius))]
            red.chord(box, 0, 180, fill=235)

    def _fill(self, layer: Image.Image, share: float, draw: Callable[[], None]) -> None:
        """Draw until a layer covers this share of the field of view, as far as that can be reached."""
        full = 255 * math.pi * self.radius**2
        for _ in range(80):
            if ImageStat.Stat(layer).sum[0] >= share * full:
                return
            draw()

    def _spot(
        self, draw: ImageDraw.ImageDraw, at: Point, size: float, tone: int, long: float = 1.0, angle: float = 0.0
    ) -> None:
        """An uneven ellipse; `size` is the half of its shorter side, `long` how often the longer one is of that."""
        turns = np.linspace(0, 2 * math.pi, 12, endpoint=False)
        radii = size * self.rng.uniform(0.75, 1.25, 12)
        u, v = radii * np.cos(turns) * long, radii * np.sin(turns)
        x, y = at[0] + u * math.cos(angle) - v * math.sin(angle), at[1] + u * math.sin(angle) + v * math.cos(angle)
        draw.polygon([self._pixel((float(a), float(b))) for a, b in zip(x, y, strict=True)], fill=tone)

    def _line(self, draw: ImageDraw.ImageDraw, start: Point, end: Point, width: float, tone: int) -> None:
        """A line, fainter where it is thinner than a pixel."""
        pixels = width * self.radius
        draw.line(
            [self._pixel(start), self._pixel(end)], fill=int(tone * min(1.0, pixels)), width=max(1, round(pixels))
        )

    def _pixel(self, at: Point) -> Point:
        return self.centre[0] + at[0] * self.radius, self.centre[1] + at[1] * self.radius

    def _layer(self) -> tuple[Image.Image, ImageDraw.ImageDraw]:
        layer = Image.new("L", (self.side, self.side))
        return layer, ImageDraw.Draw(layer)

    def _finished(self, layer: Image.Image, blur: float) -> Floats:
        soft = layer.filter(ImageFilter.GaussianBlur(blur * self.radius))
        return np.asarray(soft, np.float32) / np.float32(255)
