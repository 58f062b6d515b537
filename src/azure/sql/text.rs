//! The T-SQL of a database user: one batch that reads, scripts that write. Pure text; nothing in it is left
//! to a reader's luck with quotes.
//!
//! A user is made for the client id itself (`WITH SID = 0x…, TYPE = E`), not by looking the identity's name
//! up (`FROM EXTERNAL PROVIDER`): the server then needs no right to read the directory. Microsoft's reference
//! of `CREATE USER` does not have this form; Microsoft's own deployments use it (Aspire's role assignments
//! for Azure SQL, the templates of the Azure Developer CLI).

use std::fmt::Write;

use uuid::Uuid;

/// Reads everything that is asked of a database in one batch: `@P1` is the user's name, `@P2` its sid in
/// hexadecimal, or `0x` while nobody knows it. Each row says in its first column what it is:
///
/// | first | second | third | fourth |
/// | --- | --- | --- | --- |
/// | `caller` | may see every user and role (`1`, `0`) | may create users | is in `db_owner`; then: has CONTROL, number as a principal |
/// | `user` | the name of the user of that name | its sid | its type |
/// | `sid` | the name of the user with that sid | its sid | its type |
/// | `role` | a role's name | comes with every database (`1`, `0`) | null |
/// | `member` | the name of a role that user is in | the user's name | null |
///
/// Whoever may not see a user gets no row for it (metadata visibility,
/// <https://learn.microsoft.com/sql/relational-databases/security/metadata-visibility-configuration>), so the
/// first row says whether a missing one means anything.
pub const READ: &str = "\
SELECT N'caller', CONVERT(nvarchar(1), HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'VIEW DEFINITION')), \
CONVERT(nvarchar(1), HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'ALTER ANY USER')), \
CONVERT(nvarchar(1), IS_ROLEMEMBER(N'db_owner')), \
CONVERT(nvarchar(1), HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CONTROL')), \
CONVERT(nvarchar(11), DATABASE_PRINCIPAL_ID());
SELECT N'user', [name], CONVERT(nvarchar(200), [sid], 1), CONVERT(nvarchar(1), [type]) \
FROM sys.database_principals WHERE [name] = @P1;
SELECT N'sid', [name], CONVERT(nvarchar(200), [sid], 1), CONVERT(nvarchar(1), [type]) \
FROM sys.database_principals WHERE [sid] = CONVERT(varbinary(85), @P2, 1);
SELECT N'role', [name], CONVERT(nvarchar(1), [is_fixed_role]), NULL \
FROM sys.database_principals WHERE [type] = N'R';
SELECT N'member', r.[name], u.[name], NULL FROM sys.database_role_members AS m \
JOIN sys.database_principals AS r ON r.[principal_id] = m.[role_principal_id] \
JOIN sys.database_principals AS u ON u.[principal_id] = m.[member_principal_id] \
WHERE u.[name] = @P1 OR u.[sid] = CONVERT(varbinary(85), @P2, 1);
";

/// The number that the script's own error has; those from 50000 on are free for everybody.
pub const OTHER_IDENTITY: u32 = 50_001;

/// A name that a database can have for a user or role: at most 128 UTF-16 units (`sysname`), nothing in it
/// that is not seen, no space at its ends (comparisons pass over those), no `$(`, which tools that run
/// scripts replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// Why a text is no [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
    /// More than a name takes.
    #[error("it is longer than 128 characters")]
    TooLong,
    /// A character that is not seen.
    #[error("it has a character that is not seen")]
    Unseen,
    /// A space before or after it.
    #[error("it begins or ends with a space")]
    Space,
    /// Text that scripting tools replace.
    #[error("it has `$(` in it, which tools that run scripts replace")]
    Replaced,
}

impl Name {
    /// Takes a text as a name.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn new(text: &str) -> Result<Name, NameError> {
        if text.is_empty() {
            Err(NameError::Empty)
        } else if text.encode_utf16().count() > 128 {
            Err(NameError::TooLong)
        } else if text.chars().any(unseen) {
            Err(NameError::Unseen)
        } else if text.trim() != text {
            Err(NameError::Space)
        } else if text.contains("$(") {
            Err(NameError::Replaced)
        } else {
            Ok(Name(text.to_owned()))
        }
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As an identifier: `[name]`, `]` doubled.
    pub fn identifier(&self) -> String {
        format!("[{}]", self.0.replace(']', "]]"))
    }

