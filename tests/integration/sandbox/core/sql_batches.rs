//! The data plane of SQL servers: who gets in, what a batch reads and changes, and what it is refused.

use acarecipe::sandbox::state::{SqlAdministrator, SqlUser, sid_of};
use acarecipe::sandbox::statefile::{Saved, StateFile, read};
use acarecipe::sandbox::{Handler as _, SqlBatch, SqlReply, State, seed};

use super::World;

const HOST: &str = "sql-demo.database.windows.net";
/// The sid of the seeded identity's client id.
const SID: &str = "0x33333333333333438333000000000002";

pub(super) type Answer = Result<Vec<Vec<Option<String>>>, (u32, String)>;

fn ask(world: &World, caller: &str, text: &str, parameters: &[&str]) -> Answer {
    let parameters: Vec<String> = parameters.iter().map(|one| (*one).to_owned()).collect();
    world.sandbox.sql(HOST, seed::SQL_DATABASE, &format!("sandbox-{caller}"), text, &parameters)
}

/// What `caller` is answered in a database of the seeded server.
pub(super) fn at(world: &World, database: &str, caller: &str, text: &str) -> Answer {
    world.sandbox.sql(HOST, database, &format!("sandbox-{caller}"), text, &[])
}

/// The rows, nulls as `-`.
#[track_caller]
fn rows(world: &World, caller: &str, text: &str, parameters: &[&str]) -> Vec<String> {
    let rows = ask(world, caller, text, parameters).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "-".to_owned());
    rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" ")).collect()
}

#[track_caller]
fn refused(world: &World, caller: &str, text: &str, number: u32) -> String {
    match ask(world, caller, text, &[]) {
        Err((own, message)) if own == number => message,
        other => panic!("{text}: not {number} but {other:?}"),
    }
}

fn users(world: &World) -> Vec<(String, SqlUser)> {
    world.edit(|state| {
        let server = state.sql_server(seed::SQL_SERVER).unwrap();
        server.databases[seed::SQL_DATABASE].users.clone().into_iter().collect()
    })
}

/// Makes a caller a user of the database.
fn known(world: &World, caller: &str, roles: &[&str]) {
    world.edit(|state| {
        let principal = state.callers[caller].principal.parse().unwrap();
        seed::variant::sql_user(state, caller, &sid_of(&principal), roles);
    });
}

#[test]
fn the_door_lets_in_the_administrator_and_users_of_the_database_only() {
    let world = World::new();
    let who = "SELECT USER_NAME(), DB_NAME(), IS_ROLEMEMBER(N'db_owner')";
    assert_eq!(rows(&world, "owner", who, &[]), ["dbo appdb 1"]);
    for caller in ["contributor", "group-scoped", "app-scoped", "reader", "nobody"] {
        let told = refused(&world, caller, who, 18_456);
        assert_eq!(told, "Login failed for user '<token-identified principal>'.", "{caller}");
    }
    known(&world, "reader", &["db_datareader"]);
    assert_eq!(rows(&world, "reader", who, &[]), ["reader appdb 0"]);
    // A group administers: its members do.
    world.edit(|state| {
        let group = "99999999-9999-4999-8999-999999999999".to_owned();
        let server = state.sql_server_mut(seed::SQL_SERVER).unwrap();
        server.administrator =
            Some(SqlAdministrator { login: "dba".to_owned(), sid: group.clone(), tenant: String::new() });
        let member = state.callers["contributor"].principal.clone();
        state.members.insert(group, vec![member]);
    });
    // Who they are and may do is told of them, what they are members of is not.
    assert_eq!(rows(&world, "contributor", who, &[]), ["dbo appdb 0"]);
    let control = "SELECT DATABASE_PRINCIPAL_ID(), HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CONTROL')";
    assert_eq!(rows(&world, "contributor", control, &[]), ["1 1"]);
    assert_eq!(rows(&world, "reader", control, &[]), ["5 0"]);
    let ids = "SELECT DATABASE_PRINCIPAL_ID(N'DBO'), DATABASE_PRINCIPAL_ID(N'nobody'), DATABASE_PRINCIPAL_ID(N'db_owner')";
    assert_eq!(rows(&world, "contributor", ids, &[]), ["1 - 16384"]);
    refused(&world, "owner", who, 18_456);
}

