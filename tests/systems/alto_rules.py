"""What ALTO 4.2 asks of the elements that are written here, from its schema (loc.gov/standards/alto/v4/alto-4-2.xsd).

No package on PyPI brings the schema itself.
"""

import re
from xml.etree import ElementTree

NAMESPACE = "{http://www.loc.gov/standards/alto/ns-v4#}"
SPACE = {"HPOS": "float", "VPOS": "float", "WIDTH": "float", "HEIGHT": "float"}
# element -> (required attributes, others, its children's names in order as a regular expression)
ELEMENTS = {
    "alto": ({}, {"SCHEMAVERSION": "string"}, "(Description )?(Styles )?(Tags )?Layout "),
    "Description": ({}, {}, "MeasurementUnit (sourceImageInformation )?(OCRProcessing )*(Processing )*"),
    "MeasurementUnit": ({}, {}, ""),
    "sourceImageInformation": ({}, {}, "(fileName )?(fileIdentifier )*(documentIdentifier )*"),
    "fileName": ({}, {}, ""),
    "Processing": (
        {"ID": "id"},
        {},
        "(processingCategory )?(processingDateTime )?(processingAgency )?(processingStepDescription )*"
        "(processingStepSettings )?(processingSoftware )?",
    ),
    "processingCategory": ({}, {}, ""),
    "processingSoftware": (
        {},
        {},
        "(softwareCreator )?(softwareName )?(softwareVersion )?(applicationDescription )?",
    ),
    "softwareName": ({}, {}, ""),
    "Layout": ({}, {}, "(Page )+"),
    "Page": (
        {"ID": "id", "PHYSICAL_IMG_NR": "float"},
        {"WIDTH": "float", "HEIGHT": "float"},
        "(TopMargin )?(LeftMargin )?(RightMargin )?(BottomMargin )?(PrintSpace )?",
    ),
    "PrintSpace": ({}, SPACE, "(Shape )?((TextBlock|Illustration|GraphicalElement|ComposedBlock) )*"),
    "TextBlock": ({"ID": "id"}, SPACE, "(Shape )?(TextLine )*"),
    "TextLine": ({}, {"ID": "id", **SPACE}, "(Shape )?(String (SP )?)+(HYP )?"),
    "String": ({"CONTENT": "string"}, {"ID": "id", "WC": "share", **SPACE}, "(Shape )?(ALTERNATIVE )*(Glyph )*"),
    "SP": ({}, {"ID": "id", **SPACE}, ""),
    "Shape": ({}, {}, "(Polygon|Ellipse|Circle) "),
    "Polygon": ({"POINTS": "string"}, {}, ""),
}
UNITS = ("pixel", "mm10", "inch1200")
CATEGORIES = ("contentGeneration", "contentModification", "preOperation", "postOperation", "other")


def faults(text):
    """Lines about what is against the rules."""
    root, found, ids = ElementTree.fromstring(text.encode()), [], set()
    if root.tag != f"{NAMESPACE}alto":
        return [f"the root is {root.tag}"]
    for element in root.iter():
        name = element.tag.removeprefix(NAMESPACE)
        if name not in ELEMENTS:
            found.append(f"{name} is no element of ALTO that is known here")
            continue
        required, others, children = ELEMENTS[name]
        found += [f"{name} lacks {key}" for key in required if key not in element.attrib]
        for key, value in element.attrib.items():
            if key.startswith("{"):
                continue  # of XML Schema's own namespace
            kind = (required | others).get(key)
            if kind is None:
                found.append(f"{name} has no attribute {key}")
            elif not _is(kind, value, ids):
                found.append(f"{name}: {key}={value!r} is no {kind}")
        seen = "".join(child.tag.removeprefix(NAMESPACE) + " " for child in element)
        if not re.fullmatch(children, seen):
            found.append(f"{name} holds {seen}")
        if children and (element.text or "").strip():
            found.append(f"{name} holds text")
        if name == "MeasurementUnit" and element.text not in UNITS:
            found.append(f"{name} is {element.text}")
        if name == "processingCategory" and element.text not in CATEGORIES:
            found.append(f"{name} is {element.text}")
    return found


def _is(kind, value, ids):
    if kind == "id":
        fresh = bool(re.fullmatch(r"[A-Za-z_][\w.\-]*", value)) and value not in ids
        ids.add(value)
        return fresh
    if kind == "string":
        return True
    try:
        number = float(value)
    except ValueError:
        return False
    return kind == "float" or 0 <= number <= 1
