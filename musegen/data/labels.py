"""Labels of pieces: by the folders of their files, by composer, by a table, or measured.

A dataset may hold labels of several kinds in its index, each kind under a name. Where it does not, those by
folders and by a table follow from the paths of its files; composers are read when it is prepared.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path, PurePosixPath

from musegen.config.label_kinds import label_kinds
from musegen.config.settings import DataConfig
from musegen.data.dataset import Dataset
from musegen.data.measured_labels import MEASURED, measured_labels
from musegen.data.sources import Source
from musegen.data.splits import aliases, first_few, split_by_folders
from musegen.errors import ConfigError, DataError
from musegen.music.reading.composer import composer_of

FOLDERS, COMPOSER = "folders", "composer"
HEADERS = ("file", "name", "path", "filename")
"""First cells by which the first line of a table is its header."""
ALLOWED = f"{FOLDERS}, {COMPOSER}, or a CSV file of lines file,label"
"""What labels files; pieces of a dataset have keys, too."""
Labels = list[str | None]


def kind_of(how: str) -> str:
    """The name of labels in a dataset: folders, composer, or that of the table without suffix."""
    return Path(how).stem if how.lower().endswith(".csv") else how


def source_labels(how: str, sources: Sequence[Source]) -> Labels:
    """The label of each source, None for none.

    Args:
        how: "folders", "composer", or a CSV file.
        sources: to be prepared.

    Raises:
        ConfigError: `how` is none of these.
        DataError: no source has a label, or the table does not fit.
    """
    if how != COMPOSER:
        return name_labels(how, [source.name for source in sources])
    contents = [source.content for source in sources]
    found = [composer_of(each) or None if isinstance(each, Path | str) else None for each in contents]
    if not any(found):
        raise DataError(
            f"none of {len(found)} files names a composer (kern, MusicXML and ABC can): ⟨labels⟩ {ALLOWED}"
        )
    return found


def name_labels(how: str, names: Sequence[str]) -> Labels:
    """The label of each path, by its folders or by a table; see `source_labels`."""
    if how.lower().endswith(".csv"):
        return _table_labels(Path(how), names)
    if how in MEASURED:
        raise ConfigError(
            f"⟨labels⟩ {how} is measured when a model is trained, and kept by no dataset: leave it out"
        )
    if how != FOLDERS:
        near = get_close_matches(how, (FOLDERS, COMPOSER), n=1)
        raise ConfigError(
            f"unknown ⟨labels⟩ {how}: {f'did you mean {near[0]}?' if near else f'name {ALLOWED}'}"
        )
    found = _folder_labels(list(names))
    if not any(found):
        raise DataError(
            f"⟨labels⟩ {FOLDERS}: the {len(names)} pieces are not in folders of their labels; name {ALLOWED}"
        )
    return found


def _folder_labels(names: list[str]) -> Labels:
    """The first folder in which paths differ; folders train, valid and test are of no account."""
    skipped = int(split_by_folders(names) is not None)
    folders = [PurePosixPath(name.partition("#")[0]).parts[skipped:-1] for name in names]
    same = takewhile(lambda level: len(set(level)) == 1, zip(*folders, strict=False))
    shared = len(list(same)) if len(set(folders)) > 1 else 0
    return [each[shared] if len(each) > shared else None for each in folders]


def _table_labels(path: Path, names: Sequence[str]) -> Labels:
    rows = read_table(path)
    known = aliases(list(names))
    unknown = [name for name, _ in rows if name not in known]
    if unknown:
        raise DataError(
            f"{path} labels files that do not exist ({len(unknown)}): {first_few(unknown)}; allowed are "
            f"paths in the source folder, such as {names[0]}"
        )
    found: dict[str, str] = {}
    for name, label in rows:
        for each in known[name]:
            if found.setdefault(each, label) != label:
                raise DataError(f"{path} gives {each} two labels: {found[each]} and {label}")
    return [found.get(name) for name in names]


def read_table(path: Path) -> list[tuple[str, str]]:
    """The files and labels of a CSV file, whose first line may be a header.

    Raises:
        DataError: it cannot be read, or a line is something else.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or str(error)).lower() if isinstance(error, OSError) else "not text in UTF-8"
        raise DataError(f"cannot read ⟨labels⟩ {path}: {reason}; name {ALLOWED}") from error
    rows = [row for row in csv.reader(text.splitlines()) if row and not row[0].startswith("#")]
    wrong = [",".join(row) for row in rows if len(row) != 2 or not all(map(str.strip, row))]
    if wrong or not rows:
        raise DataError(f"{path}: each line must be file,label; invalid: {first_few(wrong) or 'no line'}")
    pairs = [(name.strip(), label.strip()) for name, label in rows]
    return pairs[1:] if pairs[0][0].lower() in HEADERS else pairs