#[test]
fn a_database_that_is_not_there_a_closed_server_and_an_address_are_refused_each_in_its_words() {
    let world = World::new();
    let sql = |database: &str, caller: &str| at(&world, database, caller, "SELECT 1");
    let (number, told) = sql("nodb", "owner").unwrap_err();
    assert_eq!((number, told.contains("\"nodb\"")), (4060, true), "{told}");
    assert_eq!(sql("nodb", "reader").unwrap_err().0, 18_456);
    assert!(sql("MASTER", "owner").is_ok() && sql("AppDB", "owner").is_ok());
    let (number, _) =
        world.sandbox.sql("sql-none.database.windows.net", "x", "t", "SELECT 1", &[]).unwrap_err();
    assert_eq!(number, 0);

    world.edit(|state| state.sql_server_mut(seed::SQL_SERVER).unwrap().firewall_rules.remove("office"));
    // What is let in from Azure is not let in from elsewhere; and the door comes before the login.
    for caller in ["owner", "nobody"] {
        let told = refused(&world, caller, "SELECT 1", 40_615);
        assert!(told.contains("Client with IP address '203.0.113.7' is not allowed"), "{told}");
    }
    world.edit(|state| seed::variant::sql_closed(state, seed::SQL_SERVER, true));
    assert!(
        refused(&world, "owner", "SELECT 1", 47_073).contains("Deny Public Network Access is set to Yes")
    );
}

#[test]
fn a_user_is_made_once_and_put_into_roles() {
    let world = World::new();
    let script = format!(
        "IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = N'id-demo')\n\
         CREATE USER [id-demo] WITH SID = {SID}, TYPE = E;\n\
         IF ISNULL(IS_ROLEMEMBER(N'db_datareader', N'id-demo'), 0) = 0 ALTER ROLE [db_datareader] ADD MEMBER [id-demo]"
    );
    for _ in 0..2 {
        assert_eq!(rows(&world, "owner", &script, &[]), [""; 0]);
        let found = users(&world);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].0.as_str(), found[0].1.sid.as_str(), found[0].1.kind.as_str()),
            ("id-demo", SID, "E")
        );
        assert!(found[0].1.roles.iter().eq(["db_datareader"]));
    }
    let member = "SELECT r.name, m.name FROM sys.database_role_members AS rm \
                  JOIN sys.database_principals r ON r.principal_id = rm.role_principal_id \
                  JOIN sys.database_principals m ON m.principal_id = rm.member_principal_id \
                  WHERE m.[sid] = CONVERT(varbinary(85), @P1, 1)";
    assert_eq!(rows(&world, "owner", member, &[SID]), ["db_datareader id-demo"]);
    let own = format!("SELECT type, sid FROM sys.database_principals WHERE sid = {SID} AND NOT name IS NULL");
    assert_eq!(rows(&world, "owner", &own, &[]), [format!("E {SID}")]);
    // Names are compared without case, and twice the same is refused.
    let again = "CREATE USER [ID-DEMO] WITH SID = 0x00000000000000000000000000000001, TYPE = E";
    assert!(refused(&world, "owner", again, 15_023).contains("'ID-DEMO' already exists"));
    refused(&world, "owner", &format!("CREATE USER other WITH SID = {SID}, TYPE = E"), 15_063);
    refused(&world, "owner", "CREATE USER other WITH SID = 0x01, TYPE = E", 15_419);
    rows(
        &world,
        "owner",
        "ALTER ROLE db_datareader DROP MEMBER [id-demo]; DROP USER IF EXISTS [id-demo]",
        &[],
    );
    assert!(users(&world).is_empty());
    rows(&world, "owner", "DROP USER IF EXISTS [id-demo]", &[]);
    refused(&world, "owner", "DROP USER [id-demo]", 15_151);
    refused(&world, "owner", "DROP USER dbo", 15_150);
}

