//! SQL servers, and who gets in.

use super::{Rule, confirmed};

pub(super) const RULES: &[Rule] = &[
    confirmed(
        "sql-administrator-expanded",
        "a server's answer has administrators only when $expand=administrators/activedirectory asks for it",
        "Microsoft.Sql Servers.json ($expand); Azure/azure-cli sends it for --expand-ad-admin",
    ),
    confirmed(
        "sql-firewall-needs-public",
        "while public network access is disabled firewall rules cannot be changed: DenyPublicEndpointEnabled",
        "the service's message quoted in public deployment logs; Microsoft Learn, Azure SQL connectivity settings",
    ),
];
