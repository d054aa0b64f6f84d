"""Holes in triggers of functions other than routes and topics: event source mappings and schedules."""

import datetime
import json

from ..hole import Hole
from ..stack import archive
from .functions import active

SCHEDULE_NAME = {"GroupName": "events-schedules", "Name": "Nightly"}


def mappings(s, function="Worker"):
    return s.lambda_.list_event_source_mappings(FunctionName=s.function(function))["EventSourceMappings"]


def of_mapping(*path, function="Worker"):
    """A setting of the mapping, at the end of a path of members."""
    def read(s):
        value = mappings(s, function)
        value = value[0] if value else {}
        for member in path:
            value = (value or {}).get(member)
        return value
    return read


def update_mapping(function="Worker", **change):
    return lambda s: s.lambda_.update_event_source_mapping(UUID=of_mapping("UUID", function=function)(s), **{
        name: value(s) if callable(value) else value for name, value in change.items()})


def of_stream(*path):
    return of_mapping(*path, function="Follower")


def update_stream(**change):
    return update_mapping("Follower", **change)


def schedule(s):
    return s.scheduler.get_schedule(**SCHEDULE_NAME)


def of_schedule(*path):
    def read(s):
        value = schedule(s)
        for member in path:
            value = (value or {}).get(member)
        return value
    return read


