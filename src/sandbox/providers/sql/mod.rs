//! `Microsoft.Sql`: logical servers as the control plane shows them, and their data plane.

mod write;

use serde_json::{Value as Json, json};

use super::resources;
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::exchange::find;
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::state::{FirewallRule, SqlAdministrator, SqlDatabase, SqlServer, fold, last};

const KIND: &str = "Microsoft.Sql/servers";
/// The database that every server has and nobody makes.
const MASTER: &str = "master";

pub(in crate::sandbox) fn route(context: &mut Context<'_>, address: &Address) -> Handled {
    match (address.kind().as_str(), context.method, address.is_resource()) {
        ("servers", "GET", false) => list(context, address),
        ("servers", "GET", true) => {
            context.require(&format!("{KIND}/read"), &address.target())?;
            let server = existing(context, address)?;
            Ok(Answer::new(200, body(server, expands(context))))
        }
        ("servers", "PATCH", true) => write::server(context, address),
        (kind, "GET", _) => match Child::of(kind) {
            Some(child) => read(context, address, child),
            None => Err(router::no_operation(context, address)),
        },
        (kind, "PUT", true) => match Child::of(kind) {
            Some(child) => write::put(context, address, child),
            None => Err(router::no_operation(context, address)),
        },
        (kind, "DELETE", true) => match Child::of(kind) {
            Some(child) => write::delete(context, address, child),
            None => Err(router::no_operation(context, address)),
        },
        _ => Err(router::no_operation(context, address)),
    }
}

/// What stands below a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Child {
    Database,
    Administrator,
    EntraOnly,
    FirewallRule,
}

impl Child {
    fn of(kind: &str) -> Option<Child> {
        match kind {
            "servers/databases" => Some(Child::Database),
            "servers/administrators" => Some(Child::Administrator),
            "servers/azureadonlyauthentications" => Some(Child::EntraOnly),
            "servers/firewallrules" => Some(Child::FirewallRule),
            _ => None,
        }
    }

    /// The last part of the type.
    fn word(self) -> &'static str {
        match self {
            Child::Database => "databases",
            Child::Administrator => "administrators",
            Child::EntraOnly => "azureADOnlyAuthentications",
            Child::FirewallRule => "firewallRules",
        }
    }

    fn kind(self) -> String {
        format!("{KIND}/{}", self.word())
    }

    /// All of this kind that `server` has: names and bodies.
    fn all(self, server: &SqlServer) -> Vec<(String, Json)> {
        let whole = |name: &str, rest: Json| (name.to_owned(), self.body(server, name, rest));
        match self {
            Child::Database => std::iter::once(whole(MASTER, master(server)))
                .chain(own_databases(server).map(|(name, one)| whole(name, database(one, "v12.0,user"))))
                .collect(),
            Child::Administrator => server
                .administrator
                .iter()
                .map(|one| whole("ActiveDirectory", json!({ "properties": administrator(server, one) })))
                .collect(),
            Child::EntraOnly => {
                let properties = json!({ "azureADOnlyAuthentication": server.entra_only });
                vec![whole("Default", json!({ "properties": properties }))]
            }
            Child::FirewallRule => {
                server.firewall_rules.iter().map(|(name, rule)| whole(name, range(rule))).collect()
            }
        }
    }

    /// `rest` with what every resource has.
    fn body(self, server: &SqlServer, name: &str, rest: Json) -> Json {
        let mut body = json!({
            "id": format!("{}/{}/{name}", server.id, self.word()),
            "name": name,
            "type": self.kind(),
        });
        if let (Some(body), Json::Object(rest)) = (body.as_object_mut(), rest) {
            body.extend(rest);
        }
        body
    }

    /// 404 in the provider's own words.
    fn absent(self, name: &str) -> Refusal {
        Refusal::new(
            404,
            "ResourceNotFound",
            format!("The requested resource of type '{}' with name '{name}' was not found.", self.kind()),
        )
    }
}

/// The databases that somebody made; `master` is among the server's once somebody has logged in there.
fn own_databases(server: &SqlServer) -> impl Iterator<Item = (&String, &SqlDatabase)> {
    server.databases.iter().filter(|(name, _)| *name != MASTER)
}

fn range(rule: &FirewallRule) -> Json {
    json!({ "properties": { "startIpAddress": rule.start, "endIpAddress": rule.end } })
}

fn administrator(server: &SqlServer, one: &SqlAdministrator) -> Json {
    json!({
        "administratorType": "ActiveDirectory",
        "login": one.login,
        "sid": one.sid,
        "tenantId": one.tenant,
        "azureADOnlyAuthentication": server.entra_only,
    })
}

fn database(database: &SqlDatabase, kind: &str) -> Json {
    json!({
        "location": database.location,
        "kind": kind,
        "sku": database.sku,
        "properties": database.properties,
    })
}

fn master(server: &SqlServer) -> Json {
    let made = time::OffsetDateTime::UNIX_EPOCH;
    let mut body = database(&SqlDatabase::new(&server.location, MASTER, made), "v12.0,system");
    body["sku"] = json!({ "name": "System", "tier": "System", "capacity": 0 });
    body
}

/// Whether the request wants the administrator in the server's answer.
fn expands(context: &Context<'_>) -> bool {
    find(context.query, "$expand")
        .is_some_and(|what| what.eq_ignore_ascii_case("administrators/activedirectory"))
}

fn body(server: &SqlServer, expanded: bool) -> Json {
    let mut properties = server.properties.clone();
    if let (true, Some(one)) = (expanded, &server.administrator) {
        properties["administrators"] = administrator(server, one);
    }
    json!({
        "id": server.id,
        "name": server.name(),
        "type": KIND,
        "kind": "v12.0",
        "location": server.location,
        "tags": server.tags,
        "properties": properties,
    })
}

/// The server that `address` names or stands below.
fn existing<'a>(context: &'a Context<'_>, address: &Address) -> Result<&'a SqlServer, Refusal> {
    resources::existing_group(context, &address.scope)?;
    context.state.sql_servers.get(&fold(&address.id(1))).ok_or_else(|| {
        if address.types.len() == 1 {
            return errors::resource_not_found(KIND, address.name(0), last(&address.scope));
        }
        Refusal::new(
            404,
            "ParentResourceNotFound",
            format!(
                "Failed to perform '{}' on resource(s) of type '{}', because the parent resource '{}' could \
                 not be found.",
                if context.method == "GET" { "read" } else { "write" },
                address.types.join("/"),
                address.id(1)
            ),
        )
    })
}

fn list(context: &mut Context<'_>, address: &Address) -> Handled {
    let expanded = expands(context);
    let found = resources::listed(context, address, KIND, &context.state.sql_servers)?;
    context.page(found.map(|server| body(server, expanded)).collect())
}

/// `GET` of one or all of a kind below a server.
fn read(context: &mut Context<'_>, address: &Address, child: Child) -> Handled {
    context.require(&format!("{}/read", child.kind()), &address.target())?;
    let all = child.all(existing(context, address)?);
    if !address.is_resource() {
        return context.page(all.into_iter().map(|(_, body)| body).collect());
    }
    let name = address.name(1);
    all.into_iter()
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, body)| Answer::new(200, body))
        .ok_or_else(|| child.absent(name))
}