#[test]
fn the_directory_knows_identities_by_name() {
    let world = World::new();
    rows(&world, "owner", "CREATE USER [id-demo] FROM EXTERNAL PROVIDER;", &[]);
    assert_eq!(users(&world)[0].1.sid, SID);
    assert_eq!(sid_of(&seed::IDENTITY_CLIENT.parse().unwrap()), SID);
    let told = refused(&world, "owner", "CREATE USER [ca-demo] FROM EXTERNAL PROVIDER", 33_130);
    assert!(told.starts_with("Principal 'ca-demo' could not be found"), "{told}");
}

#[test]
fn rights_are_those_of_the_roles() {
    let world = World::new();
    known(&world, "reader", &["db_datareader"]);
    known(&world, "contributor", &["db_accessadmin"]);
    known(&world, "app-scoped", &["db_owner"]);
    let create = |name: &str, last: u8| {
        format!("CREATE USER [{name}] WITH SID = 0x0000000000000000000000000000000{last}, TYPE = E")
    };
    let told = refused(&world, "reader", &create("a", 1), 15_247);
    assert_eq!(told, "User does not have permission to perform this action.");
    rows(&world, "contributor", &create("a", 1), &[]);
    for (role, member) in [("db_datareader", "a"), ("nothing", "a")] {
        let told =
            refused(&world, "contributor", &format!("ALTER ROLE [{role}] ADD MEMBER [{member}]"), 15_151);
        assert!(told.contains("does not exist or you do not have permission"), "{told}");
    }
    rows(&world, "app-scoped", "ALTER ROLE [db_datareader] ADD MEMBER [a]", &[]);
    refused(&world, "app-scoped", "ALTER ROLE [nothing] ADD MEMBER [a]", 15_151);
    refused(&world, "app-scoped", "ALTER ROLE [db_datareader] ADD MEMBER [nobody]", 15_151);
    refused(&world, "app-scoped", "ALTER ROLE [public] ADD MEMBER [a]", 15_081);
    refused(&world, "app-scoped", "ALTER ROLE [db_datareader] ADD MEMBER [dbo]", 15_405);

    // And what each sees: everybody oneself, the administrator of accesses every user, owners all.
    let seen = |caller: &str| {
        let text = "SELECT name FROM sys.database_principals WHERE type = 'E'";
        rows(&world, caller, text, &[])
    };
    assert_eq!(seen("reader"), ["reader"]);
    assert_eq!(seen("contributor"), ["a", "app-scoped", "contributor", "reader"]);
    assert_eq!(seen("owner").len(), 4);
    let rights = "SELECT HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'VIEW DEFINITION'), \
                  HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'ALTER ANY USER'), IS_ROLEMEMBER(N'db_owner'), \
                  IS_ROLEMEMBER(N'db_datareader', N'a'), IS_ROLEMEMBER(N'nothing')";
    assert_eq!(rows(&world, "reader", rights, &[]), ["0 0 0 - -"]);
    assert_eq!(rows(&world, "contributor", rights, &[]), ["0 1 0 1 -"]);
    assert_eq!(rows(&world, "app-scoped", rights, &[]), ["1 1 1 1 -"]);
    world.edit(|state| {
        let server = state.sql_server_mut(seed::SQL_SERVER).unwrap();
        server.databases.get_mut(seed::SQL_DATABASE).unwrap().roles.insert("app_role".to_owned());
    });
    let own = "SELECT is_fixed_role FROM sys.database_principals WHERE name = N'app_role'";
    assert_eq!(rows(&world, "owner", own, &[]), ["0"]);
    assert!(rows(&world, "reader", own, &[]).is_empty());
}

