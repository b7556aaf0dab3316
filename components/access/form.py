"""Forms (XEP-0004) as values: what a command asks for, shows, and gets back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

XMLNS = "jabber:x:data"
_FORM_TYPE = "FORM_TYPE"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form; `options` are values with their labels, for `list-single`."""

    name: str
    label: str
    type: str = "text-single"
    value: str = ""
    options: tuple[tuple[str, str], ...] = ()
    required: bool = False


def encode_form(title: str, instructions: str, fields: Sequence[Field]) -> ET.Element:
    """Encode a form to fill in."""
    form = ET.Element(f"{{{XMLNS}}}x", type="form")
    ET.SubElement(form, f"{{{XMLNS}}}title").text = title
    ET.SubElement(form, f"{{{XMLNS}}}instructions").text = instructions
    for each in fields:
        field = ET.SubElement(form, f"{{{XMLNS}}}field", type=each.type, var=each.name, label=each.label)
        if each.required:
            ET.SubElement(field, f"{{{XMLNS}}}required")
        if each.value:
            ET.SubElement(field, f"{{{XMLNS}}}value").text = each.value
        for value, label in each.options:
            option = ET.SubElement(field, f"{{{XMLNS}}}option", label=label)
            ET.SubElement(option, f"{{{XMLNS}}}value").text = value
    return form


def encode_table(title: str, columns: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> ET.Element:
    """Encode a result of several items; `columns` are names with their labels (XEP-0004, section 3.4)."""
    form = ET.Element(f"{{{XMLNS}}}x", type="result")
    ET.SubElement(form, f"{{{XMLNS}}}title").text = title
    reported = ET.SubElement(form, f"{{{XMLNS}}}reported")
    for name, label in columns.items():
        ET.SubElement(reported, f"{{{XMLNS}}}field", var=name, label=label, type="text-single")
    for row in rows:
        item = ET.SubElement(form, f"{{{XMLNS}}}item")
        for name in columns:
            field = ET.SubElement(item, f"{{{XMLNS}}}field", var=name)
            ET.SubElement(field, f"{{{XMLNS}}}value").text = row[name]
    return form


def encode_submission(form_type: str, values: Mapping[str, Sequence[str]]) -> ET.Element:
    """Encode a filled-in form of a registered type (XEP-0068)."""
    form = ET.Element(f"{{{XMLNS}}}x", type="submit")
    hidden = ET.SubElement(form, f"{{{XMLNS}}}field", var=_FORM_TYPE, type="hidden")
    ET.SubElement(hidden, f"{{{XMLNS}}}value").text = form_type
    for name, lines in values.items():
        field = ET.SubElement(form, f"{{{XMLNS}}}field", var=name)
        for line in lines:
            ET.SubElement(field, f"{{{XMLNS}}}value").text = line
    return form


def parse_values(parent: ET.Element) -> dict[str, list[str]]:
    """Return the values of the form in an element, by field; empty if there is no form."""
    form = parent.find(f"{{{XMLNS}}}x")
    if form is None:
        return {}
    return {
        field.get("var", ""): [value.text or "" for value in field.findall(f"{{{XMLNS}}}value")]
        for field in form.findall(f"{{{XMLNS}}}field")
    }
