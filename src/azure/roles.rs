//! Built-in roles by name. Their GUIDs are the same in every tenant and cloud
//! (<https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>).

/// Name and GUID.
const BUILT_IN: &[(&str, &str)] = &[
    ("AcrPull", "7f951dda-4ed3-4680-a7ca-43fe172d538d"),
    ("AcrPush", "8311e382-0749-4cb8-b61a-304f252e45ec"),
    ("Contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c"),
    ("Key Vault Administrator", "00482a5a-887f-4fb3-b363-3b7fe8e74483"),
    ("Key Vault Secrets Officer", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"),
    ("Key Vault Secrets User", "4633458b-17de-408a-b874-0445c86b69e6"),
    ("Managed Identity Contributor", "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59"),
    ("Managed Identity Operator", "f1a07417-d97a-45cb-824c-7a7467783830"),
    ("Owner", OWNER),
    ("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7"),
    ("Role Based Access Control Administrator", RBAC_ADMINISTRATOR),
    ("Storage Blob Data Contributor", "ba92f5b4-2d11-453d-a403-e96b0029c9fe"),
    ("Storage Blob Data Owner", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"),
    ("Storage Blob Data Reader", "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"),
    ("Storage Queue Data Contributor", "974c5e8b-45b9-4653-ba55-5f855dd0fb88"),
    ("User Access Administrator", USER_ACCESS_ADMINISTRATOR),
];

const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const USER_ACCESS_ADMINISTRATOR: &str = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9";
const RBAC_ADMINISTRATOR: &str = "f58310d9-a9f6-439a-9e8d-f62e7b41a168";

/// The GUID of a built-in role, by name (any case) or by GUID.
pub fn guid(role: &str) -> Option<&'static str> {
    find(role).map(|(_, guid)| guid)
}

/// The name and GUID of a built-in role, by either.
pub fn find(role: &str) -> Option<(&'static str, &'static str)> {
    BUILT_IN
        .iter()
        .find(|(name, guid)| name.eq_ignore_ascii_case(role) || guid.eq_ignore_ascii_case(role))
        .copied()
}

/// Whether a role can give roles away: no recipe may grant it.
pub fn grants_roles(guid: &str) -> bool {
    [OWNER, USER_ACCESS_ADMINISTRATOR, RBAC_ADMINISTRATOR].iter().any(|role| role.eq_ignore_ascii_case(guid))
}

/// Actions with which a principal can give roles: to itself, to others, or by changing what a role may.
pub const GIVING: &[&str] = &[
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleDefinitions/write",
    "Microsoft.Authorization/elevateAccess/action",
];
