"""The measured requests, and the checks of their answers."""

import base64
import gzip
import json
from dataclasses import dataclass
from typing import Callable

from scene import CONSTANTS, ENVIRONMENTS, REPOSITORY


class WrongAnswer(Exception):
    """An answer that differs from what is stored."""


@dataclass
class Case:
    """One request, the function that answers it, and the check of each answer's JSON."""

    function: str
    event: dict
    check: Callable[[dict], None]
    has_peer: bool = False

    @property
    def request(self):
        query = self.event["queryStringParameters"] or {}
        return self.event["path"] + "".join(
            f"{'&' if number else '?'}{name}={value}" for number, (name, value) in enumerate(query.items()))

    def ask(self, function):
        """Returns the answer of `function` if it is correct."""
        answer = function.invoke(self.event)
        try:
            self.check(view_of(answer.body))
        except (WrongAnswer, KeyError) as error:
            raise WrongAnswer(f"{function.name}, {self.request}: {error!r}") from error
        return answer


def all_cases(scene):
    """Returns every case of `scene`, whose data must exist."""
    one = {"environment": ENVIRONMENTS[0]}
    buckets, tables = "mrt/bucket_size.read", "mrt/table_size.read"
    users, constants = "mrt/users.read", "mrt/constants.read"
    return [
        Case("api-public", gateway_event("/health", None, {}), check_health),
        Case("api-bucket-size", gateway_event("/bucket_size", buckets, one), bucket_check(scene, 1), has_peer=True),
        Case("api-bucket-size", gateway_event("/bucket_size", buckets, {}),
             bucket_check(scene, len(ENVIRONMENTS)), has_peer=True),
        Case("api-table-size", gateway_event("/table_size", tables, one), table_check(scene), has_peer=True),
        Case("api-users", gateway_event("/users", users, one), user_check(scene)),
        Case("api-users", gateway_event("/users", users, {**one, "view": "list"}), check_list),
        Case("api-constants", gateway_event("/micro_flow_constants", constants, one), check_constants),
        Case("api-constants", gateway_event("/micro_flow_constants", constants, {**one, "compare": ENVIRONMENTS[1]}),
             check_comparison),
    ]


def gateway_event(path, scope, parameters):
    """A recorded gateway event, changed to another path, scope and query."""
    event = json.loads((REPOSITORY / "api/tests/events/bucket_size.json").read_text(encoding="utf-8"))
    context = event["requestContext"]
    event["resource"] = event["path"] = context["resourcePath"] = path
    context["path"] = f"/v1{path}"
    event["queryStringParameters"] = parameters or None
    event["multiValueQueryStringParameters"] = {name: [value] for name, value in parameters.items()} or None
    if scope is None:
        context["authorizer"] = None
    else:
        context["authorizer"]["claims"]["scope"] = scope
    return event


def view_of(answer):
    """The JSON body of a proxy answer."""
    if answer["statusCode"] != 200:
        raise WrongAnswer(f"status {answer['statusCode']}: {answer['body']}")
    body = answer["body"]
    return json.loads(gzip.decompress(base64.b64decode(body)) if answer["isBase64Encoded"] else body)


def expect(what, found, wanted):
    if found != wanted:
        raise WrongAnswer(f"{what}: {found!r} was answered, {wanted!r} is stored")


def check_health(view):
    expect("status", view["status"], "ok")


def bucket_check(scene, count):
    wanted = {name: scene.objects[name] for name in ENVIRONMENTS[:count]}

    def check(view):
        found = {item["environment"]: (item["total_bytes"], item["object_count"]) for item in view["items"]}
        expect("bytes and objects", found, wanted)

    return check


def table_check(scene):
    summary, tables = scene.stored_tables()
    largest = [(table["table"], table["total_bytes"]) for table in tables[:100]]
    table_count = scene.ask_database(
        "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
    expect("number of tables in the snapshot", len(tables), table_count)

    def check(view):
        (item,) = view["items"]
        expect("total_bytes", item["total_bytes"], summary["total_bytes"])
        expect("table_count", item["table_count"], table_count)
        expect("tables", [(table["table"], table["total_bytes"]) for table in item["tables"]], largest)
        expect("tables_omitted", item["tables_omitted"]["table_count"], table_count - len(largest))

    return check


def user_check(scene):
    accounts = 'SELECT count(*) FROM "system$user" WHERE "name" IS NOT NULL AND'
    named_count = scene.ask_database(f'{accounts} "isanonymous" IS NOT TRUE')
    anonymous_count = scene.ask_database(f'{accounts} "isanonymous"')

    def check(view):
        expect("named.total", view["named"]["total"], named_count)
        expect("anonymous_rows", view["anonymous_rows"], anonymous_count)

    return check


def check_constants(view):
    counts = [view["counts"][name] for name in ("total", "overridden", "default")]
    expect("counts", counts, [CONSTANTS, CONSTANTS // 2, CONSTANTS // 2])
    found = {constant["name"]: constant["value"] for constant in view["constants"]}
    wanted = {f"Bench.Constant{n}": f"{'default' if n % 2 else 'set'} {n}" for n in range(CONSTANTS)}
    expect("values", found, wanted)


def check_list(view):
    expect("number of users", len(view["users"]), 100)
    expect("pseudonyms", len({user["user"] for user in view["users"]}), 100)
    expect("clear names", {user["name"] for user in view["users"]}, {None})


def check_comparison(view):
    check_constants(view)
    expect("same", view["comparison"]["counts"]["same"], CONSTANTS)
    expect("differences", view["comparison"]["differences"], [])
