//! Images that a registry builds: its task runs, which are Azure Resource Manager's, and the storage beside them
//! that takes what is built and gives the log.

/// What a caller needs to be allowed on the registry (<https://learn.microsoft.com/azure/role-based-access-control/permissions/containers>).
pub const BUILD_ACTIONS: &[&str] = &[
    "Microsoft.ContainerRegistry/registries/scheduleRun/action",
    "Microsoft.ContainerRegistry/registries/listBuildSourceUploadUrl/action",
    "Microsoft.ContainerRegistry/registries/runs/read",
    "Microsoft.ContainerRegistry/registries/runs/listLogSasUrl/action",
];
