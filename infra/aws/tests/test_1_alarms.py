"""Alarms and queues of the template: what goes off when, who hears it, and what waits how long."""

import json
import re

from template import REPOSITORY, ExpandedTemplate


class Alarms(ExpandedTemplate):
    def test_every_schedule_has_alarms_that_can_fire(self):
        alarms, queues = self.of("AWS::CloudWatch::Alarm"), self.of("AWS::SQS::Queue")
        waiting = ("BucketSizeWaitingAlarm", "TableSizeWaitingAlarm")
        for minutes, row in self.template["Mappings"]["Schedule"].items():
            self.assertEqual(int(row["Seconds"]), int(minutes) * 60)
            for name in waiting:
                threshold = alarms[name]["Threshold"]["Fn::FindInMap"]
                self.assertEqual(threshold, ["Schedule", {"Ref": "ScheduleMinutes"}, "LateSeconds"], name)
                # An expired message has no age, and the third attempt must happen before the alarm.
                queue = queues[name.replace("WaitingAlarm", "Queue")]
                attempts = queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"]
                self.assertGreater(queue["MessageRetentionPeriod"], int(row["LateSeconds"]), minutes)
                self.assertGreaterEqual(int(row["LateSeconds"]), max(int(minutes) * 120, attempts), minutes)
            # CloudWatch looks back at most a day, or a week if the period is an hour or more.
            seconds = int(row["Seconds"]) * alarms["NoTickAlarm"]["EvaluationPeriods"]
            self.assertLessEqual(seconds, 604_800 if int(row["Seconds"]) >= 3600 else 86_400, minutes)
        self.assertEqual(set(self.template["Mappings"]["Schedule"]),
                         set(self.template["Parameters"]["ScheduleMinutes"]["AllowedValues"]))

    def test_every_alarm_has_a_severity_a_runbook_and_somebody_who_hears_it(self):
        urgent = [{"Fn::If": ["WithAlarmTopic", {"Ref": "AlarmTopicArn"}, {"Ref": "AlarmTopic"}]}]
        composite = self.resources["CollectionDownAlarm"]["Properties"]
        parts = set(re.findall(r"ALARM\(\"\$\{(\w+)\}\"\)", composite["AlarmRule"]["Fn::Sub"]))
        self.assertEqual(len(parts), 5)
        alarms = {**self.of("AWS::CloudWatch::Alarm"), "CollectionDownAlarm": composite}
        for name, alarm in alarms.items():
            text = alarm["AlarmDescription"]["Fn::Sub"]
            self.assertTrue(text.endswith("What to do: ${RunbookUrl}#alarms"), name)
            hears = {"URGENT": urgent, "NOTICE": [{"Ref": "AlarmTopic"}]}.get(text.split(".")[0])
            self.assertEqual(hears is None, name in parts, name)
            self.assertEqual((alarm.get("AlarmActions"), alarm.get("OKActions")), (hears, hears), name)
        body = json.loads(re.sub(r"\$\{[^}]+\}", "x", self.resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]))
        self.assertEqual(sum(each["type"] == "alarm" for each in body["widgets"]), 1)
        shown = set(re.findall(r"\$\{(\w+)\.Arn\}", self.resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]))
        self.assertEqual(shown, set(alarms))

    def test_dead_letters_alarm_by_arrival_and_failures_once_a_tick(self):
        alarms = self.of("AWS::CloudWatch::Alarm")
        for name in ("ScheduleDeadLetters", "BucketSizeDeadLetters", "TableSizeDeadLetters"):
            arrived, present = alarms[f"{name}Alarm"]["Metrics"]
            self.assertEqual(arrived["Expression"], f"DIFF({present['Id']})")
            queue = present["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Fn::GetAtt"]
            self.assertEqual((queue, present["ReturnData"]), ([name, "QueueName"], False))
        written = (REPOSITORY / "collector/src/plan/failing.rs").read_text()
        for name, kind in (("BucketSize", "bucket"), ("TableSize", "database")):
            new, share = alarms[f"{name}FailuresAlarm"], alarms[f"{name}FailingShareAlarm"]
            of_plan = [{"Name": "Kind", "Value": kind}, {"Name": "FunctionName", "Value": {"Ref": "Plan"}}]
            self.assertEqual((new["MetricName"], new["Threshold"], new["Dimensions"]), ("NewlyFailingTargets", 0, of_plan))
            percent, *counts = share["Metrics"]
            self.assertEqual((percent["Expression"], share["Threshold"]), ("100 * failing / targets", 10))
            counted = {count["Id"]: count["MetricStat"]["Metric"] for count in counts}
            self.assertEqual([counted["failing"]["MetricName"], counted["targets"]["MetricName"]], ["FailingTargets", "Targets"])
            periods = [new["Period"], *(count["MetricStat"]["Period"] for count in counts)]
            for period in periods:
                self.assertEqual(period["Fn::FindInMap"][2], "Seconds")
            for metric in (new, *counted.values()):
                self.assertEqual(metric["Dimensions"], of_plan)
                self.assertIn(f'= "{metric["MetricName"]}";', written)
            # The log that names the environments of the failing targets.
            for alarm in (new, share):
                self.assertIn("log-group/$252Faws$252Flambda$252F${AWS::StackName}-plan", alarm["AlarmDescription"]["Fn::Sub"])
                self.assertEqual(alarm["TreatMissingData"], "notBreaching")

    def test_queues_wait_longer_than_their_functions_and_give_up(self):
        functions, queues = self.of("AWS::Lambda::Function"), self.of("AWS::SQS::Queue")
        for kind in ("BucketSize", "TableSize"):
            queue = queues[f"{kind}Queue"]
            self.assertGreater(queue["VisibilityTimeout"], functions[f"Collect{kind}"]["Timeout"])
            self.assertEqual(queue["RedrivePolicy"]["maxReceiveCount"], 3)
            self.assertEqual(queue["RedrivePolicy"]["deadLetterTargetArn"], {"Fn::GetAtt": [f"{kind}DeadLetters", "Arn"]})
        for name, mapping in self.of("AWS::Lambda::EventSourceMapping").items():
            self.assertEqual(mapping["FunctionResponseTypes"], ["ReportBatchItemFailures"], name)
            self.assertLessEqual(mapping["BatchSize"], 4, name)
            self.assertEqual(mapping["ScalingConfig"], {"MaximumConcurrency": {"Ref": "CollectorConcurrency"}}, name)

    def test_queues_take_requests_over_tls_only(self):
        policy = self.of("AWS::SQS::QueuePolicy")["QueuesOverTls"]
        self.assertEqual({each["Ref"] for each in policy["Queues"]}, set(self.of("AWS::SQS::Queue")))
        (statement,) = policy["PolicyDocument"]["Statement"]
        self.assertEqual((statement["Effect"], statement["Principal"], statement["Action"], statement["Condition"]),
                         ("Deny", "*", "sqs:*", {"Bool": {"aws:SecureTransport": "false"}}))
