"""Makes random images of all kinds, and what Pillow makes of them: run by run.ts, needs numpy and Pillow 13 or later.

Earlier versions of Pillow always go across the rows first, which differs where levels are clipped between the passes.
"""

import io
import json
import os
import sys

import numpy as np
import PIL
from PIL import Image, ImageOps

FOLDER, COUNT, SEED = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
KERNELS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "linear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "cubic": Image.Resampling.BICUBIC,
    "lanczos3": Image.Resampling.LANCZOS,
}
FITS = ["fill", "cover", "contain"]
KINDS = [
    "RGB PNG", "RGBA PNG", "L PNG", "LA PNG", "P PNG", "P PNG with tRNS", "RGB PNG with colour key", "1 PNG", "I;16 PNG",
    "RGB JPEG", "RGB JPEG progressive", "RGB JPEG with orientation", "L JPEG", "CMYK JPEG", "RGB WebP", "RGBA WebP lossless",
]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
rng = np.random.default_rng(SEED)
out = open(f"{FOLDER}/want.bin", "wb")
cases = []


def pixels(width, height):
    """Noise, black and white, slopes, or coarse blots."""
    kind = rng.integers(4)
    if kind == 0:
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if kind == 1:
        return rng.integers(0, 2, (height, width, 3), dtype=np.uint8) * 255
    y, x = np.mgrid[0:height, 0:width]
    if kind == 2:
        return np.stack([x * rng.integers(1, 9) + y, y * rng.integers(1, 9) - x, x + y * 3], -1).astype(np.uint8)
    blots = Image.fromarray(rng.integers(0, 256, (1 + height // 9, 1 + width // 9, 3), dtype=np.uint8))
    return np.asarray(blots.resize((width, height), Image.Resampling.BICUBIC))


def encoded(kind):
    """The bytes of a file, and its pixels by Pillow: RGB."""
    width, height = (int(side) for side in rng.integers(1, rng.choice([24, 120, 420]), 2))
    rgb = Image.fromarray(pixels(width, height))
    alpha = Image.fromarray(rng.integers(0, 256, (height, width), dtype=np.uint8))
    image, options = rgb, {"format": kind.split()[1]}
    mode = kind.split()[0]
    if mode in ("RGBA", "LA"):
        image = rgb.convert(mode)
        image.putalpha(alpha)
    elif mode == "P":
        image = rgb.quantize(int(rng.integers(2, 257)))
        if "tRNS" in kind:
            options["transparency"] = bytes(rng.integers(0, 256, int(rng.integers(1, 9)), dtype=np.uint8))
    elif mode == "I;16":
        image = Image.fromarray(rng.integers(0, 65536, (height, width), dtype=np.uint16))
    elif mode == "CMYK":
        inks = np.concatenate([np.asarray(rgb), np.asarray(alpha)[..., None]], -1)
        image = Image.fromarray(inks, "CMYK")
    elif mode != "RGB":
        image = rgb.convert(mode)
    if "key" in kind:
        options["transparency"] = tuple(int(level) for level in np.asarray(rgb)[0, 0])
    if "JPEG" in kind:
        options["quality"] = int(rng.integers(30, 100))
        options["progressive"] = "progressive" in kind
    if "orientation" in kind:
        exif = Image.Exif()
        exif[0x0112] = int(rng.integers(1, 9))
        options["exif"] = exif
    if "lossless" in kind:
        options.update(lossless=True, exact=True)
    file = io.BytesIO()
    image.save(file, **options)
    opened = ImageOps.exif_transpose(Image.open(io.BytesIO(file.getvalue())))
    if mode == "I;16":
        # Pillow clips 16 bits to 8 where it converts them; the high byte is what it takes of 16-bit RGB.
        opened = Image.fromarray((np.asarray(opened).astype(np.uint16) >> 8).astype(np.uint8))
    return file.getvalue(), opened.convert("RGB")


def cropped(image, width, height):
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def resized(image, width, height, kernel, fit, background):
    method = KERNELS[kernel]
    if fit == "cover":
        return cropped(ImageOps.cover(image, (width, height), method), width, height)
    if fit == "contain":
        small = ImageOps.contain(image, (width, height), method)
        if min(small.size) > 0:
            return ImageOps.pad(image, (width, height), method, color=tuple(background))
        return None
    return image.resize((width, height), method)


def put(number, kind, what, ops, want):
    if want is None:
        return
    values = np.ascontiguousarray(np.asarray(want))
    if values.dtype == np.uint8:
        values = values.reshape(values.shape[0], values.shape[1], -1)
    cases.append(dict(file=f"{number}", kind=kind, what=what, ops=ops, at=out.tell(), bytes=values.nbytes,
                      shape=list(values.shape), dtype=str(values.dtype)))
    out.write(values.tobytes())


for number in range(COUNT):
    kind = KINDS[number % len(KINDS)]
    data, image = encoded(kind)
    with open(f"{FOLDER}/{number}", "wb") as file:
        file.write(data)
    decode = {"op": "decode"}
    put(number, kind, "decode", [decode], image)
    put(number, kind, "decode to grey", [{"op": "decode", "channels": 1}], image.convert("L"))

    # The kernel takes turns over the kinds of images, the fit is drawn.
    kernel = list(KERNELS)[(number // len(KINDS)) % len(KERNELS)]
    width, height = (int(side) for side in rng.integers(1, rng.choice([30, 260]), 2))
    fit = str(rng.choice(FITS))
    background = [int(level) for level in rng.integers(0, 256, 3)]
    resize = {"op": "resize", "width": width, "height": height, "kernel": kernel, "fit": fit, "background": background}
    made = resized(image, width, height, kernel, fit, background)
    put(number, kind, f"resize, {kernel}", [decode, resize], made)
    put(number, kind, f"resize of grey, {kernel}", [{"op": "decode", "channels": 1}, {**resize, "fit": "fill"}],
        image.convert("L").resize((width, height), KERNELS[kernel]))

    crop = [int(rng.integers(1, side + 1)) for side in (image.width, image.height)]
    centre = {"op": "center-crop", "width": crop[0], "height": crop[1]}
    small = cropped(image, *crop)
    put(number, kind, "crop", [decode, centre], small)
    put(number, kind, "crop, then resize", [decode, centre, {**resize, "fit": "fill"}],
        small.resize((width, height), KERNELS[kernel]))
    if made is not None:
        after = [int(rng.integers(1, side + 1)) for side in (width, height)]
        put(number, kind, "resize, then crop", [decode, resize, {"op": "center-crop", "width": after[0], "height": after[1]}],
            cropped(made, *after))

    axis = ["horizontal", "vertical"][number % 2]
    turn = [Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM][number % 2]
    flip = {"op": "flip", "axis": axis, "probability": 1}
    put(number, kind, "flip", [decode, flip], image.transpose(turn))
    put(number, kind, "flip, then resize", [decode, flip, {**resize, "fit": "fill"}],
        image.transpose(turn).resize((width, height), KERNELS[kernel]))

    normalize = {"op": "normalize", "mean": MEAN, "std": STD}
    formula = (np.asarray(small).astype(np.float64) * (1 / 255) - np.array(MEAN)) / np.array(STD)
    put(number, kind, "normalize", [decode, centre, normalize], formula.astype(np.float32))
    try:
        import torch
        from torchvision.transforms import functional
    except ImportError:
        continue
    tensor = functional.normalize(functional.to_tensor(small), MEAN, STD)
    put(number, kind, "normalize, as torchvision", [decode, centre, normalize], tensor.permute(1, 2, 0).numpy())

out.close()
versions = {"Pillow": PIL.__version__, "numpy": np.__version__}
if "torchvision" in sys.modules:
    versions["torchvision"] = sys.modules["torchvision"].__version__
with open(f"{FOLDER}/cases.json", "w") as file:
    json.dump({"versions": versions, "cases": cases}, file)
