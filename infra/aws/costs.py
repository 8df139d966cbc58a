"""The monthly cost of a deployment, from list prices. `python3 infra/aws/costs.py` prints the table in infra/README.md.

Prices are those of us-east-1 in US dollars as of November 2025, without free tier and tax; check them before you rely
on them. A test compares the table with this program.
"""

HOURS = 730

# Price per unit.
PRICES = {
    "lambda_gb_second": 0.0000133334,  # arm64
    "lambda_request": 0.20e-6,
    "api_request": 3.50e-6,  # REST API
    "dynamodb_write_unit": 0.625e-6,
    "dynamodb_read_unit": 0.125e-6,
    "dynamodb_gb_month": 0.25 + 0.20,  # with point-in-time recovery
    "sqs_request": 0.40e-6,
    "s3_list": 0.005e-3,
    "endpoint_zone_hour": 0.01,
    "log_gb": 0.50,
    "trace": 5e-6,
    "alarm_month": 0.10,
    "composite_alarm_month": 0.50,
    "dashboard_month": 3.00,
    "key_month": 1.00,
    "secret_month": 0.40,
    "metric_month": 0.30,
    "metric_request": 0.01e-3,
    "machine_client_month": 6.00,
    "token": 2.25e-3,
}

# The assumed environment: a bucket of 100,000 objects, a database of 200 tables, hourly runs, 10,000 requests.
ENVIRONMENT = {
    "list_pages": 100,
    "bucket_seconds": 4.0,  # per run, four of which share an invocation
    "table_seconds": 1.0,
    "runs_at_a_time": 4,
    "bucket_write_units": 6,  # a transaction of two items costs double
    "table_write_units": 26,
    "read_units": 14,  # the latest before it is replaced, when planning, and the share of the API's reads
    "snapshot_kilobytes": 14,
    "kept_snapshots": 35 * 24,
    # History of the database and of the bucket, by `measure-history 1876157569 200`, see make bench-history.
    "history_write_units": 56.4 + 27.0,  # a day
    "history_read_units": 98.1 + 31.0,  # a day
    "history_kilobytes": 368 + 31,  # after a year: 92 days of hours, and days
    "metric_requests": 1,  # per run of tables, for the server's storage
    "requests": 10_000,
    "request_read_units": 2,  # a query for listings and one for CloudWatch's metrics
    "request_seconds": 0.05,
    "log_kilobytes": 2,  # per run or request
}
LIST_REQUESTS_PER_DAY = 1_000_000  # for all buckets together: the default of [refresh] in the fleet file
ALARMS, COMPOSITE_ALARMS, METRICS, ENDPOINTS, ZONES, TOKENS = 22, 1, 21, 3, 2, 1_500


def fixed():
    """The cost without any environment: endpoints, alarms, a dashboard, key, metrics, a machine client."""
    return (ENDPOINTS * ZONES * HOURS * PRICES["endpoint_zone_hour"] + ALARMS * PRICES["alarm_month"]
            + COMPOSITE_ALARMS * PRICES["composite_alarm_month"] + PRICES["dashboard_month"]
            + PRICES["key_month"] + PRICES["secret_month"] + METRICS * PRICES["metric_month"]
            + PRICES["machine_client_month"] + TOKENS * PRICES["token"])


def history():
    """The cost of history that each environment adds, a part of DynamoDB's: writes, reads, storage after a year."""
    e, p, days = ENVIRONMENT, PRICES, HOURS / 24
    return (days * e["history_write_units"] * p["dynamodb_write_unit"]
            + days * e["history_read_units"] * p["dynamodb_read_unit"]
            + e["history_kilobytes"] / 1e6 * p["dynamodb_gb_month"])


def each():
    """The cost that each environment adds, by service: its runs and the requests for it."""
    e, p = ENVIRONMENT, PRICES
    gb_seconds = (HOURS * (e["bucket_seconds"] * 1.0 + e["table_seconds"] * 0.5) / e["runs_at_a_time"]
                  + e["requests"] * e["request_seconds"] * 0.25)
    invocations = HOURS * 2 / e["runs_at_a_time"] + e["requests"]
    return {
        "S3 listing": HOURS * e["list_pages"] * p["s3_list"],
        "Lambda": gb_seconds * p["lambda_gb_second"] + invocations * p["lambda_request"],
        "API Gateway": e["requests"] * p["api_request"],
        "DynamoDB": (HOURS * (e["bucket_write_units"] + e["table_write_units"]) * p["dynamodb_write_unit"]
                     + (HOURS * e["read_units"] + e["requests"] * e["request_read_units"]) * p["dynamodb_read_unit"]
                     + e["kept_snapshots"] * e["snapshot_kilobytes"] / 1e6 * p["dynamodb_gb_month"]
                     + history()),
        "SQS": HOURS * 2 * 3 * p["sqs_request"],
        "CloudWatch": HOURS * e["metric_requests"] * p["metric_request"],
        "logs and traces": ((HOURS * 2 + e["requests"]) * e["log_kilobytes"] / 1e6 * p["log_gb"]
                            + e["requests"] * p["trace"]),
    }


def services(environments):
    """The cost of this many environments by service: each() times their number, with listing within the budget."""
    costs = {service: environments * cost for service, cost in each().items()}
    budget = LIST_REQUESTS_PER_DAY * HOURS / 24 * PRICES["s3_list"]
    costs["S3 listing"] = min(costs["S3 listing"], budget)
    return costs


def month(environments):
    """Dollars per month: fixed() + sum of services()."""
    return fixed() + sum(services(environments).values())


def table():
    """The table in infra/README.md."""
    names = list(each())
    lines = ["| environments | fixed | " + " | ".join(names) + " | a month |",
             "|---:|" + "---:|" * (len(names) + 2)]
    for count in (10, 100, 1000):
        cells = [f"{cost:,.2f}" for cost in services(count).values()]
        lines.append(f"| {count:,} | {fixed():,.2f} | " + " | ".join(cells) + f" | **{month(count):,.2f}** |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
