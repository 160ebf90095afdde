from decimal import Decimal
from pathlib import Path

import pytest

from lab.orders import OrdersSummary, customer_differences, differences, summarize

HEADER = "order_id,customer_id,order_timestamp,status,amount,currency\n"
GOOD = "A1,C1,2025-03-01 10:00:00,completed,10.00,USD\n"


def _summarize(tmp_path: Path, content: str | bytes) -> OrdersSummary:
    path = tmp_path / "orders.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return summarize(path)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("A2,C1,2025-03-01 10:00:00,completed,10,USD", None),
        ("A2,,2025-03-01 10:00:00,completed,0.5,brl", None),
        (" A2 ,C1, 2025-03-01 10:00:00 , Completed , 10.00 , usd ", None),
        ("A2,C1,2024-02-29 23:59:59,failed,999999999999.99,USD", None),
        (",C1,2025-03-01 10:00:00,completed,10.00,USD", "missing_order_id"),
        ("  ,C1,nonsense,nonsense,nonsense,nonsense", "missing_order_id"),
        ("A2,C1,,completed,10.00,USD", "bad_timestamp"),
        ("A2,C1,2025-02-29 10:00:00,completed,10.00,USD", "bad_timestamp"),
        ("A2,C1,2025-03-01 24:00:00,completed,10.00,USD", "bad_timestamp"),
        ("A2,C1,2025-3-1 10:00:00,completed,10.00,USD", "bad_timestamp"),
        ("A2,C1,2025-03-01T10:00:00,completed,10.00,USD", "bad_timestamp"),
        ("A2,C1,2025-03-01 10:00:00.5,completed,10.00,USD", "bad_timestamp"),
        ("A2,C1,2025-03-01,completed,,USD", "bad_timestamp"),
        ("A2,C1,0000-01-01 00:00:00,completed,10.00,USD", "bad_timestamp"),
        ("A2,C1,2025-03-01 10:00:00,completed,,USD", "bad_amount"),
        ("A2,C1,2025-03-01 10:00:00,completed,-1.00,USD", "bad_amount"),
        ('A2,C1,2025-03-01 10:00:00,completed,"1,00",USD', "bad_amount"),
        ("A2,C1,2025-03-01 10:00:00,completed,1.005,USD", "bad_amount"),
        ("A2,C1,2025-03-01 10:00:00,completed,1e3,USD", "bad_amount"),
        ("A2,C1,2025-03-01 10:00:00,completed,1234567890123,USD", "bad_amount"),
        ("A2,C1,2025-03-01 10:00:00,completed,\u0661\u0660,USD", "bad_amount"),
        ("A2,C1,2025-03-01 10:00:00,shiped,10.00,EUR", "bad_status"),
        ("A2,C1,2025-03-01 10:00:00,completed,10.00,EUR", "bad_currency"),
        ("A2,C1,2025-03-01 10:00:00,completed,10.00", "bad_currency"),
        ("A2", "bad_timestamp"),
        ("A1,C1,2025-03-01 10:00:00,completed,10.00,USD", "duplicate_order_id"),
        (" A1,C9,2024-03-01 10:00:00,failed,1,BRL", "duplicate_order_id"),
        ("A1,C1,2025-03-01 10:00:00,completed,,USD", "bad_amount"),
    ],
)
def test_a_row_is_rejected_for_the_first_reason_that_holds(tmp_path: Path, row: str, reason: str | None) -> None:
    summary = _summarize(tmp_path, f"{HEADER}{GOOD}{row}\n")
    assert summary.rejected == ({reason: 1} if reason else {})
    assert (summary.rows_read, summary.rows_accepted) == (2, 1 if reason else 2)


@pytest.mark.parametrize("reverse", [False, True])
def test_of_rows_with_one_id_the_earliest_good_one_counts(tmp_path: Path, *, reverse: bool) -> None:
    rows = [
        "A1,C1,2025-01-01 10:00:00,pending,,USD\n",
        "A1,C1,2025-03-02 10:00:00,shipped,1,USD\n",
        "A1,C1,2025-03-01 10:00:00,shipped,3,USD\n",
        "A1,C1,2025-03-01 10:00:00,completed,4,USD\n",
    ]
    summary = _summarize(tmp_path, HEADER + "".join(reversed(rows) if reverse else rows))
    assert summary.rejected == {"bad_amount": 1, "duplicate_order_id": 2}
    assert [(group, figures.revenue_usd) for group, figures in summary.groups.items()] == [
        (("2025-03", "completed"), Decimal("4.00"))
    ]


