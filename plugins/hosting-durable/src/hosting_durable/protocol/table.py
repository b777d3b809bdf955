"""The messages of the Durable Task protocol that this package uses: their fields, numbers and types.

A field is ``name=number:type``; ``*`` before the type means many, ``@`` and a name that only one field of that name is
set. ``StringValue`` and its like are texts and numbers that may be missing, ``Tags`` texts by their names. States are
numbers, see ``STATUSES``. What the protocol has besides passes through a message unread.
"""

from __future__ import annotations

MESSAGES = {
    "AbandonActivityTaskRequest": "completionToken=1:string",
    "AbandonActivityTaskResponse": "",
    "AbandonEntityTaskRequest": "completionToken=1:string",
    "AbandonEntityTaskResponse": "",
    "AbandonOrchestrationTaskRequest": "completionToken=1:string",
    "AbandonOrchestrationTaskResponse": "",
    "ActivityRequest": (
        "name=1:string version=2:StringValue input=3:StringValue "
        "orchestrationInstance=4:OrchestrationInstance taskId=5:int32 parentTraceContext=6:TraceContext"
    ),
    "ActivityResponse": (
        "instanceId=1:string taskId=2:int32 result=3:StringValue failureDetails=4:TaskFailureDetails "
        "completionToken=5:string"
    ),
    "CleanEntityStorageRequest": (
        "continuationToken=1:StringValue removeEmptyEntities=2:bool releaseOrphanedLocks=3:bool"
    ),
    "CleanEntityStorageResponse": (
        "continuationToken=1:StringValue emptyEntitiesRemoved=2:int32 orphanedLocksReleased=3:int32"
    ),
    "CompleteOrchestrationAction": (
        "orchestrationStatus=1:int32 result=2:StringValue newVersion=4:StringValue "
        "carryoverEvents=5:*HistoryEvent failureDetails=6:TaskFailureDetails"
    ),
    "CompleteTaskResponse": "",
    "CreateInstanceRequest": (
        "instanceId=1:string name=2:string version=3:StringValue input=4:StringValue "
        "scheduledStartTimestamp=5:Timestamp orchestrationIdReusePolicy=6:OrchestrationIdReusePolicy "
        "executionId=7:StringValue tags=8:Tags parentTraceContext=9:TraceContext"
    ),
    "CreateInstanceResponse": "instanceId=1:string",
    "CreateSubOrchestrationAction": (
        "instanceId=1:string name=2:string version=3:StringValue input=4:StringValue "
        "parentTraceContext=5:TraceContext tags=6:Tags"
    ),
    "CreateTaskHubRequest": "recreateIfExists=1:bool",
    "CreateTaskHubResponse": "",
    "CreateTimerAction": "fireAt=1:Timestamp",
    "EntityBatchRequest": "instanceId=1:string entityState=2:StringValue operations=3:*OperationRequest",
    "EntityBatchResult": (
        "results=1:*OperationResult actions=2:*OperationAction entityState=3:StringValue "
        "failureDetails=4:TaskFailureDetails completionToken=5:string operationInfos=6:*OperationInfo"
    ),
    "EntityLockGrantedEvent": "criticalSectionId=1:string",
    "EntityLockRequestedEvent": (
        "criticalSectionId=1:string lockSet=2:*string position=3:int32 parentInstanceId=4:StringValue"
    ),
    "EntityMetadata": (
        "instanceId=1:string lastModifiedTime=2:Timestamp backlogQueueSize=3:int32 lockedBy=4:StringValue "
        "serializedState=5:StringValue"
    ),
    "EntityOperationCalledEvent": (
        "requestId=1:string operation=2:string scheduledTime=3:Timestamp input=4:StringValue "
        "parentInstanceId=5:StringValue parentExecutionId=6:StringValue targetInstanceId=7:StringValue"
    ),
    "EntityOperationCompletedEvent": "requestId=1:string output=2:StringValue",
    "EntityOperationFailedEvent": "requestId=1:string failureDetails=2:TaskFailureDetails",
    "EntityOperationSignaledEvent": (
        "requestId=1:string operation=2:string scheduledTime=3:Timestamp input=4:StringValue "
        "targetInstanceId=5:StringValue"
    ),
    "EntityQuery": (
        "instanceIdStartsWith=1:StringValue lastModifiedFrom=2:Timestamp lastModifiedTo=3:Timestamp "
        "includeState=4:bool includeTransient=5:bool pageSize=6:Int32Value continuationToken=7:StringValue"
    ),
    "EntityRequest": (
        "instanceId=1:string executionId=2:string entityState=3:StringValue operationRequests=4:*HistoryEvent"
    ),
    "EntityUnlockSentEvent": (
        "criticalSectionId=1:string parentInstanceId=2:StringValue targetInstanceId=3:StringValue"
    ),
    "EventRaisedEvent": "name=1:string input=2:StringValue",
    "EventSentEvent": "instanceId=1:string name=2:string input=3:StringValue",
    "ExecutionCompletedEvent": ("orchestrationStatus=1:int32 result=2:StringValue failureDetails=3:TaskFailureDetails"),
    "ExecutionResumedEvent": "input=1:StringValue",
    "ExecutionRewoundEvent": (
        "reason=1:StringValue parentExecutionId=2:StringValue instanceId=3:StringValue "
        "parentTraceContext=4:TraceContext name=5:StringValue version=6:StringValue input=7:StringValue "
        "parentInstance=8:ParentInstanceInfo"
    ),
    "ExecutionStartedEvent": (
        "name=1:string version=2:StringValue input=3:StringValue "
        "orchestrationInstance=4:OrchestrationInstance parentInstance=5:ParentInstanceInfo "
        "scheduledStartTimestamp=6:Timestamp parentTraceContext=7:TraceContext tags=9:Tags"
    ),
    "ExecutionSuspendedEvent": "input=1:StringValue",
    "ExecutionTerminatedEvent": "input=1:StringValue",
    "GetEntityRequest": "instanceId=1:string includeState=2:bool",
    "GetEntityResponse": "exists=1:bool entity=2:EntityMetadata",
    "GetInstanceRequest": "instanceId=1:string getInputsAndOutputs=2:bool",
    "GetInstanceResponse": "exists=1:bool orchestrationState=2:OrchestrationState",
    "GetWorkItemsRequest": (
        "maxConcurrentOrchestrationWorkItems=1:int32 maxConcurrentActivityWorkItems=2:int32 "
        "maxConcurrentEntityWorkItems=3:int32"
    ),
    "HistoryChunk": "events=1:*HistoryEvent",
    "HistoryEvent": (
        "eventId=1:int32 timestamp=2:Timestamp executionStarted=3:ExecutionStartedEvent@eventType "
        "executionCompleted=4:ExecutionCompletedEvent@eventType "
        "executionTerminated=5:ExecutionTerminatedEvent@eventType "
        "taskScheduled=6:TaskScheduledEvent@eventType taskCompleted=7:TaskCompletedEvent@eventType "
        "taskFailed=8:TaskFailedEvent@eventType "
        "subOrchestrationInstanceCreated=9:SubOrchestrationInstanceCreatedEvent@eventType "
        "subOrchestrationInstanceCompleted=10:SubOrchestrationInstanceCompletedEvent@eventType "
        "subOrchestrationInstanceFailed=11:SubOrchestrationInstanceFailedEvent@eventType "
        "timerCreated=12:TimerCreatedEvent@eventType timerFired=13:TimerFiredEvent@eventType "
        "orchestratorStarted=14:OrchestratorStartedEvent@eventType "
        "orchestratorCompleted=15:OrchestratorCompletedEvent@eventType eventSent=16:EventSentEvent@eventType "
        "eventRaised=17:EventRaisedEvent@eventType executionSuspended=21:ExecutionSuspendedEvent@eventType "
        "executionResumed=22:ExecutionResumedEvent@eventType "
        "entityOperationSignaled=23:EntityOperationSignaledEvent@eventType "
        "entityOperationCalled=24:EntityOperationCalledEvent@eventType "
        "entityOperationCompleted=25:EntityOperationCompletedEvent@eventType "
        "entityOperationFailed=26:EntityOperationFailedEvent@eventType "
        "entityLockRequested=27:EntityLockRequestedEvent@eventType "
        "entityLockGranted=28:EntityLockGrantedEvent@eventType "
        "entityUnlockSent=29:EntityUnlockSentEvent@eventType "
        "executionRewound=30:ExecutionRewoundEvent@eventType"
    ),
    "InstanceBatch": "instanceIds=1:*string",
    "InstanceQuery": (
        "runtimeStatus=1:*int32 createdTimeFrom=2:Timestamp createdTimeTo=3:Timestamp "
        "maxInstanceCount=5:int32 continuationToken=6:StringValue instanceIdPrefix=7:StringValue "
        "fetchInputsAndOutputs=8:bool"
    ),
    "ListInstanceIdsRequest": (
        "runtimeStatus=1:*int32 completedTimeFrom=2:Timestamp completedTimeTo=3:Timestamp pageSize=4:int32 "
        "lastInstanceKey=5:StringValue"
    ),
    "ListInstanceIdsResponse": "instanceIds=1:*string lastInstanceKey=2:StringValue",
    "OperationAction": (
        "id=1:int32 sendSignal=2:SendSignalAction@operationActionType "
        "startNewOrchestration=3:StartNewOrchestrationAction@operationActionType"
    ),
    "OperationInfo": "requestId=1:string responseDestination=2:OrchestrationInstance",
    "OperationRequest": "operation=1:string requestId=2:string input=3:StringValue",
    "OperationResult": ("success=1:OperationResultSuccess@resultType failure=2:OperationResultFailure@resultType"),
    "OperationResultFailure": "failureDetails=1:TaskFailureDetails",
    "OperationResultSuccess": "result=1:StringValue",
    "OrchestrationIdReusePolicy": "replaceableStatus=1:*int32",
    "OrchestrationInstance": "instanceId=1:string executionId=2:StringValue",
    "OrchestrationState": (
        "instanceId=1:string name=2:string version=3:StringValue orchestrationStatus=4:int32 "
        "scheduledStartTimestamp=5:Timestamp createdTimestamp=6:Timestamp lastUpdatedTimestamp=7:Timestamp "
        "input=8:StringValue output=9:StringValue customStatus=10:StringValue "
        "failureDetails=11:TaskFailureDetails executionId=12:StringValue completedTimestamp=13:Timestamp "
        "parentInstanceId=14:StringValue"
    ),
    "OrchestratorAction": (
        "id=1:int32 scheduleTask=2:ScheduleTaskAction@orchestratorActionType "
        "createSubOrchestration=3:CreateSubOrchestrationAction@orchestratorActionType "
        "createTimer=4:CreateTimerAction@orchestratorActionType "
        "sendEvent=5:SendEventAction@orchestratorActionType "
        "completeOrchestration=6:CompleteOrchestrationAction@orchestratorActionType "
        "sendEntityMessage=8:SendEntityMessageAction@orchestratorActionType"
    ),
    "OrchestratorCompletedEvent": "",
    "OrchestratorRequest": (
        "instanceId=1:string executionId=2:StringValue pastEvents=3:*HistoryEvent newEvents=4:*HistoryEvent"
    ),
    "OrchestratorResponse": (
        "instanceId=1:string actions=2:*OrchestratorAction customStatus=3:StringValue completionToken=4:string"
    ),
    "OrchestratorStartedEvent": "",
    "ParentInstanceInfo": (
        "taskScheduledId=1:int32 name=2:StringValue version=3:StringValue orchestrationInstance=4:OrchestrationInstance"
    ),
    "PurgeInstanceFilter": "createdTimeFrom=1:Timestamp createdTimeTo=2:Timestamp runtimeStatus=3:*int32",
    "PurgeInstancesRequest": (
        "instanceId=1:string@request purgeInstanceFilter=2:PurgeInstanceFilter@request "
        "instanceBatch=4:InstanceBatch@request recursive=3:bool isOrchestration=5:bool"
    ),
    "PurgeInstancesResponse": "deletedInstanceCount=1:int32 isComplete=2:BoolValue",
    "QueryEntitiesRequest": "query=1:EntityQuery",
    "QueryEntitiesResponse": "entities=1:*EntityMetadata continuationToken=2:StringValue",
    "QueryInstancesRequest": "query=1:InstanceQuery",
    "QueryInstancesResponse": "orchestrationState=1:*OrchestrationState continuationToken=2:StringValue",
    "RaiseEventRequest": "instanceId=1:string name=2:string input=3:StringValue",
    "RaiseEventResponse": "",
    "RestartInstanceRequest": "instanceId=1:string restartWithNewInstanceId=2:bool",
    "RestartInstanceResponse": "instanceId=1:string",
    "ResumeRequest": "instanceId=1:string reason=2:StringValue",
    "ResumeResponse": "",
    "RewindInstanceRequest": "instanceId=1:string reason=2:StringValue",
    "RewindInstanceResponse": "",
    "ScheduleTaskAction": (
        "name=1:string version=2:StringValue input=3:StringValue tags=4:Tags parentTraceContext=5:TraceContext"
    ),
    "SendEntityMessageAction": (
        "entityOperationSignaled=1:EntityOperationSignaledEvent@EntityMessageType "
        "entityOperationCalled=2:EntityOperationCalledEvent@EntityMessageType "
        "entityLockRequested=3:EntityLockRequestedEvent@EntityMessageType "
        "entityUnlockSent=4:EntityUnlockSentEvent@EntityMessageType"
    ),
    "SendEventAction": "instance=1:OrchestrationInstance name=2:string data=3:StringValue",
    "SendSignalAction": (
        "instanceId=1:string name=2:string input=3:StringValue scheduledTime=4:Timestamp "
        "parentTraceContext=6:TraceContext"
    ),
    "SignalEntityRequest": (
        "instanceId=1:string name=2:string input=3:StringValue requestId=4:string scheduledTime=5:Timestamp "
        "parentTraceContext=6:TraceContext"
    ),
    "SignalEntityResponse": "",
    "StartNewOrchestrationAction": (
        "instanceId=1:string name=2:string version=3:StringValue input=4:StringValue "
        "scheduledTime=5:Timestamp parentTraceContext=7:TraceContext"
    ),
    "StreamInstanceHistoryRequest": "instanceId=1:string executionId=2:StringValue",
    "SubOrchestrationInstanceCompletedEvent": "taskScheduledId=1:int32 result=2:StringValue",
    "SubOrchestrationInstanceCreatedEvent": (
        "instanceId=1:string name=2:string version=3:StringValue input=4:StringValue "
        "parentTraceContext=5:TraceContext tags=6:Tags"
    ),
    "SubOrchestrationInstanceFailedEvent": "taskScheduledId=1:int32 failureDetails=2:TaskFailureDetails",
    "SuspendRequest": "instanceId=1:string reason=2:StringValue",
    "SuspendResponse": "",
    "TaskCompletedEvent": "taskScheduledId=1:int32 result=2:StringValue",
    "TaskFailedEvent": "taskScheduledId=1:int32 failureDetails=2:TaskFailureDetails",
    "TaskFailureDetails": (
        "errorType=1:string errorMessage=2:string stackTrace=3:StringValue innerFailure=4:TaskFailureDetails "
        "isNonRetriable=5:bool"
    ),
    "TaskScheduledEvent": (
        "name=1:string version=2:StringValue input=3:StringValue parentTraceContext=4:TraceContext tags=5:Tags"
    ),
    "TerminateRequest": "instanceId=1:string output=2:StringValue recursive=3:bool",
    "TerminateResponse": "",
    "TimerCreatedEvent": "fireAt=1:Timestamp",
    "TimerFiredEvent": "fireAt=1:Timestamp timerId=2:int32",
    "TraceContext": "traceParent=1:string traceState=3:StringValue",
    "WorkItem": (
        "orchestratorRequest=1:OrchestratorRequest@request activityRequest=2:ActivityRequest@request "
        "entityRequest=3:EntityBatchRequest@request entityRequestV2=5:EntityRequest@request "
        "completionToken=10:string"
    ),
}
"""The fields of each message."""