def source_names(dataset: Dataset) -> list[str]:
    """The path of each piece, with the suffix of its file, as in the audit of its preparation."""
    audit = dataset.path / "audit.jsonl"
    lines = map(json.loads, audit.read_text("utf-8").splitlines()) if audit.is_file() else []
    used = [line["path"] for line in lines if line["verdict"] in ("used", "repaired")]
    return used if len(used) == len(dataset.pieces) else [piece.name for piece in dataset.pieces]


def labelled(
    dataset: Dataset, how: str, classes: Sequence[str], say: Callable[[str], None]
) -> tuple[Dataset, str, tuple[str, ...]]:
    """A dataset whose pieces have labels, without the split of those that have none, or another.

    Args:
        dataset: the music.
        how: the name of labels in its index, or as of `name_labels`; "": the labels in its index.
        classes: the labels that are wanted; (): all.
        say: prints one line about pieces that are left out.

    Returns:
        the dataset, what its pieces are labelled by, and the labels, sorted unless they were named.

    Raises:
        ConfigError: no such labels.
        DataError: fewer than two labels, or no training piece of one.
    """
    how = how or _only_kind(dataset)
    labels = dataset_labels(dataset, how)
    counts = Counter(label for label in labels if label is not None)
    if unknown := [name for name in classes if name not in counts]:
        near = get_close_matches(unknown[0], counts, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {first_few(sorted(counts))}"
        raise ConfigError(f"⟨model.classes⟩ names an unknown label {unknown[0]}: {hint}")
    classes = tuple(classes) or tuple(sorted(counts))
    _refuse_one_class(counts, how)
    _refuse_single(counts, classes)
    left_out = [p.name for p, label in zip(dataset.pieces, labels, strict=True) if label not in classes]
    if left_out:
        say(f"left out {len(left_out)} pieces without a label of these: {first_few(left_out)}")
    return with_labels(dataset, how, [label if label in classes else None for label in labels]), how, classes


def with_labels(dataset: Dataset, kind: str, labels: Labels) -> Dataset:
    """A dataset with labels of a kind; the pieces without one are in no split."""
    pieces = [
        replace(piece, labels={kind: label}) if label else replace(piece, split="", labels={})
        for piece, label in zip(dataset.pieces, labels, strict=True)
    ]
    return Dataset(dataset.path, dataset.info, pieces)


def dataset_labels(dataset: Dataset, how: str, data: DataConfig | None = None) -> Labels:
    """The label of each piece of a dataset, None for none; see `labelled`.

    Args:
        dataset: the music.
        how: the name of labels in its index, or as of `name_labels`, or measured labels.
        data: the tracks in which labels are measured.
    """
    if how in MEASURED:
        return measured_labels(dataset, how, data or DataConfig())
    for kind in (how, kind_of(how)):
        if any(kind in piece.labels for piece in dataset.pieces):
            return [piece.labels.get(kind) for piece in dataset.pieces]
    if how == COMPOSER:
        raise ConfigError(
            f"dataset {dataset.name} does not hold composers: prepare its music again with ⟨labels⟩ {how}"
        )
    return name_labels(how, source_names(dataset))


def _only_kind(dataset: Dataset) -> str:
    kinds = sorted({kind for piece in dataset.pieces for kind in piece.labels})
    if len(kinds) != 1:
        there = f"has several: {', '.join(kinds)}" if kinds else "has none of its own"
        raise ConfigError(f"⟨labels⟩ must be given, as dataset {dataset.name} {there}; name {ALLOWED}")
    return kinds[0]


def check_labels(how: str, sources: Sequence[Source]) -> None:
    """Reject labels of files before these are prepared, which may take minutes; see `source_labels`."""
    for each in label_kinds(how):
        if each not in MEASURED:
            _refuse_one_class(Counter(label for label in source_labels(each, sources) if label), each)


def _refuse_one_class(counts: Counter[str], how: str) -> None:
    if len(counts) < 2:
        raise DataError(
            f"by ⟨labels⟩ {how} all {counts.total()} labelled pieces are {next(iter(counts), 'nothing')}: "
            "there must be two labels or more; add music of others, or name other labels"
        )


def _refuse_single(counts: Counter[str], classes: Sequence[str]) -> None:
    single = [name for name in classes if counts[name] == 1]
    if single:
        raise DataError(
            f"only one piece has the label {single[0]}: nothing would be left to test on; add pieces, or "
            "leave the label out: name the others with ⟨model.classes⟩"
        )
