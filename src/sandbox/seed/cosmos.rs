//! The Cosmos DB account that a fresh sandbox holds.

use time::OffsetDateTime;

use super::super::state::{CosmosAccount, SqlRoleAssignment, State};
use super::{GROUP, LOCATION, group_id};

/// The account, in the app's group: NoSQL, keys still accepted, nobody's data role.
pub const COSMOS: &str = "cosmos-demo";
/// Its database.
pub const COSMOS_DATABASE: &str = "appdb";
/// Its container.
pub const COSMOS_CONTAINER: &str = "items";
/// Cosmos DB Built-in Data Reader.
pub const COSMOS_READER: &str = "00000000-0000-0000-0000-000000000001";
/// Cosmos DB Built-in Data Contributor.
pub const COSMOS_CONTRIBUTOR: &str = "00000000-0000-0000-0000-000000000002";

/// The id of a Cosmos DB account in the app's group.
pub fn cosmos_id(name: &str) -> String {
    format!("{}/providers/Microsoft.DocumentDB/databaseAccounts/{name}", group_id(GROUP))
}

/// Gives `principal` the data role (a GUID) in the seeded account, or in a part of it (empty, or
/// `/dbs/…[/colls/…]`), under a name of nobody's choice, as `az` does; returns that name.
pub fn assign_data_role(state: &mut State, part: &str, role: &str, principal: &str) -> String {
    let name = state.new_guid("sqlRoleAssignment");
    if let Some(account) = state.cosmos_mut(COSMOS) {
        let scope = format!("{}{part}", account.id);
        let (role, principal) = (role.to_owned(), principal.to_owned());
        let assignment = SqlRoleAssignment { name: name.clone(), role, principal, scope };
        account.role_assignments.insert(name.clone(), assignment);
    }
    name
}

/// Adds all of it.
pub(super) fn add(state: &mut State, made: OffsetDateTime) {
    let mut account = CosmosAccount::new(&cosmos_id(COSMOS), LOCATION, made);
    account.add_container(COSMOS_DATABASE, COSMOS_CONTAINER);
    state.add_cosmos(account);
}
