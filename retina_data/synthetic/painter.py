"""Paint a photograph of a retina: what a camera shows of the anatomy of an eye with a grade.

Lengths are in units of the field of view's radius; x points to the nasal side of a right eye, and left eyes are
mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from retina_data.synthetic.anatomy import OPTIC_DISC, OPTIC_DISC_RADIUS, Anatomy

Floats = npt.NDArray[np.float32]

# What is left of the light in red, green and blue where a layer is opaque; bright layers add towards a colour.
_BLOOD = np.array([0.78, 0.43, 0.47], np.float32)  # in vessels and out of them

_BRIGHT = np.array([1.12, 0.98, 0.34], np.float32)

_PALE = np.array([1.00, 0.82, 0.56], np.float32)

_NERVE_COLOUR = np.array([1.22, 0.86, 0.42], np.float32)

_MACULA = np.array([0.7, 1.0, 1.0], np.float32)  # what its pigment takes away

_RIM_COLOUR = np.array([0.62, 0.60, 0.62], np.float32)


@dataclass(frozen=True)
class Camera:
    """How a camera shows a retina; lengths in units of the field of view's radius, but `radius` of the frame's side.

    `cut`: how far the frame reaches above and below the field of view's middle; 1 shows the whole field of view.
    """

    gains: tuple[float, float, float]
    blur: float
    fall_off: float
    noise: float
    radius: float
    haze: float  # light scattered evenly over the field of view
    cut: float


CAMERAS = {
    "a": Camera((1.0, 1.0, 1.0), blur=0.006, fall_off=0.26, noise=0.010, radius=0.47, haze=0.00, cut=0.86),
    "b": Camera((0.90, 1.05, 1.45), blur=0.009, fall_off=0.36, noise=0.012, radius=0.49, haze=0.03, cut=1.0),
}


@dataclass(frozen=True)
class Look:
    """What the two eyes of a patient share: tint (3,) of the retina, brightness, width of the vessels, coarse grain,
    streaks of the choroid that shine through, and how dark the macula is."""

    tint: tuple[float, float, float]
    brightness: float
    vessel_width: float
    grain: float
    streaks: float
    macula: float


def draw_look(rng: np.random.Generator) -> Look:
    """A patient's look: from dark red-brown over orange to pink, as real photographs are."""
    pink = rng.uniform(0, 1) ** 1.4
    red = float(np.clip(rng.normal(0.72, 0.12), 0.42, 0.95))
    green = 0.43 + 0.11 * pink + 0.25 * (red - 0.72) + rng.normal(0, 0.035)
    blue = 0.03 + 0.33 * pink
    streaks = rng.uniform(0.04, 0.12) if rng.random() < 0.3 else 0.0
    return Look(
        (1.0, green, blue), red, rng.uniform(0.85, 1.2), rng.uniform(0.015, 0.04), streaks, rng.uniform(0.10, 0.45)
    )


def paint(grade: int, eye: str, look: Look, camera: Camera, size: int, rng: np.random.Generator) -> Image.Image:
    """An RGB photograph (size, size) of a "left" or "right" eye with a grade 0..4."""
    side = size * (4 if size <= 96 else 2)  # painted larger, then reduced: edges are smooth
    radius = side * camera.radius * rng.uniform(0.97, 1.02)
    middle = side / 2 + rng.normal(0, 0.006 * side, 2)
    gaze = radius * rng.normal(0, 0.07, 2)  # where the macula is; nobody looks straight ahead
    x, y = (((np.arange(side, dtype=np.float32) + 0.5) - c) / np.float32(radius) for c in middle)
    x, y = np.meshgrid(x, y)  # (side, side)
    u, v = x - np.float32(gaze[0] / radius), y - np.float32(gaze[1] / radius)  # from the macula

    light = look.brightness * _texture(side, look.grain, rng) * _streaks(side, look.streaks, rng)
    away = u**2 + v**2
    picture = light[..., None] * np.array(look.tint, np.float32)
    dark = look.macula * rng.uniform(0.8, 1.2) * np.exp(-away / 0.018) + 0.10 * np.exp(-away / 0.12)
    picture *= 1 - dark[..., None] * _MACULA
    picture = _with_nerve(picture, u, v, look, rng)
    anatomy = Anatomy(side, radius, (float(middle[0] + gaze[0]), float(middle[1] + gaze[1])), rng)
    blood, bright, pale = anatomy.layers(grade, look.vessel_width)
    picture += pale[..., None] * 0.55 * (_PALE * look.brightness - picture)
    picture += bright[..., None] * 0.9 * (_BRIGHT * look.brightness - picture)
    picture *= 1 - blood[..., None] * (1 - _BLOOD)
    if eye == "left":
        picture, x = picture[:, ::-1], x[:, ::-1]
    return _photographed(picture, x, y, camera, size, rng)


