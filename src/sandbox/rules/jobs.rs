//! Jobs of Container Apps, and what starts them.

use super::{Rule, Switch, assumed, confirmed};

pub(super) const RULES: &[Rule] = &[
    confirmed(
        "job-name",
        "a job's name has 2 to 32 small letters, digits and single hyphens, a letter first and no hyphen last: ContainerAppInvalidName",
        "DefangLabs/pulumi-defang#543; microsoft/azure-container-apps#1103",
    ),
    confirmed(
        "job-cron",
        "a schedule that is no cron expression of five fields is refused: InvalidCronExpression; it is evaluated in UTC",
        "microsoft/azure-container-apps#886; Microsoft Learn, Jobs in Azure Container Apps",
    ),
    confirmed(
        "job-event-needs-rule",
        "an event-driven job without a scale rule is refused",
        "Azure/azure-cli#27482",
    ),
    confirmed(
        "job-environment-stays",
        "the environment of a job cannot be changed",
        "Microsoft.App Jobs.json: environmentId has the mutability create, read",
    ),
    confirmed(
        "job-manual-start",
        "a job of any trigger can be started by hand, with another template for that execution if one is sent",
        "Microsoft Learn, Jobs in Azure Container Apps; Microsoft.App Jobs.json (Jobs_Start)",
    ),
    confirmed(
        "job-history",
        "of the executions of a schedule or of events the newest 100 are remembered",
        "Microsoft Learn, Jobs in Azure Container Apps, job execution history",
    ),
    confirmed(
        "job-failure-untold",
        "an execution tells Failed, and neither the exit code nor the reason: those are in the logs",
        "Microsoft.App/jobs/executions of 2026-01-01 in Azure/bicep-types-az",
    ),
    assumed(
        "job-start-accepted",
        Switch::JobStartAccepted,
        "start answers 202, and its Location the execution's name; the execution is there at once",
        "it answers 200 with the name",
        "Microsoft.App Jobs.json declares both",
    ),
    assumed(
        "job-start-location-only",
        Switch::JobStartLocationOnly,
        "the 202 of start has Location alone",
        "it has Azure-AsyncOperation beside it, which tells the state and not the execution's name",
        "Microsoft.App Jobs.json declares Location; other answers of Microsoft.App have both",
    ),
    assumed(
        "job-image-unchecked",
        Switch::JobImageUnchecked,
        "a job is accepted whatever its image; whether it can be pulled shows when an execution starts",
        "the operation fails when it cannot be pulled, as an app's",
        "microsoft/azure-container-apps#816 shows such a refusal in the portal; az puts a public image in first where the identity is the job's own",
    ),
    assumed(
        "job-pull-tried-on",
        Switch::JobPullTriedOn,
        "an execution whose image cannot be pulled goes on trying until replicaTimeout, then it is Failed",
        "it is Failed at once",
        "microsoft/azure-container-apps#816 (ImagePullBackOff); for how long it is tried is not confirmed",
    ),
    assumed(
        "job-timeout-is-final",
        Switch::JobTimeoutIsFinal,
        "a replica that runs longer than replicaTimeout fails the execution",
        "it is tried again as often as replicaRetryLimit says",
        "Microsoft Learn, Jobs in Azure Container Apps, does not say which",
    ),
    assumed(
        "job-trigger-changeable",
        Switch::TriggerChangeable,
        "the trigger of a job can be changed",
        "it is refused",
        "not confirmed: the description does not forbid it, and az job update cannot do it",
    ),
    assumed(
        "job-other-trigger-refused",
        Switch::OtherTriggerRefused,
        "the configuration of another trigger than triggerType is refused",
        "it is taken and means nothing",
        "not confirmed",
    ),
    assumed(
        "receiver-may-scale",
        Switch::ReceiverMayScale,
        "Azure Service Bus Data Receiver suffices for a scale rule's identity to see how many messages wait",
        "it takes Azure Service Bus Data Owner, as a connection string takes Manage",
        "public templates give Data Receiver; microsoft/azure-container-apps#1138 and kedacore/keda#7822 speak for Manage",
    ),
];
