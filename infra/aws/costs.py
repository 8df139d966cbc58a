"""The monthly cost of a deployment, from list prices. `python3 infra/aws/costs.py` prints the table in infra/README.md, and
`python3 infra/aws/costs.py counted` the cost of a simulated fleet, whose counters are on standard input as JSON.

Prices are those of us-east-1 in US dollars as of November 2025, without free tier and tax; check them before you rely
on them. A test compares the table with this program.
"""

import json
import sys

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
    "transfer_gb": 0.09,
    "log_gb": 0.50,
    "log_kept_gb": 0.03,
    "inventory_million": 0.0025,
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

# The assumed environment: a bucket of 100,000 objects, a database of 200 tables and 5 GB on RDS. Every other one is in
# production, where the bucket grows by 0.5 % on a working day. Ticks are hourly.
ENVIRONMENT = {
    "list_pages": 101,  # and one request for incomplete uploads
    "bucket_seconds": 4.0,  # per run, four of which share an invocation
    "table_seconds": 1.0,
    "runs_at_a_time": 4,
    # A month of runs and units by the simulation, which holds them to 10 %: infra/local/tests/month.
    "bucket_runs": 37,
    "table_runs": 122,
    "document_runs": 30,
    "write_units": 1_750,
    "read_units": 1_830,
    "scrape_read_units": 0.5,  # of one scrape of /metrics
    "stored_kilobytes": 2_500,  # snapshots of 35 days, and history after a year
    # A month of users: see each().
    "user_runs": 30,
    "user_write_units": 20,  # per run
    "metric_requests": 1,  # per run of tables, for the server's storage
    "requests": 2_000,  # of pages and programs, without scrapes
    "request_read_units": 2,  # a query for listings and one for CloudWatch's metrics
    "request_seconds": 0.05,
    "scrape_kilobytes": 0.35,  # compressed: make bench-metrics
    "log_kilobytes": 2,  # per run or request
}
LIST_REQUESTS_PER_DAY = 1_000_000  # for all buckets together: the default of [refresh] in the fleet file
# Metrics of alarms: one on a formula costs as much as the metrics in it.
ALARM_METRICS, COMPOSITE_ALARMS, METRICS, ENDPOINTS, ZONES, TOKENS = 29, 1, 21, 3, 1, 1_500
EMPTY_POLLS = 2 * 730 * 3600 / 20 * 5  # of two event source mappings: five pollers each, 20 seconds a poll
PLAN_SECONDS = 5  # of 256 MB for each tick
SCRAPES, SCRAPE_SECONDS = 60 * 730, 0.5  # each minute, of 256 MB


def fixed(zones=ZONES):
    """The cost without any environment: endpoints, alarms, a dashboard, key, metrics, a machine client, empty polls, ticks
    of `plan`, and requests of Prometheus."""
    return (ENDPOINTS * zones * HOURS * PRICES["endpoint_zone_hour"] + ALARM_METRICS * PRICES["alarm_month"]
            + COMPOSITE_ALARMS * PRICES["composite_alarm_month"] + PRICES["dashboard_month"]
            + PRICES["key_month"] + PRICES["secret_month"] + METRICS * PRICES["metric_month"]
            + PRICES["machine_client_month"] + TOKENS * PRICES["token"] + EMPTY_POLLS * PRICES["sqs_request"]
            + (HOURS * PLAN_SECONDS + SCRAPES * SCRAPE_SECONDS) * 0.25 * PRICES["lambda_gb_second"]
            + (HOURS + SCRAPES) * PRICES["lambda_request"] + SCRAPES * PRICES["api_request"]
            + SCRAPES * logged(ENVIRONMENT["log_kilobytes"]))


def logged(kilobytes):
    """The cost of a log line, written and kept for a month."""
    return kilobytes / 1e6 * (PRICES["log_gb"] + PRICES["log_kept_gb"])


def each(requests=ENVIRONMENT["requests"], traces=0, hourly=False, inventory=False):
    """The cost that each environment adds, by service: its runs and the requests for it.

    `traces` is the share of requests that are traced; `hourly` measures everything at every tick, as with
    max_error_percent = 0; `inventory` reads S3 Inventory four times a day in place of listing.
    """
    e = dict(ENVIRONMENT)
    if hourly:
        # As many units and kilobytes for each run, which is a little too much: days are closed once a day.
        more = (2 * HOURS + e["document_runs"]) / (e["bucket_runs"] + e["table_runs"] + e["document_runs"])
        e |= {"bucket_runs": HOURS, "table_runs": HOURS}
        e |= {name: e[name] * more for name in ("write_units", "read_units", "stored_kilobytes")}
    pages = e["bucket_runs"] * e["list_pages"]
    if inventory:
        e |= {"bucket_runs": 4 * HOURS / 24, "bucket_seconds": 1.0}
        pages = e["bucket_runs"] * 2  # the newest report, and incomplete uploads
    runs = e["bucket_runs"] + e["table_runs"] + e["document_runs"] + e["user_runs"]
    used = e | {
        "list_requests": pages,
        "invocations": runs / e["runs_at_a_time"],
        "sqs_requests": runs * 3,
        "scrape_read_units": SCRAPES * e["scrape_read_units"],
    }
    costs = of_use(used, requests, traces)
    if inventory:
        costs["S3"] += e["bucket_runs"] / 4 * 0.1 * PRICES["inventory_million"]
    return costs


