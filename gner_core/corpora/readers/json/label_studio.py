"""Reads the JSON export of Label Studio.

A task holds `data` with the text and `annotations`, one per annotator, whose `result` lists regions
with positions. Positions count UTF-16 units, as JavaScript does, or code points: the region's text
decides. Choices, relations and other results are passed over and counted.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gner_core.config.corpus import LabelStudioFormat
from gner_core.corpora.readers.json.records import json_objects, list_of_objects, string
from gner_core.corpora.readers.json.spans import label_of, short
from gner_core.corpora.readers.positions import Said, in_code_points
from gner_core.corpora.readers.raw import RawText
from gner_core.errors import InputError


def read(path: Path, form: LabelStudioFormat, repairs: Counter[str]) -> Iterator[RawText]:
    """Yield the texts of annotated tasks."""
    for line, task in json_objects(path):
        where = f"{path}, line {line}"
        results = _results(task, where, repairs)
        if results is None:
            continue
        text = string(task, f"data.{form.text_field}", where=where)
        said = []
        for result in results:
            region = result.get("value")
            labels = _labels(region)
            if isinstance(region, dict) and labels is not None:
                said.append(_said(region, labels, where, repairs))
            else:
                repairs["annotations other than entities passed over"] += 1
        yield RawText(text, in_code_points(text, said, repairs=repairs), line)


def _results(
    task: dict[str, Any], where: str, repairs: Counter[str]
) -> list[dict[str, Any]] | None:
    """Return what was annotated in a task, None where nobody has worked on it."""
    annotations = list_of_objects(task, "annotations", where=where)
    finished = [one for one in annotations if not one.get("was_cancelled")]
    if not finished:
        repairs["tasks without an annotation left out"] += 1
        return None
    if len(finished) > 1:
        repairs["further annotations of a task left out"] += len(finished) - 1
    return list_of_objects(finished[0], "result", where=where)


def _labels(region: Any) -> Any:
    """Return the labels of a region, None where it has none: such as `labels`."""
    values = region if isinstance(region, dict) else {}
    return next((value for key, value in values.items() if key.endswith("labels")), None)


def _said(region: dict[str, Any], labels: Any, where: str, repairs: Counter[str]) -> Said:
    start, end, text = region.get("start"), region.get("end"), region.get("text")
    if type(start) is not int or type(end) is not int:
        raise InputError(
            f"{where}: region {short(region)} has no positions in a plain text; "
            "only Labels of a Text are read, not those of HyperText or Paragraphs"
        )
    label = label_of(labels, region, where=where, repairs=repairs)
    said = text if isinstance(text, str) else None
    return Said([(start, end)], label, said, where)