@pytest.mark.parametrize(
    ("amounts", "figures"),
    [
        # count, revenue, average, highest; a BRL is 0.2 USD
        ([("10.00", "USD"), ("5", "usd")], (2, "15.00", 7.5, "10.00")),
        ([("0.01", "BRL")], (1, "0.00", 0.002, "0.00")),
        ([("0.12", "BRL")], (1, "0.02", 0.024, "0.02")),
        ([("0.13", "BRL")], (1, "0.03", 0.026, "0.03")),
        ([("12.37", "BRL"), ("0.5", "BRL")], (2, "2.57", 1.287, "2.47")),
        # The sum is rounded, not what is added: 3 * 0.004 is 0.012.
        ([("0.02", "BRL")] * 3, (3, "0.01", 0.004, "0.00")),
        ([("999999999999.99", "USD")] * 3, (3, "2999999999999.97", 999999999999.99, "999999999999.99")),
    ],
)
def test_figures_are_exact_to_the_cent(
    tmp_path: Path, amounts: list[tuple[str, str]], figures: tuple[int, str, float, str]
) -> None:
    rows = [
        f"A{number},C1,2025-03-01 10:00:00,pending,{amount},{currency}\n"
        for number, (amount, currency) in enumerate(amounts)
    ]
    found = _summarize(tmp_path, HEADER + "".join(rows)).groups["2025-03", "pending"]
    total_orders, revenue, average, highest = figures
    assert found.total_orders == total_orders
    assert found.revenue_usd == Decimal(revenue)
    assert found.avg_order_value == pytest.approx(average, rel=1e-12)
    assert found.max_order_value == Decimal(highest)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbf" + (HEADER + GOOD).encode(), id="byte-order mark"),
        pytest.param((HEADER + GOOD).replace("\n", "\r\n"), id="CRLF"),
        pytest.param((HEADER + GOOD).rstrip(), id="no line end"),
        pytest.param(HEADER + "\n" + GOOD + "\n\n", id="empty lines"),
        pytest.param(
            "Currency,note, amount ,STATUS,order_timestamp,customer_id,order_id\n"
            'USD,"said ""hi"",\r\nand left",10.00,completed,2025-03-01 10:00:00,"\nC1",A1\n',
            id="other order, extra column, quotes, comma and line break",
        ),
    ],
)
def test_every_form_of_export_reads_the_same(tmp_path: Path, content: str | bytes) -> None:
    assert _summarize(tmp_path, content) == _summarize(tmp_path, HEADER + GOOD)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"orders\.csv has no column amount, currency; its columns are: order_id"):
        _summarize(tmp_path, "order_id,customer_id,order_timestamp,status\n")


ATHENA_ROW = {
    "status": "completed",
    "total_orders": 1,
    "revenue_usd": Decimal("10.00"),
    "avg_order_value": 10.0,
    "max_order_value": Decimal("10.00"),
    "order_month": "2025-03",
}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([ATHENA_ROW], []),
        ([{name: str(value) for name, value in ATHENA_ROW.items()}], []),
        ([ATHENA_ROW | {"avg_order_value": 10.000000001}], []),
        (
            [ATHENA_ROW | {"avg_order_value": 10.0000001}],
            ["completed in 2025-03: avg_order_value is 10.0000001, not 10.0"],
        ),
        (
            [ATHENA_ROW | {"total_orders": 2, "revenue_usd": Decimal("10.01"), "max_order_value": None}],
            [
                "completed in 2025-03: total_orders is 2, not 1",
                "completed in 2025-03: revenue_usd is 10.01, not 10.00",
                "completed in 2025-03: max_order_value is None, not 10.00",
            ],
        ),
        ([], ["completed in 2025-03: orders_summary lacks this row"]),
        ([ATHENA_ROW] * 2, ["completed in 2025-03: orders_summary has this row more than once"]),
        (
            [ATHENA_ROW, ATHENA_ROW | {"order_month": "2025-04"}],
            ["completed in 2025-04: orders_summary has this row, the file no such orders"],
        ),
    ],
)
def test_differences_are_named(tmp_path: Path, rows: list[dict[str, object]], expected: list[str]) -> None:
    assert differences(_summarize(tmp_path, HEADER + GOOD), rows) == expected


# As the CSV file of a result has it: text.
CUSTOMER_ROW = {
    "customer_id": "C1",
    "status": "completed",
    "currency": "USD",
    "orders": "1",
    "amount_usd": "10.00",
    "first_ordered_at": "2025-03-01 10:00:00.000",
    "last_ordered_at": "2025-03-01 10:00:00.000",
}
FURTHER_ORDERS = """A2,C1,2025-03-03 10:00:00,completed,0.13,brl
A3,C1,2025-03-02 10:00:00,completed,0.13,BRL
A3,C1,2025-03-02 11:00:00,completed,9999.00,BRL
A4,C1,2025-03-02 10:00:00,lost,1,BRL
"""


@pytest.mark.parametrize(
    ("orders", "rows", "expected"),
    [
        (GOOD, [CUSTOMER_ROW], []),
        # Each order is rounded to a cent, then added up: 0.13 BRL are 0.026 USD.
        (
            GOOD + FURTHER_ORDERS,
            [
                CUSTOMER_ROW
                | {"currency": "BRL", "orders": "2", "amount_usd": "0.06"}
                | {"first_ordered_at": "2025-03-02 10:00:00.000", "last_ordered_at": "2025-03-03 10:00:00.000"},
                CUSTOMER_ROW,
            ],
            [],
        ),
        (
            GOOD,
            [CUSTOMER_ROW | {"orders": "2", "amount_usd": "10.01", "last_ordered_at": ""}],
            [
                "completed orders of C1 in USD: orders is 2, not 1",
                "completed orders of C1 in USD: amount_usd is 10.01, not 10.00",
                "completed orders of C1 in USD: last_ordered_at is , not 2025-03-01 10:00:00.000",
            ],
        ),
        (
            GOOD,
            [CUSTOMER_ROW | {"status": "failed"}],
            [
                "failed orders of C1 in USD: customer_orders has this row, the file no such orders",
                "completed orders of C1 in USD: customer_orders lacks this row",
            ],
        ),
        (GOOD, [CUSTOMER_ROW] * 2, ["completed orders of C1 in USD: customer_orders has this row more than once"]),
    ],
)
def test_differences_of_customers_are_named(
    tmp_path: Path, orders: str, rows: list[dict[str, str]], expected: list[str]
) -> None:
    assert customer_differences(_summarize(tmp_path, HEADER + orders), rows) == expected
