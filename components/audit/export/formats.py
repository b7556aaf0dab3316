"""The formats that there are, by name."""

from components.audit.export.actiance import Actiance
from components.audit.export.csv import Csv
from components.audit.export.eml import Eml
from components.audit.export.format import Format
from components.audit.export.html import Html
from components.audit.export.jsonl import JsonLines
from components.audit.export.rsmf import Rsmf
from components.audit.export.xep0227 import Xep0227

FORMATS: dict[str, Format] = {
    each.name: each for each in (Rsmf(), Eml(), Actiance(), JsonLines(), Csv(), Html(), Xep0227())
}
