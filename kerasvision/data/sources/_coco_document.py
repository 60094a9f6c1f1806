"""Labeled boxes as COCO's JSON."""

from pycocotools import mask as coco_mask

from kerasvision.data.sources._records import encoded
from kerasvision.data.sources._things import extras


def coco_document(classes, pictures):
    """COCO's detection JSON of pictures with `image_id` and `image_hw`. Categories count from 1, as COCO's do."""
    images, annotations = [], []
    for picture in pictures:
        height, width = picture.image_hw
        row = {"id": picture.image_id, "file_name": picture.name, "width": width, "height": height}
        images.append(row | ({} if picture.illumination is None else {"illumination": picture.illumination}))
        for thing in picture.things:
            x1, y1, x2, y2 = thing.box_xyxy
            row = {"id": len(annotations) + 1, "image_id": picture.image_id, "category_id": thing.label + 1}
            row |= {"bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": 0} | extras(thing)
            row.setdefault("area", _area(thing, picture.image_hw))
            annotations.append(row | text_counts(row))
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, 1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _area(thing, image_hw):
    """COCO states an area of every object: of its mask, else of its box."""
    if thing.segmentation:
        return float(coco_mask.area(encoded(thing.segmentation, image_hw)))
    x1, y1, x2, y2 = thing.box_xyxy
    return (x2 - x1) * (y2 - y1)


def text_counts(row):
    """JSON has no bytes."""
    held = row.get("segmentation")
    if not isinstance(held, dict) or not isinstance(held["counts"], bytes):
        return {}
    return {"segmentation": held | {"counts": held["counts"].decode()}}
