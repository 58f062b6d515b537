//! Cosmos DB: accounts, and who may use their data.

use super::{Rule, Switch, assumed, confirmed};

pub(super) const RULES: &[Rule] = &[
    confirmed(
        "cosmos-data-roles-of-its-own",
        "roles for the data of a NoSQL account are its sqlRoleAssignments; Azure role assignments, Owner's too, give no data action",
        "Microsoft Learn, cosmos-db reference-data-plane-roles; azure-docs#120729, PlagueHO/CosmosDB#487",
    ),
    confirmed(
        "cosmos-other-apis",
        "an account of another API (Mongo, Cassandra, Gremlin, Table) answers 405 MethodNotAllowed to what is of the NoSQL API",
        "hashicorp/terraform-provider-azurerm#18371, MicrosoftDocs/azure-docs#93565",
    ),
    assumed(
        "cosmos-names-have-case",
        Switch::CosmosNamesHaveCase,
        "databases and containers are found under their exact name only",
        "in any case, as other ids are",
        "names have case in the data plane; of ARM's paths it is not confirmed",
    ),
    assumed(
        "cosmos-assignment-queued",
        Switch::CosmosAssignmentQueued,
        "a PUT of a sqlRoleAssignment answers 202 with status Enqueued, Azure-AsyncOperation and Location; so does a DELETE, without the body",
        "a PUT answers 200 with the assignment, a DELETE 200",
        "pulumi/pulumi-azure-native#2816 shows the answer; rbac.json declares both",
    ),
    confirmed(
        "cosmos-principal-looked-up-later",
        "a principal that the directory does not know, or not yet, fails the operation of an accepted PUT: BadRequest, and the assignment is not there",
        "pulumi/pulumi-azure-native#2816",
    ),
    confirmed(
        "cosmos-one-write-at-a-time",
        "while one write of an account is going on another is refused: 412 PreconditionFailed",
        "hashicorp/terraform-provider-azurerm#15842, #17233",
    ),
    confirmed(
        "cosmos-account-not-online",
        "an account that is being made or removed takes no writes: 400 BadRequest",
        "microsoft/vscode-cosmosdb#1555",
    ),
    confirmed(
        "cosmos-assignment-fixed",
        "under one name only the role definition can be changed; another principal or scope is refused: 400 BadRequest",
        "pulumi/pulumi-azure-native#3711, #2253",
    ),
    confirmed(
        "cosmos-scope-in-account",
        "the scope is the account's id, or that followed by /dbs/DATABASE or /dbs/DATABASE/colls/CONTAINER; any other is refused: 400 BadRequest",
        "Azure/azure-cli#31422; the example of Microsoft.DocumentDB rbac.json",
    ),
    assumed(
        "cosmos-scope-unchecked",
        Switch::CosmosScopeUnchecked,
        "the database or container that a scope names need not be there",
        "it must be: 404",
        "said of assignable scopes in Microsoft.DocumentDB rbac.json; of assignments not confirmed",
    ),
    assumed(
        "cosmos-duplicate-refused",
        Switch::CosmosDuplicateRefused,
        "a second assignment of the same role to the same principal at the same scope under another name is refused: 409 Conflict",
        "it is made",
        "not confirmed",
    ),
];