#[test]
fn names_are_judged_by_the_grammar_and_nothing_of_a_wrong_batch_runs() {
    let world = World::new();
    let sid = "0x000000000000000000000000000000AA";
    for (text, number, told) in [
        (format!("CREATE USER ca-demo WITH SID = {sid}, TYPE = E"), 102, "near '-'"),
        (format!("CREATE USER [x] WITH SID = {sid}, TYPE = E; CREATE USER [y"), 105, "character string 'y'"),
        ("SELECT 1; SELECT N'it's'".to_owned(), 105, "character string ''"),
        ("SELECT 'open".to_owned(), 105, "character string 'open'"),
        ("SELECT 1 /* not /* closed */".to_owned(), 113, "end comment mark"),
        (format!("CREATE USER [x] WITH SID = {sid}, TYPE = E; DROP TABLE orders"), 156, "keyword 'TABLE'"),
        (format!("CREATE USER user WITH SID = {sid}, TYPE = E"), 156, "keyword 'user'"),
        (format!("CREATE USER [x] WITH SID = '{sid}', TYPE = E"), 102, sid),
        (format!("CREATE USER [{}] WITH SID = {sid}, TYPE = E", "a".repeat(129)), 103, "too long"),
        (format!("CREATE USER [] WITH SID = {sid}, TYPE = E"), 1038, "missing or empty"),
        ("EXEC sp_who".to_owned(), 156, "'EXEC'"),
        ("[ca-demo]".to_owned(), 2812, "'ca-demo'"),
        ("SELECT nothing FROM sys.database_principals".to_owned(), 207, "'nothing'"),
        ("SELECT a.name FROM sys.database_principals AS b".to_owned(), 4104, "a.name"),
        ("SELECT 1 FROM sys.objects".to_owned(), 208, "'sys.objects'"),
        ("SELECT NOTHING(1)".to_owned(), 195, "'NOTHING'"),
        ("SELECT 1 THROW 50001, N'no', 1".to_owned(), 102, "near 'THROW'"),
        ("THROW 40000, N'no', 1".to_owned(), 35_100, "40000"),
        ("SELECT @P1".to_owned(), 137, "@P1"),
    ] {
        let message = refused(&world, "owner", &text, number);
        assert!(message.contains(told), "{text}: {message}");
        assert!(users(&world).is_empty(), "{text}");
    }
}

#[test]
fn quoted_names_keep_whatever_is_in_them() {
    let names = ["x]; DROP USER [dbo]; --", "it's", "Zoë 应用 🚀", "a]]b", "/* no */", "\"q\""];
    let world = World::new();
    for (number, name) in names.iter().enumerate() {
        let (quoted, text) = (name.replace(']', "]]"), name.replace('\'', "''"));
        let script = format!(
            "-- a comment ' with quotes [\nIF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = N'{text}')\n\
             CREATE USER [{quoted}] WITH SID = 0x0000000000000000000000000000001{number}, TYPE = E; /* /* ' */ */ \
             ALTER ROLE \"db_datareader\" ADD MEMBER [{quoted}];"
        );
        rows(&world, "owner", &script, &[]);
        let member = rows(&world, "owner", "SELECT IS_ROLEMEMBER(N'db_datareader', @P1), @P1", &[name]);
        assert_eq!(member, [format!("1 {name}")]);
    }
    let mut made: Vec<String> = users(&world).into_iter().map(|(name, _)| name).collect();
    let mut expected = names.map(str::to_owned).to_vec();
    made.sort();
    expected.sort();
    assert_eq!(made, expected);
    // Without N a literal has only what its code page has.
    assert_eq!(rows(&world, "owner", "SELECT '应用', N'应用'", &[]), ["?? 应用"]);
}

