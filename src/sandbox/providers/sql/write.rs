//! Writes of a server and of what stands below it. The description has 200, 201 and 202 for most of
//! them; here they are done at once.

use std::net::Ipv4Addr;

use super::{Child, KIND, body, existing, expands};
use crate::sandbox::errors::{Refusal, invalid_content};
use crate::sandbox::providers::resources;
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::state::{FirewallRule, SqlAdministrator, SqlDatabase, SqlServer, fold};

/// What a PATCH of a server may change here.
const WRITABLE: &[&str] = &["publicNetworkAccess", "minimalTlsVersion", "restrictOutboundNetworkAccess"];

/// The gates of every write, and the server.
fn open(context: &Context<'_>, address: &Address, action: &str) -> Result<SqlServer, Refusal> {
    let target = address.target();
    context.require(action, &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.Sql")?;
    existing(context, address).cloned()
}

/// `PATCH` of a server: what is sent replaces.
pub(super) fn server(context: &mut Context<'_>, address: &Address) -> Handled {
    let mut server = open(context, address, &format!("{KIND}/write"))?;
    let sent = context.object()?;
    if let Some(tags) = sent["tags"].as_object() {
        server.tags.clone_from(tags);
    }
    for name in WRITABLE {
        if let Some(value) = sent["properties"].get(*name).filter(|value| !value.is_null()) {
            server.properties[*name] = value.clone();
        }
    }
    let expanded = expands(context);
    context.compliant(&server.id, &body(&server, expanded))?;
    let answer = Answer::new(200, body(&server, expanded));
    context.state.add_sql_server(server);
    Ok(answer)
}

/// `PUT` of what stands below a server.
pub(super) fn put(context: &mut Context<'_>, address: &Address, child: Child) -> Handled {
    let mut server = open(context, address, &format!("{}/write", child.kind()))?;
    let sent = context.object()?;
    let (name, before) = (address.name(1).to_owned(), child.all(&server));
    let own = before.iter().find(|(own, _)| own.eq_ignore_ascii_case(&name)).map(|(own, _)| own.clone());
    let key = own.clone().unwrap_or_else(|| name.clone());
    let text = |member: &str| sent["properties"][member].as_str().map(str::to_owned);
    let missing =
        |what: &str| invalid_content(format!("The request content was invalid: {what} is required."));
    match child {
        Child::Database => {
            let location = sent["location"].as_str().ok_or_else(|| missing("location"))?;
            let database =
                server.databases.entry(key).or_insert_with(|| SqlDatabase::new(location, &name, context.now));
            if sent["sku"].is_object() {
                database.sku = sent["sku"].clone();
            }
        }
        Child::Administrator => {
            let only = name.eq_ignore_ascii_case("ActiveDirectory");
            let (Some(login), Some(sid), true) = (text("login"), text("sid"), only) else {
                return Err(missing("login and sid of the administrator ActiveDirectory"));
            };
            let tenant = text("tenantId").unwrap_or_else(|| context.state.tenant.clone());
            server.administrator = Some(SqlAdministrator { login, sid, tenant });
        }
        Child::EntraOnly => {
            let wanted = sent["properties"]["azureADOnlyAuthentication"].as_bool();
            server.entra_only = wanted.ok_or_else(|| missing("azureADOnlyAuthentication"))?;
            if server.entra_only && server.administrator.is_none() {
                return Err(Refusal::new(
                    400,
                    "AADAdminNotConfigured",
                    "Azure Active Directory administrator must be configured before enabling Azure Active \
                     Directory only authentication.",
                ));
            }
        }
        Child::FirewallRule => {
            public(&server)?;
            let address = |member: &str| text(member).filter(|text| text.parse::<Ipv4Addr>().is_ok());
            let (Some(start), Some(end)) = (address("startIpAddress"), address("endIpAddress")) else {
                return Err(missing("an IPv4 address as startIpAddress and endIpAddress"));
            };
            server.firewall_rules.insert(key, FirewallRule { start, end });
        }
    }
    let made = child.all(&server).into_iter().find(|(own, _)| own.eq_ignore_ascii_case(&name));
    let Some((_, answer)) = made else { return Err(router::no_operation(context, address)) };
    context.compliant(answer["id"].as_str().unwrap_or_default(), &answer)?;
    context.state.add_sql_server(server);
    // Only firewall rules are made without a long-running operation, which a 201 of the others would begin.
    let new = child == Child::FirewallRule && own.is_none();
    Ok(Answer::new(if new { 201 } else { 200 }, answer))
}

/// `DELETE` of what stands below a server.
pub(super) fn delete(context: &mut Context<'_>, address: &Address, child: Child) -> Handled {
    let mut server = open(context, address, &format!("{}/delete", child.kind()))?;
    let name = fold(address.name(1));
    let gone = match child {
        Child::Database => {
            let before = server.databases.len();
            server.databases.retain(|own, _| fold(own) != name);
            server.databases.len() < before
        }
        Child::Administrator => server.administrator.take().is_some(),
        Child::EntraOnly => std::mem::take(&mut server.entra_only),
        Child::FirewallRule => {
            public(&server)?;
            let before = server.firewall_rules.len();
            server.firewall_rules.retain(|own, _| fold(own) != name);
            server.firewall_rules.len() < before
        }
    };
    context.state.add_sql_server(server);
    Ok(Answer::empty(if gone { 200 } else { 204 }))
}

/// Refuses a change of the firewall of a server that is closed to public networks.
fn public(server: &SqlServer) -> Result<(), Refusal> {
    if !server.closed() {
        return Ok(());
    }
    let message = "Unable to create or modify firewall rules when public network interface for the server is \
                   disabled. To manage server or database level firewall rules, please enable the public \
                   network interface.";
    Err(Refusal::new(400, "DenyPublicEndpointEnabled", message))
}