METHODS = {
    "AbandonTaskActivityWorkItem": ("AbandonActivityTaskRequest", "AbandonActivityTaskResponse", False),
    "AbandonTaskEntityWorkItem": ("AbandonEntityTaskRequest", "AbandonEntityTaskResponse", False),
    "AbandonTaskOrchestratorWorkItem": ("AbandonOrchestrationTaskRequest", "AbandonOrchestrationTaskResponse", False),
    "CleanEntityStorage": ("CleanEntityStorageRequest", "CleanEntityStorageResponse", False),
    "CompleteActivityTask": ("ActivityResponse", "CompleteTaskResponse", False),
    "CompleteEntityTask": ("EntityBatchResult", "CompleteTaskResponse", False),
    "CompleteOrchestratorTask": ("OrchestratorResponse", "CompleteTaskResponse", False),
    "CreateTaskHub": ("CreateTaskHubRequest", "CreateTaskHubResponse", False),
    "GetEntity": ("GetEntityRequest", "GetEntityResponse", False),
    "GetInstance": ("GetInstanceRequest", "GetInstanceResponse", False),
    "GetWorkItems": ("GetWorkItemsRequest", "WorkItem", True),
    "Hello": ("Empty", "Empty", False),
    "ListInstanceIds": ("ListInstanceIdsRequest", "ListInstanceIdsResponse", False),
    "PurgeInstances": ("PurgeInstancesRequest", "PurgeInstancesResponse", False),
    "QueryEntities": ("QueryEntitiesRequest", "QueryEntitiesResponse", False),
    "QueryInstances": ("QueryInstancesRequest", "QueryInstancesResponse", False),
    "RaiseEvent": ("RaiseEventRequest", "RaiseEventResponse", False),
    "RestartInstance": ("RestartInstanceRequest", "RestartInstanceResponse", False),
    "ResumeInstance": ("ResumeRequest", "ResumeResponse", False),
    "RewindInstance": ("RewindInstanceRequest", "RewindInstanceResponse", False),
    "SignalEntity": ("SignalEntityRequest", "SignalEntityResponse", False),
    "StartInstance": ("CreateInstanceRequest", "CreateInstanceResponse", False),
    "StreamInstanceHistory": ("StreamInstanceHistoryRequest", "HistoryChunk", True),
    "SuspendInstance": ("SuspendRequest", "SuspendResponse", False),
    "TerminateInstance": ("TerminateRequest", "TerminateResponse", False),
    "WaitForInstanceCompletion": ("GetInstanceRequest", "GetInstanceResponse", False),
    "WaitForInstanceStart": ("GetInstanceRequest", "GetInstanceResponse", False),
}
"""The request and the response of each method of the service, and whether it sends many responses."""
