//! `Microsoft.DocumentDB`: Cosmos DB accounts as the control plane shows them, the databases and containers
//! of the NoSQL API, and the account's own role assignments for data.

mod assignments;

use serde_json::{Value as Json, json};

use super::resources;
use crate::sandbox::errors::Refusal;
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::seed::{COSMOS_CONTRIBUTOR, COSMOS_READER};
use crate::sandbox::state::{CosmosAccount, CosmosContainer, CosmosDatabase};

const KIND: &str = "Microsoft.DocumentDB/databaseAccounts";

/// The built-in data roles, which every account has: GUID, name, data actions
/// (<https://learn.microsoft.com/azure/cosmos-db/nosql/security/reference-data-plane-roles>).
const DEFINITIONS: &[(&str, &str, &[&str])] = &[
    (
        COSMOS_READER,
        "Cosmos DB Built-in Data Reader",
        &[
            "Microsoft.DocumentDB/databaseAccounts/readMetadata",
            "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/executeQuery",
            "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/readChangeFeed",
            "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/read",
        ],
    ),
    (
        COSMOS_CONTRIBUTOR,
        "Cosmos DB Built-in Data Contributor",
        &[
            "Microsoft.DocumentDB/databaseAccounts/readMetadata",
            "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/*",
            "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/*",
        ],
    ),
];

pub(in crate::sandbox) fn route(context: &mut Context<'_>, address: &Address) -> Handled {
    match (address.kind().as_str(), context.method, address.is_resource()) {
        ("databaseaccounts", "GET", false) => accounts(context, address),
        ("databaseaccounts", "GET", true) => {
            context.require(&format!("{KIND}/read"), &address.target())?;
            Ok(Answer::new(200, account_body(account(context, address)?)))
        }
        ("databaseaccounts/sqldatabases", "GET", _) => databases(context, address),
        ("databaseaccounts/sqldatabases/containers", "GET", _) => containers(context, address),
        ("databaseaccounts/sqlroledefinitions", "GET", _) => definitions(context, address),
        ("databaseaccounts/sqlroleassignments", "GET", _) => assignments::get(context, address),
        ("databaseaccounts/sqlroleassignments", "PUT", true) => assignments::put(context, address),
        ("databaseaccounts/sqlroleassignments", "DELETE", true) => assignments::delete(context, address),
        ("databaseaccounts/sqlroleassignments/operationresults", "GET", true) => {
            assignments::result(context, address)
        }
        ("locations/operationsstatus", "GET", true) => assignments::status(context, address),
        _ => Err(router::no_operation(context, address)),
    }
}

/// The account that `address` names.
fn account<'a>(context: &'a Context<'_>, address: &Address) -> Result<&'a CosmosAccount, Refusal> {
    resources::named(context, address, KIND, &context.state.cosmos_accounts)
}

/// The account, which must speak the NoSQL API.
fn nosql<'a>(context: &'a Context<'_>, address: &Address) -> Result<&'a CosmosAccount, Refusal> {
    let account = account(context, address)?;
    if account.speaks_nosql() {
        return Ok(account);
    }
    Err(Refusal::new(405, "MethodNotAllowed", "Requests for API sql are not supported for this account."))
}

fn accounts(context: &mut Context<'_>, address: &Address) -> Handled {
    let found = resources::listed(context, address, KIND, &context.state.cosmos_accounts)?;
    context.page(found.map(account_body).collect())
}

fn databases(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/sqlDatabases/read"), &address.target())?;
    let account = nosql(context, address)?;
    if address.is_resource() {
        let (name, _) = database(context, account, address.name(1))?;
        return Ok(Answer::new(200, database_body(account, name)));
    }
    let found = account.databases.keys().map(|name| database_body(account, name)).collect();
    context.page(found)
}

fn containers(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/sqlDatabases/containers/read"), &address.target())?;
    let account = nosql(context, address)?;
    let (name, database) = database(context, account, address.name(1))?;
    let shown = |found: &str, container: &CosmosContainer| container_body(account, name, found, container);
    if address.is_resource() {
        let wanted = address.name(2);
        let found = database.containers.iter().find(|(own, _)| same_name(context, own, wanted));
        let (own, container) = found.ok_or_else(|| not_found("Container", wanted))?;
        return Ok(Answer::new(200, shown(own, container)));
    }
    let found = database.containers.iter().map(|(own, container)| shown(own, container)).collect();
    context.page(found)
}

/// The database named `wanted`, with its name in its own spelling.
fn database<'a>(
    context: &Context<'_>,
    account: &'a CosmosAccount,
    wanted: &str,
) -> Result<(&'a str, &'a CosmosDatabase), Refusal> {
    let found = account.databases.iter().find(|(own, _)| same_name(context, own, wanted));
    found.map(|(name, database)| (name.as_str(), database)).ok_or_else(|| not_found("Database", wanted))
}

/// Names of databases and containers have case in the data plane.
fn same_name(context: &Context<'_>, own: &str, wanted: &str) -> bool {
    own == wanted || (!context.rules.holds(Switch::CosmosNamesHaveCase) && own.eq_ignore_ascii_case(wanted))
}

fn not_found(what: &str, name: &str) -> Refusal {
    Refusal::new(
        404,
        "NotFound",
        format!("{what} with name [{name}] could not be found: Resource Not Found."),
    )
}

fn definitions(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/sqlRoleDefinitions/read"), &address.target())?;
    let account = nosql(context, address)?;
    let all = DEFINITIONS.iter().map(|definition| definition_body(account, definition));
    if !address.is_resource() {
        let found = all.collect();
        return context.page(found);
    }
    let wanted = address.name(1);
    let found = DEFINITIONS.iter().find(|(guid, _, _)| guid.eq_ignore_ascii_case(wanted));
    let definition = found.ok_or_else(|| unknown_definition(wanted))?;
    Ok(Answer::new(200, definition_body(account, definition)))
}

fn unknown_definition(guid: &str) -> Refusal {
    Refusal::new(404, "NotFound", format!("Unable to find a SQL Role Definition with ID [{guid}]."))
}

fn account_body(account: &CosmosAccount) -> Json {
    json!({
        "id": account.id,
        "name": account.name(),
        "type": KIND,
        "location": account.location,
        "kind": account.kind,
        "tags": account.tags,
        "properties": account.properties,
    })
}

fn database_body(account: &CosmosAccount, name: &str) -> Json {
    json!({
        "id": format!("{}/sqlDatabases/{name}", account.id),
        "name": name,
        "type": format!("{KIND}/sqlDatabases"),
        "properties": { "resource": { "id": name, "_colls": "colls/", "_users": "users/" } },
    })
}

fn container_body(account: &CosmosAccount, database: &str, name: &str, container: &CosmosContainer) -> Json {
    json!({
        "id": format!("{}/sqlDatabases/{database}/containers/{name}", account.id),
        "name": name,
        "type": format!("{KIND}/sqlDatabases/containers"),
        "properties": {
            "resource": {
                "id": name,
                "partitionKey": { "paths": [container.partition_key], "kind": "Hash", "version": 2 },
            },
        },
    })
}

fn definition_body(account: &CosmosAccount, (guid, name, actions): &(&str, &str, &[&str])) -> Json {
    json!({
        "id": format!("{}/sqlRoleDefinitions/{guid}", account.id),
        "name": guid,
        "type": format!("{KIND}/sqlRoleDefinitions"),
        "properties": {
            "roleName": name,
            "type": "BuiltInRole",
            "assignableScopes": [account.id],
            "permissions": [{ "dataActions": actions, "notDataActions": [] }],
        },
    })
}
