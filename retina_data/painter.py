"""Paint a photograph of a retina with the lesions of a grade; its geometry is in units of the disc's radius.

x points to the nasal side of a right eye, y down, and the macula is near (0, 0); left eyes are mirrored. What is drawn
for a grade follows the international scale (Wilkinson et al., Ophthalmology 110, 2003): microaneurysms only; more than
these; haemorrhages in four quadrants; new vessels. Lesions are larger than in life, so that they survive at 64 px.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Floats = npt.NDArray[np.float32]

_NERVE = (0.56, -0.04)  # the optic nerve's head
_NERVE_RADIUS = 0.17

# What is left of the light in red, green and blue where a layer is opaque; bright layers add towards a colour.
_BLOOD = np.array([0.52, 0.18, 0.22], np.float32)
_VESSEL = np.array([0.76, 0.50, 0.52], np.float32)
_EXUDATE = np.array([1.0, 0.88, 0.38], np.float32)
_FIBRE = np.array([0.92, 0.74, 0.50], np.float32)
_NERVE_COLOUR = np.array([1.0, 0.84, 0.52], np.float32)


# Fewest and most of each kind of lesion, by grade: microaneurysms, haemorrhages, clusters of hard exudates, cotton wool
# spots, tangles of new vessels.
_LESIONS = (
    ((0, 0), (0, 0), (0, 0), (0, 0), (0, 0)),
    ((4, 9), (0, 0), (0, 0), (0, 0), (0, 0)),
    ((8, 15), (5, 10), (1, 3), (0, 1), (0, 0)),
    ((15, 25), (20, 32), (0, 3), (0, 3), (0, 0)),
    ((8, 20), (4, 13), (0, 2), (0, 2), (3, 5)),
)


@dataclass(frozen=True)
class Camera:
    """How a camera shows a retina: colour gains, blur (of the disc's radius), fall-off to the rim, noise, disc size."""

    gains: tuple[float, float, float]
    blur: float
    fall_off: float
    noise: float
    radius: float  # of the frame's side
    haze: float  # light scattered evenly over the disc


CAMERAS = {
    "a": Camera((1.0, 1.0, 1.0), blur=0.006, fall_off=0.30, noise=0.010, radius=0.47, haze=0.00),
    "b": Camera((0.90, 1.05, 1.45), blur=0.010, fall_off=0.40, noise=0.012, radius=0.50, haze=0.04),
}


@dataclass(frozen=True)
class Look:
    """What the two eyes of a patient share: tint (3,) of the retina, brightness, width of the vessels, grain."""

    tint: tuple[float, float, float]
    brightness: float
    vessel_width: float
    grain: float


def draw_look(rng: np.random.Generator) -> Look:
    """A patient's look: from dark brown over orange to pink."""
    pink, light = rng.beta(1.2, 2.5), rng.uniform(0.62, 1.05)
    orange, rose = np.array([0.74, 0.36, 0.12]), np.array([0.76, 0.46, 0.36])
    red, green, blue = orange + pink * (rose - orange)
    return Look((red, green, blue), light, rng.uniform(0.8, 1.2), rng.uniform(0.02, 0.06))


def paint(grade: int, eye: str, look: Look, camera: Camera, size: int, rng: np.random.Generator) -> Image.Image:
    """An RGB photograph (size, size) of a "left" or "right" eye with a grade 0..4."""
    side = size * (4 if size <= 96 else 2)  # painted larger, then reduced: edges are smooth
    radius = side * camera.radius * rng.uniform(0.96, 1.02)
    centre = side / 2 + rng.normal(0, 0.008 * side, 2)
    x, y = (((np.arange(side, dtype=np.float32) + 0.5) - c) / np.float32(radius) for c in centre)
    sheet = _Sheet(side, radius, (float(centre[0]), float(centre[1])), rng)
    x, y = np.meshgrid(x, y)  # (side, side)

    light = np.float32(look.brightness) * _texture(side, look.grain, rng)
    light *= 1 - 0.35 * rng.uniform(0.6, 1.2) * np.exp(-(x**2 + (y - 0.05) ** 2) / 0.035)  # macula
    picture = light[..., None] * np.array(look.tint, np.float32)
    nerve = _nerve(x, y, rng)
    picture += (nerve * rng.uniform(0.8, 1.0))[..., None] * (_NERVE_COLOUR * (0.3 + 0.75 * look.brightness) - picture)
    picture *= 1 - sheet.vessels(look.vessel_width)[..., None] * (1 - _VESSEL)
    blood, bright, fibre = sheet.lesions(grade)
    picture += fibre[..., None] * 0.75 * (_FIBRE * look.brightness - picture)
    picture *= 1 - blood[..., None] * (1 - _BLOOD)
    picture += bright[..., None] * 0.9 * (_EXUDATE * look.brightness - picture)
    if eye == "left":
        picture, x = picture[:, ::-1], x[:, ::-1]
    return _photographed(picture, x, y, camera, size, rng)


def _photographed(
    picture: Floats, x: Floats, y: Floats, camera: Camera, size: int, rng: np.random.Generator
) -> Image.Image:
    """The retina as the camera shows it: uneven light, its colours, black around the disc, blur and noise."""
    squared = x**2 + y**2
    spot = rng.normal(0, 0.3, 2)
    light = 1.08 - camera.fall_off * rng.uniform(0.6, 1.4) * ((x - spot[0]) ** 2 + (y - spot[1]) ** 2)
    gains = np.array(camera.gains, np.float32) * rng.normal(1, 0.04, 3).astype(np.float32)
    shown = (picture * np.maximum(light, 0.15)[..., None] + camera.haze) * gains
    shown *= (squared < 1)[..., None]
    image = Image.fromarray((np.clip(shown, 0, 1) * 255).astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(camera.blur * rng.uniform(0.5, 1.5) * camera.radius * len(x)))
    small = np.asarray(image.resize((size, size), Image.Resampling.BOX), np.float32)
    noise = rng.normal(0, 255 * camera.noise, small.shape).astype(np.float32)
    return Image.fromarray(np.clip(small + noise * (small > 12), 0, 255).astype(np.uint8))


def _texture(side: int, grain: float, rng: np.random.Generator) -> Floats:
    """Uneven brightness around 1 (side, side): coarse and fine patches of the choroid."""
    total = np.ones((side, side), np.float32)
    for cells, share in ((5, 1.0), (24, 0.6)):
        patch = Image.fromarray(rng.normal(0, grain * share, (cells, cells)).astype(np.float32))
        total += np.asarray(patch.resize((side, side), Image.Resampling.BICUBIC))
    return total


def _nerve(x: Floats, y: Floats, rng: np.random.Generator) -> Floats:
    """The optic nerve's head: a soft ellipse with a brighter cup, 0..1."""
    distance = np.hypot((x - _NERVE[0]) / rng.uniform(0.85, 1.0), y - _NERVE[1]) / _NERVE_RADIUS
    edge = 1 / (1 + np.exp((distance - 1) * 14))
    return np.asarray(edge * (0.72 + 0.28 * np.exp(-((distance / rng.uniform(0.4, 0.7)) ** 2))), np.float32)


class _Sheet:
    """Draws lines and spots given in units of the disc's radius into grey layers (side, side), 0..1."""

    def __init__(self, side: int, radius: float, centre: tuple[float, float], rng: np.random.Generator) -> None:
        self.side, self.radius, self.centre, self.rng = side, radius, centre, rng

    def vessels(self, width: float) -> Floats:
        """Four arcades out of the nerve's head, each an artery and a vein, and their branches."""
        layer, draw = self._layer()
        for side in (-1, 1):
            for start, bend, length in ((1.95, 0.048, 1.7), (1.2, -0.012, 0.9), (2.7, 0.012, 0.35)):
                for offset, relative in ((0.0, 1.0), (0.14, 0.72)):
                    angle = start + offset + self.rng.normal(0, 0.12)
                    self._grow(draw, _NERVE, side * angle, side * bend, 0.028 * width * relative, length)
        return self._finished(layer, 0.006)

    def _grow(
        self, draw: ImageDraw.ImageDraw, at: tuple[float, float], angle: float, bend: float, width: float, length: float
    ) -> None:
        """A vessel that winds on from a point, thins out and branches."""
        step = 0.05
        steps = int(length / step)
        wander = self.rng.normal(0, 0.13, steps)
        branch = self.rng.random(steps)
        for n in range(steps):
            end = (at[0] + step * math.cos(angle), at[1] + step * math.sin(angle))
            self._line(draw, at, end, width * (1 - 0.6 * n / steps))
            if branch[n] < 0.14 and n > 1 and width > 0.011:
                turn = 0.65 if branch[n] < 0.07 else -0.65
                self._grow(draw, end, angle + turn, -turn * 0.04, width * 0.55, (length - n * step) * 0.6)
            at, angle = end, angle + bend + wander[n]

    def lesions(self, grade: int) -> tuple[Floats, Floats, Floats]:
        """Layers of blood, of exudates, and of white patches (cotton wool, fibres) for a grade."""
        rng = self.rng
        (blood, red), (bright, yellow), (fibre, white) = self._layer(), self._layer(), self._layer()
        dots, blots, clusters, wool, webs = (int(rng.integers(low, high + 1)) for low, high in _LESIONS[grade])
        for _ in range(dots):
            self._blob(red, self._place(), rng.uniform(0.020, 0.032), 235)
        for n in range(blots):
            at = self._place(quadrant=n % 4 if grade == 3 else None)
            self._blob(red, at, rng.uniform(0.035, 0.075), int(rng.integers(205, 245)))
        for _ in range(clusters):
            middle = self._place(reach=0.6)
            for _ in range(rng.integers(6, 16)):
                spot = (middle[0] + rng.normal(0, 0.08), middle[1] + rng.normal(0, 0.08))
                self._blob(yellow, spot, rng.uniform(0.015, 0.034), int(rng.integers(200, 250)))
        for _ in range(wool):
            self._blob(white, self._place(), rng.uniform(0.05, 0.08), 140)
        for _ in range(webs):
            self._web(red, white)
        return self._finished(blood, 0.007), self._finished(bright, 0.005), self._finished(fibre, 0.025)

    def _web(self, red: ImageDraw.ImageDraw, white: ImageDraw.ImageDraw) -> None:
        """New vessels: a tangle of fine loops on a pale patch of fibres, often with blood before the retina."""
        rng = self.rng
        root = self._place(reach=0.7)
        self._blob(white, root, rng.uniform(0.13, 0.22), 200)
        for _ in range(9):
            at, angle = root, rng.uniform(0, 2 * math.pi)
            for turn in rng.normal(rng.choice([-0.35, 0.35]), 0.35, 14):
                end = (at[0] + 0.035 * math.cos(angle), at[1] + 0.035 * math.sin(angle))
                self._line(red, at, end, 0.010)
                at, angle = end, angle + turn
        if rng.random() < 0.5:
            self._blob(red, (root[0] + rng.normal(0, 0.1), root[1] + 0.15), rng.uniform(0.10, 0.18), 235)

    def _place(self, quadrant: int | None = None, reach: float = 0.88) -> tuple[float, float]:
        """A random point of the retina, not on the nerve's head; in quadrant 0..3 where one is given."""
        while True:
            angle = self.rng.uniform(0, math.pi / 2) + math.pi / 2 * (
                self.rng.integers(4) if quadrant is None else quadrant
            )
            distance = reach * math.sqrt(self.rng.uniform(0.02, 1))
            x, y = distance * math.cos(angle), distance * math.sin(angle)
            if math.hypot(x - _NERVE[0], y - _NERVE[1]) > 1.5 * _NERVE_RADIUS:
                return x, y

    def _blob(self, draw: ImageDraw.ImageDraw, at: tuple[float, float], radius: float, strength: int) -> None:
        """An uneven round spot."""
        angles = np.linspace(0, 2 * math.pi, 10, endpoint=False)
        radii = radius * self.rng.uniform(0.7, 1.3, 10)
        points = zip(at[0] + radii * np.cos(angles), at[1] + radii * np.sin(angles), strict=True)
        draw.polygon([self._pixel((float(x), float(y))) for x, y in points], fill=strength)

    def _line(
        self, draw: ImageDraw.ImageDraw, start: tuple[float, float], end: tuple[float, float], width: float
    ) -> None:
        draw.line([self._pixel(start), self._pixel(end)], fill=255, width=max(1, round(width * self.radius)))

    def _pixel(self, at: tuple[float, float]) -> tuple[float, float]:
        return self.centre[0] + at[0] * self.radius, self.centre[1] + at[1] * self.radius

    def _layer(self) -> tuple[Image.Image, ImageDraw.ImageDraw]:
        layer = Image.new("L", (self.side, self.side))
        return layer, ImageDraw.Draw(layer)

    def _finished(self, layer: Image.Image, blur: float) -> Floats:
        soft = layer.filter(ImageFilter.GaussianBlur(blur * self.radius))
        return np.asarray(soft, np.float32) / np.float32(255)
