"""Starts what scans files, and the alarm that says that it is down."""

from components.archive.alarm import Alarms
from components.archive.alarm_name import AlarmName
from components.archive.reader import LogReader
from components.archive.record import RecordKind
from components.archive.recorder import Recorder
from components.archive.writer import LogWriter
from components.process.run import Process
from components.settings.clamd import ClamdTable
from components.transfer.scan.scanner import Scanner
from policy.retention import RecordedKind, RetentionPolicy, assign_class


def start_alarms(
    process: Process, writer: LogWriter, reader: LogReader, retention: RetentionPolicy
) -> Alarms:
    """Return the component's alarms, each of which becomes a record of its log."""
    classes = {RecordKind.ALARM: assign_class(retention, RecordedKind.ALARM)}
    recorder = Recorder(writer, reader.source, classes)
    process.run("alarms", recorder.run())
    return Alarms(recorder)


def start_scanner(process: Process, table: ClamdTable, alarms: Alarms) -> Scanner:
    """Return what scans files, with the alarm `scanner-down` while it cannot."""
    scanner = Scanner(
        table,
        on_down=lambda reason: alarms.sound(AlarmName.SCANNER_DOWN, reason=reason),
        on_up=lambda: alarms.end(AlarmName.SCANNER_DOWN),
    )
    process.run("scanner", scanner.watch())
    return scanner
