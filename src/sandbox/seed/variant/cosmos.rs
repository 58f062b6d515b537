//! Variants of the seeded Cosmos DB account.

use serde_json::json;
use time::OffsetDateTime;

use super::super::{COSMOS, COSMOS_READER};
use crate::sandbox::state::{Operation, OperationKind, PendingAssignment, SqlRoleAssignment, State, fold};

/// The Cosmos DB account with another API than NoSQL: `Mongo`, `Cassandra`, `Gremlin`, `Table`.
pub fn cosmos_api(state: &mut State, api: &str) {
    if let Some(account) = state.cosmos_mut(COSMOS) {
        if api == "Mongo" {
            "MongoDB".clone_into(&mut account.kind);
        }
        account.properties["capabilities"] = json!([{ "name": format!("Enable{api}") }]);
    }
}

/// The Cosmos DB account closed to public networks. `private`: it has a private endpoint.
pub fn cosmos_closed(state: &mut State, private: bool) {
    let Some(account) = state.cosmos_mut(COSMOS) else { return };
    account.properties["publicNetworkAccess"] = json!("Disabled");
    if private {
        let name = format!("pe-{}", account.name());
        let group = account.id.split("/providers/").next().unwrap_or_default();
        account.properties["privateEndpointConnections"] = json!([{
            "id": format!("{}/privateEndpointConnections/{name}", account.id),
            "name": name,
            "type": "Microsoft.DocumentDB/databaseAccounts/privateEndpointConnections",
            "properties": {
                "privateEndpoint": { "id": format!("{group}/providers/Microsoft.Network/privateEndpoints/{name}") },
                "privateLinkServiceConnectionState": { "status": "Approved", "actionsRequired": "None" },
                "provisioningState": "Succeeded",
            },
        }]);
    }
}

/// The Cosmos DB account with a write of somebody else going on until then: a reader's role for the owner.
pub fn cosmos_busy(state: &mut State, until: OffsetDateTime) {
    let (operation, name) = (state.new_guid("operation"), state.new_guid("sqlRoleAssignment"));
    let principal = state.callers.get("owner").map(|caller| caller.principal.clone()).unwrap_or_default();
    let Some(account) = state.cosmos_mut(COSMOS) else { return };
    let id = format!("{}/sqlRoleAssignments/{name}", account.id);
    let (role, scope) = (COSMOS_READER.to_owned(), account.id.clone());
    let assignment = SqlRoleAssignment { name, role, principal, scope };
    account.pending = Some(PendingAssignment { operation: operation.clone(), assignment, removes: false });
    state.operations.insert(
        operation.clone(),
        Operation {
            id: operation,
            resource: id,
            kind: OperationKind::Write,
            started: until,
            due: Some(until),
            ended: false,
            failure: None,
            revision: None,
            url_refuses: None,
        },
    );
}

/// The Cosmos DB account moved to another group, by the group's id.
pub fn cosmos_elsewhere(state: &mut State, group: &str) {
    let key = state.cosmos(COSMOS).map(|account| fold(&account.id));
    if let Some(mut account) = key.and_then(|key| state.cosmos_accounts.remove(&key)) {
        let id = format!("{group}/providers/Microsoft.DocumentDB/databaseAccounts/{}", account.name());
        for assignment in account.role_assignments.values_mut() {
            assignment.scope = assignment.scope.replace(&account.id, &id);
        }
        account.id = id;
        state.add_cosmos(account);
    }
}