    /// As a literal: `N'name'`, `'` doubled.
    pub fn literal(&self) -> String {
        literal(&self.0)
    }
}

fn literal(text: &str) -> String {
    format!("N'{}'", text.replace('\'', "''"))
}

/// Controls, line and paragraph separators, and what only steers how text is shown.
fn unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// The sid of an identity's user: the 16 bytes of its client id, the first three groups in the byte order
/// of `uniqueidentifier` (least byte first), in hexadecimal.
pub fn sid(client_id: &Uuid) -> String {
    let mut text = String::from("0x");
    for byte in client_id.to_bytes_le() {
        let _ = write!(text, "{byte:02X}");
    }
    text
}

/// The script that makes the user and puts it into the roles. Each statement looks first, so that running
/// it again changes nothing. It stops before it gives a role to somebody else's user of that name.
pub fn script(user: &Name, client_id: &Uuid, roles: &[Name]) -> String {
    let (name, text, sid) = (user.identifier(), user.literal(), sid(client_id));
    let mut script = format!(
        "IF EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = {text} AND [sid] <> {sid})\n    \
         THROW {OTHER_IDENTITY}, N'The user of this name belongs to another identity.', 1;\n\
         IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = {text})\n    \
         CREATE USER {name} WITH SID = {sid}, TYPE = E;\n"
    );
    members(&mut script, user, roles);
    script
}

/// The script for a name whose user belongs to another identity: the user goes, with every right it has and
/// every role it is in, and is made anew. Nobody but a person decides that.
pub fn recreate_script(user: &Name, client_id: &Uuid, roles: &[Name]) -> String {
    let (name, text, sid) = (user.identifier(), user.literal(), sid(client_id));
    let drop = format!(
        "IF EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = {text} AND [sid] <> {sid})\n    \
         DROP USER {name};\n"
    );
    drop + &script(user, client_id, roles)
}

/// The script that takes the user out of these roles and, if it `goes`, drops it. Each statement looks first, so that
/// running it again changes nothing, and none touches a user of that name for another identity.
///
/// A user that owns something (a schema, a role) is not dropped: error 15138
/// (<https://learn.microsoft.com/sql/t-sql/statements/drop-user-transact-sql#remarks>).
pub fn removal_script(user: &Name, client_id: &Uuid, roles: &[Name], goes: bool) -> String {
    let (name, text, sid) = (user.identifier(), user.literal(), sid(client_id));
    let mut script = format!(
        "IF EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = {text} AND [sid] <> {sid})\n    \
         THROW {OTHER_IDENTITY}, N'The user of this name belongs to another identity.', 1;\n"
    );
    for role in roles {
        let _ = write!(
            script,
            "IF EXISTS (SELECT 1 FROM sys.database_role_members WHERE [role_principal_id] = \
             DATABASE_PRINCIPAL_ID({}) AND [member_principal_id] = DATABASE_PRINCIPAL_ID({text}))\n    \
             ALTER ROLE {} DROP MEMBER {name};\n",
            role.literal(),
            role.identifier(),
        );
    }
    if goes {
        let _ = write!(
            script,
            "IF EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = {text} AND [sid] = {sid})\n    \
             DROP USER {name};\n"
        );
    }
    script
}

