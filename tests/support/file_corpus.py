"""Files of every kind, made here, each with what a look into it has to find."""

import functools

from tests.support.file_corpus_hidden import hidden_samples
from tests.support.file_corpus_packed import archive_samples, bomb_samples
from tests.support.file_corpus_shown import picture_samples, program_samples, samples_of_two_kinds
from tests.support.file_corpus_written import document_samples, text_samples
from tests.support.file_sample import Sample


@functools.cache
def all_samples() -> tuple[Sample, ...]:
    """Return the whole corpus."""
    return (
        *picture_samples(),
        *program_samples(),
        *archive_samples(),
        *bomb_samples(),
        *document_samples(),
        *text_samples(),
        *samples_of_two_kinds(),
        *hidden_samples(),
    )
