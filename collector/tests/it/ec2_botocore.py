"""Prints how botocore signs the questions of its standard input: the other opinion on ours."""

import datetime
import json
import sys

import botocore.auth
import botocore.awsrequest
import botocore.credentials

for case in json.load(sys.stdin):
    now = datetime.datetime.fromisoformat(case["now"]).replace(tzinfo=None)
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True, now=now: now
    credentials = botocore.credentials.Credentials(case["access_key"], case["secret_key"], case["session_token"])
    request = botocore.awsrequest.AWSRequest("POST", case["url"], headers=dict([case["header"]]), data=case["form"])
    botocore.auth.SigV4Auth(credentials, "ec2", case["region"]).add_auth(request)
    print(request.headers["Authorization"])