/// Looks at direct membership, as [`READ`] does: a role that is in the role gives it too, and may be taken out.
fn members(script: &mut String, user: &Name, roles: &[Name]) {
    for role in roles {
        let _ = write!(
            script,
            "IF NOT EXISTS (SELECT 1 FROM sys.database_role_members WHERE [role_principal_id] = \
             DATABASE_PRINCIPAL_ID({}) AND [member_principal_id] = DATABASE_PRINCIPAL_ID({}))\n    \
             ALTER ROLE {} ADD MEMBER {};\n",
            role.literal(),
            user.literal(),
            role.identifier(),
            user.identifier()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn a_sid_is_the_client_id_in_the_byte_order_of_uniqueidentifier() {
        // SELECT CONVERT(varbinary(16), CAST('00112233-4455-6677-8899-aabbccddeeff' AS uniqueidentifier))
        assert_eq!(sid(&ID), "0x33221100554477668899AABBCCDDEEFF");
    }

    #[test]
    fn the_script_looks_before_each_statement() {
        let script = script(&name("ca-demo"), &ID, &[name("db_datareader"), name("db_datawriter")]);
        assert_eq!(
            script,
            "IF EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = N'ca-demo' AND [sid] <> 0x33221100554477668899AABBCCDDEEFF)
    THROW 50001, N'The user of this name belongs to another identity.', 1;
IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = N'ca-demo')
    CREATE USER [ca-demo] WITH SID = 0x33221100554477668899AABBCCDDEEFF, TYPE = E;
IF NOT EXISTS (SELECT 1 FROM sys.database_role_members WHERE [role_principal_id] = DATABASE_PRINCIPAL_ID(N'db_datareader') AND [member_principal_id] = DATABASE_PRINCIPAL_ID(N'ca-demo'))
    ALTER ROLE [db_datareader] ADD MEMBER [ca-demo];
IF NOT EXISTS (SELECT 1 FROM sys.database_role_members WHERE [role_principal_id] = DATABASE_PRINCIPAL_ID(N'db_datawriter') AND [member_principal_id] = DATABASE_PRINCIPAL_ID(N'ca-demo'))
    ALTER ROLE [db_datawriter] ADD MEMBER [ca-demo];
"
        );
    }

    #[test]
    fn a_user_of_somebody_else_is_dropped_only_in_the_script_that_says_so() {
        let roles = [name("db_datareader")];
        let anew = recreate_script(&name("ca-demo"), &ID, &roles);
        let script = script(&name("ca-demo"), &ID, &roles);
        assert!(!script.contains("DROP"));
        assert_eq!(
            anew.strip_suffix(&script).unwrap(),
            "IF EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = N'ca-demo' AND [sid] <> 0x33221100554477668899AABBCCDDEEFF)
    DROP USER [ca-demo];
"
        );
    }

    #[test]
    fn what_takes_back_looks_before_each_statement_and_drops_only_its_own() {
        let script = removal_script(&name("ca-demo"), &ID, &[name("db_datareader")], true);
        assert_eq!(
            script,
            "IF EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = N'ca-demo' AND [sid] <> 0x33221100554477668899AABBCCDDEEFF)
    THROW 50001, N'The user of this name belongs to another identity.', 1;
IF EXISTS (SELECT 1 FROM sys.database_role_members WHERE [role_principal_id] = DATABASE_PRINCIPAL_ID(N'db_datareader') AND [member_principal_id] = DATABASE_PRINCIPAL_ID(N'ca-demo'))
    ALTER ROLE [db_datareader] DROP MEMBER [ca-demo];
IF EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = N'ca-demo' AND [sid] = 0x33221100554477668899AABBCCDDEEFF)
    DROP USER [ca-demo];
"
        );
        assert!(!removal_script(&name("ca-demo"), &ID, &[], false).contains("DROP"));
    }

    #[test]
    fn quotes_and_brackets_stay_within_their_name() {
        let evil = name("x]; DROP USER [dbo]; --'; SELECT 1");
        assert_eq!(evil.identifier(), "[x]]; DROP USER [dbo]]; --'; SELECT 1]");
        assert_eq!(evil.literal(), "N'x]; DROP USER [dbo]; --''; SELECT 1'");
        assert_eq!(name("Zoë 应用 🚀").identifier(), "[Zoë 应用 🚀]");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for (text, error) in [
            ("", NameError::Empty),
            ("a\nb", NameError::Unseen),
            ("a\u{0}", NameError::Unseen),
            ("a\u{202e}b", NameError::Unseen),
            ("a\u{2028}b", NameError::Unseen),
            (" a", NameError::Space),
            ("a ", NameError::Space),
            ("$(secret)", NameError::Replaced),
        ] {
            assert_eq!(Name::new(text), Err(error), "{text:?}");
        }
        assert_eq!(Name::new(&"a".repeat(129)), Err(NameError::TooLong));
        // 65 characters of two units each.
        assert_eq!(Name::new(&"🚀".repeat(65)), Err(NameError::TooLong));
        assert!(Name::new(&"🚀".repeat(64)).is_ok() && Name::new(&"]".repeat(128)).is_ok());
    }
}