def of_use(used, requests, traces=0, environments=1):
    """The cost of `used` in a month by so many environments and `requests` for them, by service."""
    e, p = ENVIRONMENT, PRICES
    table_runs = used["table_runs"] + used["document_runs"] + used["user_runs"]
    runs = used["bucket_runs"] + table_runs
    bucket_seconds = used.get("bucket_seconds", e["bucket_seconds"])
    gb_seconds = ((used["bucket_runs"] * bucket_seconds * 1.0 + table_runs * e["table_seconds"] * 0.5) / e["runs_at_a_time"]
                  + requests * e["request_seconds"] * 0.25)
    writes = used["write_units"] + used["user_runs"] * e["user_write_units"]
    reads = used["read_units"] + used["scrape_read_units"] + requests * e["request_read_units"]
    stored = used.get("stored_kilobytes", e["stored_kilobytes"] * environments)
    return {
        "S3": used["list_requests"] * p["s3_list"],
        "Lambda": gb_seconds * p["lambda_gb_second"] + (used["invocations"] + requests) * p["lambda_request"],
        "API Gateway": requests * p["api_request"] + SCRAPES * e["scrape_kilobytes"] * environments / 1e6 * p["transfer_gb"],
        "DynamoDB": (writes * p["dynamodb_write_unit"] + reads * p["dynamodb_read_unit"]
                     + stored / 1e6 * p["dynamodb_gb_month"]),
        "SQS": used["sqs_requests"] * p["sqs_request"],
        "CloudWatch": used["table_runs"] * e["metric_requests"] * p["metric_request"],
        "logs": (runs + requests) * logged(e["log_kilobytes"]) + requests * traces * p["trace"],
    }


def counted(counters):
    """The cost of a simulated fleet, as if a month went on like the simulated time: its counters by name.

    What it does not count is that of ENVIRONMENT: time, requests, stored and logged bytes, and what users take.
    """
    environments = counters["environments"]
    names = ("bucket_runs", "table_runs", "document_runs", "user_runs", "list_requests", "invocations", "sqs_requests",
             "write_units", "read_units")
    used = {name: counters[name] * HOURS / counters["hours"] for name in names}
    used["invocations"] -= HOURS  # those of `plan` are in the fixed part
    used["scrape_read_units"] = counters["scrape_read_units"] / counters["scrapes"] * SCRAPES
    costs = of_use(used, ENVIRONMENT["requests"] * environments, environments=environments)
    total = sum(costs.values())
    return {"fixed": fixed(), "services": costs, "each": total / environments, "month": fixed() + total}


def services(environments, **options):
    """The cost of this many environments by service: each() times their number, with listing within the budget."""
    costs = {service: environments * cost for service, cost in each(**options).items()}
    budget = LIST_REQUESTS_PER_DAY * HOURS / 24 * PRICES["s3_list"]
    costs["S3"] = min(costs["S3"], budget)
    return costs


def month(environments, zones=ZONES, **options):
    """Dollars per month: fixed() + sum of services()."""
    return fixed(zones) + sum(services(environments, **options).values())


def table():
    """The table in infra/README.md."""
    names = list(each())
    lines = ["| environments | fixed | " + " | ".join(names) + " | a month |",
             "|---:|" + "---:|" * (len(names) + 2)]
    for count in (10, 100, 1000):
        cells = [f"{cost:,.2f}" for cost in services(count).values()]
        lines.append(f"| {count:,} | {fixed():,.2f} | " + " | ".join(cells) + f" | **{month(count):,.2f}** |")
    return "\n".join(lines)


# What lowers the bill, each on top of those above it, and what it costs the user.
STEPS = [
    ("everything at every hour, 10,000 requests, all traced, endpoints in two zones",
     {"hourly": True, "traces": 1.0, "requests": 10_000, "zones": 2}, "`max_error_percent = 0`, `Tracing=true`, `EndpointZones=2`"),
    ("measured as often as it changes (the default)", {"hourly": False}, "totals are off by up to 1 %, see COLLECTING.md"),
    ("no traces (the default)", {"traces": 0}, "no traces"),
    ("interface endpoints in one zone (the default)", {"zones": 1}, "while that zone is out, nothing is collected"),
    ("readers take pages of the fleet", {"requests": 2_000}, "2,000 requests an environment in place of 10,000"),
    ("S3 Inventory in place of listing", {"inventory": True}, "numbers are about a day old"),
]


def steps():
    """The table of steps in infra/README.md."""
    lines = ["| step | 10 | 100 | 1,000 | each | price of it |", "|---|---:|---:|---:|---:|---|"]
    options = {}
    for name, change, price in STEPS:
        options |= change
        cells = " | ".join(f"{month(count, **options):,.2f}" for count in (10, 100, 1000))
        own = {key: value for key, value in options.items() if key != "zones"}
        lines.append(f"| {name} | {cells} | {sum(each(**own).values()):.3f} | {price} |")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:] == ["counted"]:
        print(json.dumps(counted(json.load(sys.stdin))))
    else:
        print(table(), steps(), sep="\n\n")
