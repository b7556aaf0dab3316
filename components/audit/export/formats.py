"""The formats that there are, by name."""

from components.audit.export.actiance import Actiance
from components.audit.export.csv import Csv
from components.audit.export.eml import Eml
from components.audit.export.format import Format
from components.audit.export.html import Html
from components.audit.export.jsonl import JsonLines
from components.audit.export.pdf import Pdf
from components.audit.export.rsmf import Rsmf
from components.audit.export.xep0227 import Xep0227

_ALL: tuple[Format, ...] = (Rsmf(), Eml(), Actiance(), JsonLines(), Csv(), Html(), Pdf(), Xep0227())

FORMATS = {each.name: each for each in _ALL}