#[test]
fn a_refused_statement_ends_itself_and_throw_ends_the_batch() {
    let world = World::new();
    let user = |name: &str, last: u8| {
        format!("CREATE USER [{name}] WITH SID = 0x000000000000000000000000000000A{last}, TYPE = E;")
    };
    refused(&world, "owner", &format!("ALTER ROLE [none] ADD MEMBER [a]; {}", user("a", 1)), 15_151);
    assert_eq!(users(&world).len(), 1);
    let told = refused(
        &world,
        "owner",
        &format!(
            "IF EXISTS (SELECT 1 FROM sys.database_principals WHERE name = N'a') THROW 50001, N'taken', 1; {}",
            user("b", 2)
        ),
        50_001,
    );
    assert_eq!((told.as_str(), users(&world).len()), ("taken", 1));
    refused(
        &world,
        "owner",
        &format!("SET XACT_ABORT ON; ALTER ROLE [none] ADD MEMBER [a]; {}", user("b", 2)),
        15_151,
    );
    assert_eq!(users(&world).len(), 1);
    let branches = "IF 1 = 2 SELECT 'a' ELSE BEGIN SELECT 'b'; SELECT 'c' END; IF NULL = NULL SELECT 'd'";
    assert_eq!(rows(&world, "owner", branches, &[]), ["b", "c"]);
}

#[test]
fn batches_are_recorded_without_the_token_and_faults_strike_them() {
    let world = World::faulty("match=BATCH:/appdb reset-after");
    let create = format!("CREATE USER [a] WITH SID = {SID}, TYPE = E");
    rows(&world, "owner", "SELECT 1", &[]);
    assert_eq!(ask(&world, "owner", &create, &[]).unwrap_err().0, 0);
    assert_eq!(users(&world).len(), 1, "it took effect");
    let exchanges = world.sandbox.exchanges();
    let seen: Vec<_> =
        exchanges.iter().map(|one| (one.method.as_str(), one.is_write(), one.status)).collect();
    assert_eq!(seen, [("SELECT", false, Some(200)), ("BATCH", true, None)]);
    assert_eq!(exchanges[1].caller.as_deref(), Some("owner"));
    assert!(!format!("{exchanges:?}").contains("sandbox-owner"));

    let batch =
        SqlBatch { host: HOST, database: "appdb", token: "sandbox-owner", text: "SELECT 1", parameters: &[] };
    for (fault, reply) in [
        ("request=1 silence-before", SqlReply::Silence),
        ("request=1 silence-after", SqlReply::Silence),
        ("request=1 reset-before", SqlReply::Reset),
        ("request=1 html-body", SqlReply::Reset),
    ] {
        assert_eq!(World::faulty(fault).sandbox.batch(&batch), reply, "{fault}");
    }
    let busy = World::faulty("request=1 status=503").sandbox.batch(&batch);
    assert!(
        matches!(&busy, SqlReply::Refused(40_613, told) if told.contains("not currently available")),
        "{busy:?}"
    );
}

#[test]
fn what_a_batch_changed_is_in_the_state_file_before_it_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.json");
    let saved = Saved::new(World::new().sandbox.clone(), StateFile::open(&path).unwrap());
    let batch =
        |text| SqlBatch { host: HOST, database: "appdb", token: "sandbox-owner", text, parameters: &[] };
    assert!(matches!(saved.batch(&batch("SELECT 1")), SqlReply::Rows(_)));
    assert!(read::<State>(&path).unwrap().is_none(), "nothing changed");
    let create = format!("CREATE USER [a] WITH SID = {SID}, TYPE = E");
    assert_eq!(saved.batch(&batch(&create)), SqlReply::Rows(Vec::new()));
    let state = read::<State>(&path).unwrap().unwrap();
    let server = state.sql_server(seed::SQL_SERVER).unwrap();
    assert!(server.databases[seed::SQL_DATABASE].users.contains_key("a"));
}