def update_schedule(target=None, **change):
    """Changes some members, and some of the target. All other members are sent again, because AWS resets omitted
    members to their defaults."""
    def plant(s):
        now = schedule(s)
        kept = {name: now[name] for name in ("ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "State")}
        in_target = {name: value(s) if callable(value) else value for name, value in (target or {}).items()}
        s.scheduler.update_schedule(**SCHEDULE_NAME, **{**kept, "Target": {**now["Target"], **in_target}, **change})
    return plant


UPDATE = "lambda UpdateEventSourceMapping "
SCHEDULED = "scheduler UpdateSchedule "
MAPPING, STREAM, SCHEDULE = ["mapping.Worker.work"], ["mapping.Follower.notes.stream"], ["schedule.Nightly"]
GROUP = ["schedules.group"]


def group(s):
    return sorted(one["Name"] for one in s.scheduler.list_schedules(GroupName="events-schedules")["Schedules"])


def add_schedule(s):
    """A further schedule in the stack's group, which calls the function with another event."""
    target = {**schedule(s)["Target"], "Input": "{}"}
    s.scheduler.create_schedule(GroupName="events-schedules", Name="stranger", ScheduleExpression="rate(1 minute)",
                                FlexibleTimeWindow={"Mode": "OFF"}, Target=target)


MAPPINGS = [
    Hole("the queue no longer calls the function", "events", [UPDATE + "Enabled|UUID"], MAPPING,
         update_mapping(Enabled=False), of_mapping("State")),
    Hole("a filter deletes the queue's messages", "events", [UPDATE + "FilterCriteria.Filters[].Pattern"], MAPPING,
         update_mapping(FilterCriteria={"Filters": [{"Pattern": json.dumps({"body": {"kind": ["none"]}})}]}),
         of_mapping("FilterCriteria")),
    Hole("the queue calls a foreign function instead", "events", [UPDATE + "FunctionName"], MAPPING,
         update_mapping(FunctionName=lambda s: s.foreign_function()), lambda s: len(mappings(s))),
    Hole("a call contains more messages", "events", [UPDATE + "BatchSize"], MAPPING, update_mapping(BatchSize=3),
         of_mapping("BatchSize"), weakens=False),
    Hole("messages are collected for longer", "events", [UPDATE + "MaximumBatchingWindowInSeconds"], MAPPING,
         update_mapping(MaximumBatchingWindowInSeconds=60), of_mapping("MaximumBatchingWindowInSeconds"), weakens=False),
    Hole("a function's failures of single messages count differently", "events", [UPDATE + "FunctionResponseTypes[]"],
         MAPPING, update_mapping(FunctionResponseTypes=["ReportBatchItemFailures"]), of_mapping("FunctionResponseTypes"),
         weakens=False),
    Hole("the queue calls a function less often at a time", "events", [UPDATE + "ScalingConfig.MaximumConcurrency"], MAPPING,
         update_mapping(ScalingConfig={"MaximumConcurrency": 2}), of_mapping("ScalingConfig"), weakens=False),
]

STREAMS = [
    Hole("the stream's given up changes are told to a stranger's queue", "events",
         [UPDATE + "DestinationConfig.OnFailure.Destination"], STREAM,
         update_stream(DestinationConfig={"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:999999999999:strangers"}}),
         of_stream("DestinationConfig")),
    Hole("a call that failed is not repeated", "events", [UPDATE + "MaximumRetryAttempts"], STREAM,
         update_stream(MaximumRetryAttempts=0), of_stream("MaximumRetryAttempts"), weakens=False),
    Hole("changes are too old after a minute", "events", [UPDATE + "MaximumRecordAgeInSeconds"], STREAM,
         update_stream(MaximumRecordAgeInSeconds=60), of_stream("MaximumRecordAgeInSeconds"), weakens=False),
    Hole("changes of a failed call are halved", "events", [UPDATE + "BisectBatchOnFunctionError"], STREAM,
         update_stream(BisectBatchOnFunctionError=True), of_stream("BisectBatchOnFunctionError"), weakens=False),
    Hole("a shard is read by several calls at a time", "events", [UPDATE + "ParallelizationFactor"], STREAM,
         update_stream(ParallelizationFactor=4), of_stream("ParallelizationFactor"), weakens=False),
    Hole("calls of a stream are added up over some time", "events", [UPDATE + "TumblingWindowInSeconds"], STREAM,
         update_stream(TumblingWindowInSeconds=30), of_stream("TumblingWindowInSeconds"), weakens=False),
]

SCHEDULES = [
    Hole("the schedule calls nothing any more", "events", [SCHEDULED + "State|GroupName|Name"], SCHEDULE,
         update_schedule(State="DISABLED"), of_schedule("State")),
    Hole("the schedule calls a foreign function", "events", [SCHEDULED + "Target.Arn"], SCHEDULE,
         update_schedule({"Arn": lambda s: s.foreign_function()}), of_schedule("Target", "Arn")),
    Hole("the schedule calls with another role", "events", [SCHEDULED + "Target.RoleArn"], SCHEDULE,
         update_schedule({"RoleArn": lambda s: s.foreign_role()}), of_schedule("Target", "RoleArn")),
    Hole("the schedule calls with a stranger's event", "events", [SCHEDULED + "Target.Input"], SCHEDULE,
         update_schedule({"Input": json.dumps({"do": "something else"})}), of_schedule("Target", "Input")),
    Hole("the schedule's failed calls go to a foreign queue", "events", [SCHEDULED + "Target.DeadLetterConfig.Arn"], SCHEDULE,
         update_schedule({"DeadLetterConfig": lambda s: {"Arn": s.foreign_queue()}}),
         of_schedule("Target", "DeadLetterConfig")),
    Hole("the schedule ends", "events", [SCHEDULED + "StartDate|EndDate"], SCHEDULE,
         update_schedule(StartDate=datetime.datetime(2030, 1, 1), EndDate=datetime.datetime(2030, 1, 2)),
         of_schedule("EndDate")),
    Hole("a stranger's key encrypts the schedule", "events", [SCHEDULED + "KmsKeyArn"], SCHEDULE,
         lambda s: update_schedule(KmsKeyArn=s.foreign_key())(s), of_schedule("KmsKeyArn")),
    Hole("the schedule calls at other times", "events", [SCHEDULED + "ScheduleExpression|ScheduleExpressionTimezone"],
         SCHEDULE, update_schedule(ScheduleExpression="cron(0 8 ? * * *)", ScheduleExpressionTimezone="Europe/Berlin"),
         of_schedule("ScheduleExpression"), weakens=False),
    Hole("the schedule calls at some time within an hour", "events",
         [SCHEDULED + "FlexibleTimeWindow.Mode|FlexibleTimeWindow.MaximumWindowInMinutes"], SCHEDULE,
         update_schedule(FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60}),
         of_schedule("FlexibleTimeWindow"), weakens=False),
    Hole("the schedule gives up early", "events",
         [SCHEDULED + "Target.RetryPolicy.MaximumRetryAttempts|Target.RetryPolicy.MaximumEventAgeInSeconds"], SCHEDULE,
         update_schedule({"RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}}),
         of_schedule("Target", "RetryPolicy"), weakens=False),
    Hole("the schedule is deleted after its last call", "events", [SCHEDULED + "ActionAfterCompletion"], SCHEDULE,
         update_schedule(ActionAfterCompletion="DELETE"), of_schedule("ActionAfterCompletion"), weakens=False),
    Hole("a stranger's schedule is in the stack's group", "events",
         ["scheduler CreateSchedule Name|GroupName|ScheduleExpression|Target.Arn|Target.RoleArn|Target.Input"], GROUP,
         add_schedule, group),
]

WARM = {"FunctionName": "events-Warm"}
ALIAS = ["alias.Warm", "function.Warm"]


def other_version(s):
    """Publishes a version with other code."""
    s.lambda_.update_function_code(**WARM, ZipFile=archive())
    active(s, "Warm")
    return s.lambda_.publish_version(**WARM)["Version"]


def update_alias(**change):
    return lambda s: s.lambda_.update_alias(**WARM, Name="live", **{name: value(s) for name, value in change.items()})


def alias_code(s):
    """The code to which the alias points. Its version number cannot be compared, because AWS never reuses one."""
    return s.lambda_.get_function_configuration(**WARM, Qualifier="live")["CodeSha256"]


def alias_weights(s):
    return s.lambda_.get_alias(**WARM, Name="live").get("RoutingConfig")


ALIASES = [
    Hole("an alias leads to other code", "events", ["lambda UpdateAlias Name|FunctionVersion"], ALIAS,
         update_alias(FunctionVersion=other_version), alias_code),
    Hole("an alias sends a part of its calls to other code", "events",
         ["lambda UpdateAlias RoutingConfig.AdditionalVersionWeights{}"], ALIAS,
         update_alias(RoutingConfig=lambda s: {"AdditionalVersionWeights": {other_version(s): 0.5}}),
         alias_weights),
]

HOLES = MAPPINGS + STREAMS + SCHEDULES + ALIASES