def _with_nerve(picture: Floats, u: Floats, v: Floats, look: Look, rng: np.random.Generator) -> Floats:
    """The optic disc, a bright ellipse with a paler cup, and the light around it."""
    wide = rng.uniform(0.88, 1.0)
    distance = np.hypot((u - OPTIC_DISC[0]) / wide, v - OPTIC_DISC[1]) / (OPTIC_DISC_RADIUS * rng.uniform(0.9, 1.1))
    glow = 1 + 0.22 * np.exp(-((distance / 2.4) ** 2))
    optic_disc = rng.uniform(0.75, 0.95) / (1 + np.exp((distance - 1) * 24))
    cup = np.exp(-((distance / rng.uniform(0.4, 0.7)) ** 2))
    colour = _NERVE_COLOUR * (0.35 + 0.72 * look.brightness) * np.array([1, 1, 0.4 + 1.6 * look.tint[2]], np.float32)
    lit = picture * glow[..., None]
    pale = colour * (1 + 0.22 * cup[..., None] * np.array([0.4, 1.0, 1.2], np.float32))
    return np.asarray(lit + optic_disc[..., None] * (pale - lit), np.float32)


def _photographed(
    picture: Floats, x: Floats, y: Floats, camera: Camera, size: int, rng: np.random.Generator
) -> Image.Image:
    """The retina as the camera shows it: uneven light, its colours, black around the field of view, blur and noise."""
    squared = x**2 + y**2
    spot = rng.normal(0, 0.25, 2)
    light = 1.06 - camera.fall_off * rng.uniform(0.5, 1.4) * ((x - spot[0]) ** 2 + (y - spot[1]) ** 2)
    gains = np.array(camera.gains, np.float32) * rng.normal(1, 0.04, 3).astype(np.float32)
    exposed = (picture * np.maximum(light, 0.2)[..., None] + camera.haze) * gains
    if rng.random() < 0.2:  # the iris' rim shines at one side
        turn = rng.uniform(0, 2 * np.pi)
        rim = 0.7 / (1 + np.exp((1.12 - np.hypot(x + 0.3 * np.cos(turn), y + 0.3 * np.sin(turn))) * 16))
        exposed += rim[..., None] * (_RIM_COLOUR * picture.mean() * 2 - exposed)
    exposed *= ((squared < 1) & (np.abs(y) < camera.cut))[..., None]
    image = Image.fromarray((np.clip(exposed, 0, 1) * 255).astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(camera.blur * rng.uniform(0.4, 1.6) * camera.radius * len(x)))
    small = np.asarray(image.resize((size, size), Image.Resampling.BOX), np.float32)
    noise = rng.normal(0, 255 * camera.noise, small.shape).astype(np.float32)
    return Image.fromarray(np.clip(small + noise * (small > 12), 0, 255).astype(np.uint8))


def _texture(side: int, grain: float, rng: np.random.Generator) -> Floats:
    """Uneven brightness around 1 (side, side): coarse and fine patches of the choroid."""
    total = np.ones((side, side), np.float32)
    for squares, share in ((4, 1.6), (9, 1.0), (60, 0.35)):
        patch = Image.fromarray(rng.normal(0, grain * share, (squares, squares)).astype(np.float32))
        total += np.asarray(patch.resize((side, side), Image.Resampling.BICUBIC))
    return total


def _streaks(side: int, strength: float, rng: np.random.Generator) -> Floats:
    """Vessels of the choroid that shine through a pale retina: bright streaks around 1 (side, side)."""
    angle = rng.uniform(0, 180)
    if not strength:
        return np.ones((1, 1), np.float32)
    patch = Image.fromarray(rng.normal(0, 1, (60, 14)).astype(np.float32)).resize(
        (2 * side, 2 * side), Image.Resampling.BICUBIC
    )
    turned = patch.rotate(angle, Image.Resampling.BILINEAR).crop(
        (side // 2, side // 2, side // 2 + side, side // 2 + side)
    )
    return np.asarray(1 + strength * np.tanh(1.5 * np.asarray(turned)), np.float32)
