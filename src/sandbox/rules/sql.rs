//! SQL servers, and who gets in.

use super::{Rule, Switch, assumed, confirmed};

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
    confirmed(
        "sql-closed",
        "a server closed to public networks refuses every login from outside its private endpoints: error 47073",
        "Microsoft Learn, Azure SQL connectivity settings, deny public network access",
    ),
    confirmed(
        "sql-firewall",
        "an address that no firewall rule has is refused before the login: error 40615, which names it; the rule from and to 0.0.0.0 stands for Azure only",
        "Microsoft Learn, Azure SQL firewall rules; troubleshoot common connection issues",
    ),
    confirmed(
        "sql-login",
        "a token logs in as the server's Entra administrator, a member of the group that is, or a user of the database with its sid; anybody else is refused: error 18456",
        "Microsoft Learn, Microsoft Entra authentication for Azure SQL, configure and connect",
    ),
    assumed(
        "sql-unknown-database-told",
        Switch::SqlUnknownDatabaseTold,
        "a database that does not exist is error 4060 to the administrator and 18456 to anybody else",
        "it is 18456 to everybody",
        "Microsoft Learn, troubleshoot common connection issues, has 4060; what a token gets is not confirmed",
    ),
    confirmed(
        "sql-sid",
        "an Entra application's user has the 16 bytes of its client id as sid, TYPE = E makes it without asking the directory",
        "Microsoft Learn, create Azure AD users using Azure AD applications (the older, sid-based way); dotnet/aspire, role assignments for Azure SQL",
    ),
    confirmed(
        "sql-directory",
        "FROM EXTERNAL PROVIDER looks the name up in the directory: error 33130 when nothing there has it",
        "Microsoft Learn, CREATE USER; Microsoft Entra service principal with Azure SQL",
    ),
    confirmed(
        "sql-create-user",
        "making a user needs ALTER ANY USER (error 15247); a name that is taken is error 15023, a sid that is taken 15063",
        "Microsoft Learn, CREATE USER, permissions; sys.messages",
    ),
    confirmed(
        "sql-alter-role",
        "only owners of the database change members of fixed roles; a role that is not there, or may not be changed, is error 15151 either way",
        "Microsoft Learn, ALTER ROLE, permissions; sys.messages",
    ),
    confirmed(
        "sql-metadata",
        "without rights a user sees its own row, the system's users and the fixed roles, and its own memberships",
        "Microsoft Learn, sys.database_principals and sys.database_role_members, permissions",
    ),
    assumed(
        "sql-batch-goes-on",
        Switch::SqlBatchGoesOn,
        "a statement that is refused ends itself, and the rest of the batch runs; THROW ends the batch",
        "the first refusal ends the batch",
        "Microsoft Learn, SET XACT_ABORT, says in some cases; which errors of these statements are such is not confirmed",
    ),
    assumed(
        "sql-empty-hex-converts",
        Switch::SqlEmptyHexConverts,
        "CONVERT(varbinary, '', 1) is no bytes",
        "it is error 8114, for 0x is missing",
        "Microsoft Learn, CAST and CONVERT, binary styles: 0x must be the first two characters; of no characters it says nothing",
    ),
    confirmed(
        "sql-nothing-of-a-wrong-batch",
        "a batch with a mistake in its syntax or names runs not at all: errors 102, 105, 156, 207, 208",
        "Microsoft Learn, batches, stages of compilation; sys.messages",
    ),
];
