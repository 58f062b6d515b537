//! `Microsoft.Sql`: logical servers and what stands below them, as far as recipes read it.
//!
//! Property names: the generated types of 2025-01-01; 2023-08-01 and 2021-11-01 agree in all that is
//! named here.

use super::table::NONE;
use super::{ResourceType, Update};

const VERSIONS: &[&str] = &["2025-01-01", "2023-08-01", "2021-11-01"];

/// The logical server. `administrators` is in its answers only when a request expands it; its child
/// resource always shows it.
pub(super) const SERVER: ResourceType = ResourceType {
    name: "Microsoft.Sql/servers",
    noun: "SQL server",
    versions: VERSIONS,
    update: Update::Patch,
    write_only: &["properties.administratorLoginPassword"],
    // Who may do everything in every database, and the password by which one is let in as that.
    gives_rights: &[
        "properties.administrators",
        "properties.administratorLogin",
        "properties.administratorLoginPassword",
    ],
    host: &["properties", "fullyQualifiedDomainName"],
    write_action: "Microsoft.Sql/servers/write",
    holds: "every database in it",
    ..NONE
};

/// A database.
pub(super) const DATABASE: ResourceType = ResourceType {
    name: "Microsoft.Sql/servers/databases",
    noun: "SQL database",
    versions: VERSIONS,
    update: Update::Patch,
    write_action: "Microsoft.Sql/servers/databases/write",
    holds: "every table in it",
    ..NONE
};

/// The server's Microsoft Entra administrator: one, named `ActiveDirectory`.
pub(super) const ADMINISTRATOR: ResourceType = ResourceType {
    name: "Microsoft.Sql/servers/administrators",
    noun: "Microsoft Entra administrator of a SQL server",
    versions: VERSIONS,
    update: Update::Put,
    gives_rights: &["properties"],
    write_action: "Microsoft.Sql/servers/administrators/write",
    ..NONE
};

/// Whether only Entra logins are taken: one, named `Default`.
pub(super) const ENTRA_ONLY: ResourceType = ResourceType {
    name: "Microsoft.Sql/servers/azureADOnlyAuthentications",
    noun: "Entra-only setting of a SQL server",
    versions: VERSIONS,
    update: Update::Put,
    write_action: "Microsoft.Sql/servers/azureADOnlyAuthentications/write",
    ..NONE
};

/// A range of addresses that are let in.
pub(super) const FIREWALL_RULE: ResourceType = ResourceType {
    name: "Microsoft.Sql/servers/firewallRules",
    noun: "firewall rule of a SQL server",
    versions: VERSIONS,
    update: Update::Put,
    write_action: "Microsoft.Sql/servers/firewallRules/write",
    ..NONE
};
