"""Prints the login tokens that botocore makes for the cases in its standard input: the other opinion on ours."""

import datetime
import json
import sys

import botocore.auth
import botocore.session

for case in json.load(sys.stdin):
    now = datetime.datetime.fromisoformat(case["now"]).replace(tzinfo=None)
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True, now=now: now
    session = botocore.session.Session()
    session.set_credentials(case["access_key"], case["secret_key"], case["session_token"])
    client = session.create_client("rds", region_name=case["region"])
    print(client.generate_db_auth_token(case["host"], case["port"], case["user"]))
