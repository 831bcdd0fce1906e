"""Tables as files: what stands in a cell, whatever its text."""

import csv
import io

from gner_core.reports.tables import (
    Cell,
    Column,
    Row,
    Table,
    as_csv,
    file_name,
    number,
    share,
    text,
)


def test_a_file_has_groups_full_numbers_and_nothing_where_nothing_is_known() -> None:
    columns = [Column("corpus", number=False), Column("n"), Column("F1", names=("F1", "low"))]
    awkward = 'a,"b"\nc'
    cells = [text(awkward), number(12_345), Cell("67.1", (67.1234, None), small="60–70")]
    found = list(csv.reader(io.StringIO(as_csv(Table("t", columns, [Row(cells, "one")], "test")))))
    assert found == [["test", "corpus", "n", "F1", "low"], ["one", awkward, "12345", "67.1234", ""]]


def test_shares_are_points() -> None:
    assert share(2 / 3) == Cell("66.7", (66.6667,))


def test_names_of_files_are_plain() -> None:
    assert file_name("a/b <c>", Table("x y", [], [])) == "a_b_c_-x_y.csv"
