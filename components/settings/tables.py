"""All tables of site.toml, in the order of docs/settings.md."""

from components.settings.access import AccessSettings
from components.settings.archive import ArchiveSettings
from components.settings.audit import AuditSettings
from components.settings.cluster import ClusterSettings
from components.settings.console import ConsoleSettings
from components.settings.directory import DirectorySettings
from components.settings.federation import FederationSettings
from components.settings.feed import FeedSettings
from components.settings.follow import FollowSettings
from components.settings.gate import GateSettings
from components.settings.history import HistorySettings
from components.settings.indexer import IndexerSettings
from components.settings.prosody import ProsodySettings
from components.settings.review import ReviewSettings
from components.settings.roster import RosterSettings
from components.settings.site_table import SiteTable
from components.settings.table import Table
from components.settings.tiles import TilesSettings
from components.settings.transfer import TransferSettings
from components.settings.witness import WitnessSettings

REQUIRED_TABLES: tuple[type[Table], ...] = (
    SiteTable,
    ProsodySettings,
    GateSettings,
    ArchiveSettings,
    AuditSettings,
)
OPTIONAL_TABLES: tuple[type[Table], ...] = (
    IndexerSettings,
    TilesSettings,
    WitnessSettings,
    DirectorySettings,
    ReviewSettings,
    RosterSettings,
    AccessSettings,
    TransferSettings,
    ConsoleSettings,
    FeedSettings,
    FollowSettings,
    HistorySettings,
    FederationSettings,
    ClusterSettings,
)
TABLES = (*REQUIRED_TABLES, *OPTIONAL_TABLES)
