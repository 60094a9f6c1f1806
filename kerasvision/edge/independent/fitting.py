"""A picture or a volume to what a file takes, by the contract's `preprocess`; and where it went. numpy.

graph_xy = xy * scale_xy + offset_xy, in pixels measured from the outer corner of the first one.
"""

import numpy as np

from kerasvision.edge.independent.resampling import resize, resize_volume, shrink, to_bytes


def fit(image, rules, scaled=None):
    """uint8 [H, W, C] -> (uint8 [h, w, C], geometry): `scale_xy`, `offset_xy` float32 [2], `image_hw` int [2].

    scaled: (uint8 [H, W, C], (h, w)) -> uint8 [h, w, C], in place of the contract's own resizing.
    """
    return FITS[rules["resize"]](image, rules, scaled or (lambda part, size: _resized(part, size, rules)))


def _geometry(image, scale_yx, offset_yx):
    return {
        "scale_xy": np.float32(scale_yx)[::-1],
        "offset_xy": np.float32(offset_yx)[::-1],
        "image_hw": np.array(image.shape[:2], np.int32),
    }


def _resized(image, size, rules):
    scale = shrink if rules["antialias"] == "area" else resize
    return to_bytes(scale(image, [int(side) for side in size], rules["resample"]))


def _stretch(image, rules, scaled):
    size = rules["size_hw"]
    scale = np.float32(size) / np.float32(image.shape[:2])
    return scaled(image, size), _geometry(image, scale, (0, 0))


def _letterbox(image, rules, scaled):
    """The whole picture, centered on gray; an odd pixel of padding is at the bottom or the right."""
    size, hw = np.array(rules["size_hw"]), np.float32(image.shape[:2])
    scale = (np.float32(size) / hw).min()
    inner = np.clip(np.round(hw * scale).astype(np.int64), 1, size)
    top, left = (size - inner) // 2
    page = np.full((*size, image.shape[2]), rules["letterbox"]["gray"], np.uint8)
    page[top : top + inner[0], left : left + inner[1]] = scaled(image, inner)
    return page, _geometry(image, np.float32(inner) / hw, (top, left))


def _center_crop(image, rules, scaled):
    """A centered window of the graph's proportions, `crop_fraction` of the largest one that fits."""
    size, hw = np.float32(rules["size_hw"]), np.array(image.shape[:2])
    step = (np.float32(hw) / size).min() * np.float32(rules["crop_fraction"])
    window = np.maximum(np.round(size * step).astype(np.int64), 1)
    origin = (hw - window) // 2
    cut = image[origin[0] : origin[0] + window[0], origin[1] : origin[1] + window[1]]
    scale = size / np.float32(window)
    return scaled(cut, rules["size_hw"]), _geometry(image, scale, -(np.float32(origin) * scale))


def _windows(image, rules, scaled):
    """At its own size, padded at the bottom and the right to one window or more."""
    missing = np.maximum(np.array(rules["size_hw"]) - image.shape[:2], 0)
    pads = [(0, missing[0]), (0, missing[1]), (0, 0)]
    return np.pad(image, pads, constant_values=rules["padding"]["gray"]), _geometry(image, (1, 1), (0, 0))


FITS = {"stretch": _stretch, "letterbox": _letterbox, "center_crop": _center_crop, "windows": _windows}


def fit_present(present, rules):
    """uint8 [H, W], 0 where a pixel is missing -> [h, w]: 1 where only present pixels have a part."""
    fitted, _ = fit(np.where(present > 0, 255, 0).astype(np.uint8)[..., None], rules)
    return np.uint8(fitted[..., 0] == 255)  # the gray of padding is not 255: it is missing too


def fit_volume(volume, spacing_mm, rules):
    """float32 [D, H, W, C] along superior, anterior, right, and the sides of a voxel in mm -> (float32, geometry)."""
    values = _intensities(np.asarray(volume, np.float32), rules["intensities"])
    if rules["spacing_mm"]:
        sides = np.float32(values.shape[:3]) * np.float32(spacing_mm) / np.float32(rules["spacing_mm"])
        values = resize_volume(values, np.maximum(np.round(sides).astype(np.int64), 1))
    geometry = {"volume_dhw": np.array(volume.shape[:3]), "fitted_dhw": np.array(values.shape[:3])}
    return VOLUME_FITS[rules["resize"]](values, rules["size_dhw"]), geometry


def _intensities(volume, rule):
    if rule["rule"] == "window":
        low, high = np.float32(rule["low"]), np.float32(rule["high"])
        return (np.clip(volume, low, high) - low) * np.float32(2.0 / (rule["high"] - rule["low"])) - np.float32(1)
    mean, deviation = volume.mean(dtype=np.float64), volume.std(dtype=np.float64)
    return ((volume - np.float32(mean)) / np.float32(max(deviation, rule["least_deviation"]))).astype(np.float32)


def _padded(values, before, after):
    return np.pad(values, [*zip(before, after, strict=True), (0, 0)], constant_values=values.min())


def _end_padded(values, size):
    missing = np.maximum(np.array(size) - values.shape[:3], 0)
    return _padded(values, (0, 0, 0), missing)


def _center_cut(values, size):
    missing = np.maximum(np.array(size) - values.shape[:3], 0)
    values = _padded(values, missing // 2, missing - missing // 2)
    begin = (np.array(values.shape[:3]) - size) // 2
    return values[tuple(slice(b, b + s) for b, s in zip(begin, size, strict=True))]


VOLUME_FITS = {"windows": _end_padded, "center_crop_or_pad": _center_cut, "stretch": resize_volume}
