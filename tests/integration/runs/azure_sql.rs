//! azure-sql: the user in the database, its roles, the script for an administrator, the variables.

use acarecipe::diagnostic::codes;
use acarecipe::plan::{Cause, Status};
use acarecipe::sandbox::seed::{self, variant};
use acarecipe::sandbox::state::{SqlUser, sid_of};
use acarecipe::sandbox::{Exchange, Service, Switches};

use super::super::support::world::World;
use super::{EXISTING, app, blocked, described, of_code, text, variable, works_and_stays};

const RECIPE: &[&str] = &["azure-sql"];
const SERVER: &str = "sql_server=sql-demo";
const DATABASE: &str = "sql_database=appdb";
/// The sid of the seeded identity.
const SID: &str = "0x33333333333333438333000000000002";

/// What the run sends for the seeded identity, and what it gives an administrator.
const SCRIPT: &str = "\
IF EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = N'id-demo' AND [sid] <> 0x33333333333333438333000000000002)
    THROW 50001, N'The user of this name belongs to another identity.', 1;
IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = N'id-demo')
    CREATE USER [id-demo] WITH SID = 0x33333333333333438333000000000002, TYPE = E;
IF NOT EXISTS (SELECT 1 FROM sys.database_role_members WHERE [role_principal_id] = DATABASE_PRINCIPAL_ID(N'db_datareader') AND [member_principal_id] = DATABASE_PRINCIPAL_ID(N'id-demo'))
    ALTER ROLE [db_datareader] ADD MEMBER [id-demo];
IF NOT EXISTS (SELECT 1 FROM sys.database_role_members WHERE [role_principal_id] = DATABASE_PRINCIPAL_ID(N'db_datawriter') AND [member_principal_id] = DATABASE_PRINCIPAL_ID(N'id-demo'))
    ALTER ROLE [db_datawriter] ADD MEMBER [id-demo];
";

fn users(world: &World) -> Vec<(String, SqlUser)> {
    let state = world.sandbox.state();
    let server = state.sql_server(seed::SQL_SERVER).unwrap();
    server.databases[seed::SQL_DATABASE].users.clone().into_iter().collect()
}

/// The one user there is.
#[track_caller]
fn user(world: &World) -> (String, SqlUser) {
    let mut all = users(world);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

/// The scripts that were sent, as they were sent.
fn scripts(exchanges: &[Exchange]) -> Vec<String> {
    let sent = exchanges.iter().filter(|one| one.service == Service::Sql && one.is_write());
    sent.map(|one| one.request_body.as_ref().unwrap()["text"].as_str().unwrap().to_owned()).collect()
}

/// Runs a text as the database's administrator does.
#[track_caller]
fn by_hand(world: &World, text: &str) {
    let host = "sql-demo.database.windows.net";
    let answer = world.sandbox.sql(host, seed::SQL_DATABASE, "sandbox-owner", text, &[]);
    answer.unwrap_or_else(|error| panic!("{error:?}: {text}"));
}

#[test]
fn a_system_identity_becomes_a_user_before_the_app_is_told_where_the_database_is() {
    let world = World::new();
    let run = works_and_stays(&world, RECIPE, &[SERVER, DATABASE]);
    let (name, made) = user(&world);
    let identity = app(&world).identity.system.unwrap();
    assert_eq!((name.as_str(), made.sid), (seed::APP, sid_of(&identity.client_id.parse().unwrap())));
    assert!(made.roles.iter().eq(["db_datareader", "db_datawriter"]), "{:?}", made.roles);
    let app = app(&world);
    assert_eq!(variable(&app, seed::APP, "SQL_SERVER")["value"], "sql-demo.database.windows.net");
    assert_eq!(variable(&app, seed::APP, "SQL_DATABASE")["value"], "appdb");
    let exchanges = world.sandbox.exchanges();
    let sent: Vec<&str> =
        exchanges.iter().filter(|one| one.is_write()).map(|one| one.method.as_str()).collect();
    assert_eq!(sent, ["PATCH", "BATCH", "PATCH"], "identity, user, variables");
    assert_eq!(run.applied.revisions.len(), 1);
    assert!(described(&world) == 0 || described(&world) >= 40);
}

#[test]
fn what_is_sent_is_the_script_that_an_administrator_would_be_given() {
    let world = World::new();
    works_and_stays(&world, RECIPE, &[SERVER, DATABASE, EXISTING]);
    assert_eq!(scripts(&world.sandbox.exchanges()), [SCRIPT]);
    assert_eq!(user(&world).1.sid, SID);
    described(&world);
}

#[test]
fn print_gives_the_script_and_writes_nothing_in_the_database() {
    let world = World::new();
    let parameters = &[SERVER, DATABASE, EXISTING, "sql=print"];
    let run = world.apply(RECIPE, parameters);
    let left = &run.ok().plan.by_hand[0];
    assert_eq!((left.cause, left.script.as_deref()), (Cause::Asked, Some(SCRIPT)));
    assert_eq!((left.host.as_str(), left.database.as_str()), ("sql-demo.database.windows.net", "appdb"));
    assert!(users(&world).is_empty() && scripts(&world.sandbox.exchanges()).is_empty());
    assert_eq!(variable(&app(&world), seed::APP, "SQL_DATABASE")["value"], "appdb", "the rest is done");
    let found = run.findings();
    assert!(found.iter().any(|one| one.status == Status::ActionRequired), "{found:#?}");
    // The administrator runs it, twice: then nothing is left.
    for _ in 0..2 {
        by_hand(&world, SCRIPT);
        assert_eq!(user(&world).1.sid, SID);
    }
    let again = world.plan(RECIPE, parameters).unwrap().plan;
    assert!(again.by_hand.is_empty() && again.writes.is_empty());
    assert!(world.verify(RECIPE, parameters).iter().all(|one| one.status == Status::Passed));
    described(&world);
}

#[test]
fn whoever_the_database_does_not_know_does_all_but_the_user() {
    for caller in ["contributor", "group-scoped"] {
        let world = World::new().called_by(caller);
        let run = world.apply(RECIPE, &[SERVER, DATABASE, EXISTING]);
        let left = &run.ok().plan.by_hand[0];
        assert_eq!((left.cause, left.script.as_deref()), (Cause::Unseen, Some(SCRIPT)), "{caller}");
        assert!(
            left.reason.contains("Login failed for user '<token-identified principal>'"),
            "{}",
            left.reason
        );
        assert!(users(&world).is_empty() && scripts(&world.sandbox.exchanges()).is_empty());
        let found = run.findings();
        assert!(found.iter().any(|one| one.status == Status::CouldNotCheck), "{caller}: {found:#?}");
        assert_eq!(variable(&app(&world), seed::APP, "SQL_DATABASE")["value"], "appdb");
        by_hand(&world, SCRIPT);
        // The database still tells this caller nothing.
        assert_eq!(world.plan(RECIPE, &[SERVER, DATABASE, EXISTING]).unwrap().plan.by_hand.len(), 1);
    }
}

#[test]
fn a_user_of_another_identity_is_never_touched() {
    let other = "0x0000000000000000000000000000BEEF";
    let world = World::new().edited(|state| variant::sql_user(state, "id-demo", other, &["db_datareader"]));
    let planned = blocked(&world, RECIPE, &[SERVER, DATABASE, EXISTING]);
    let told = of_code(&planned.plan.prerequisites, codes::SQL_USER);
    assert_eq!(told.status, Status::Failed);
    assert!(text(told).contains("another identity"), "{told:?}");
    assert_eq!(user(&world).1.sid, other);
    // Only the script for a person drops it; and run, it is what the recipe wants.
    let script = planned.plan.by_hand[0].script.clone().unwrap();
    assert!(script.contains("DROP USER [id-demo]"), "{script}");
    by_hand(&world, &script);
    assert_eq!(user(&world).1.sid, SID);
    let from = world.count();
    works_and_stays(&world, RECIPE, &[SERVER, DATABASE, EXISTING]);
    assert!(scripts(&world.exchanges_since(from)).is_empty());
}

#[test]
fn whatever_happens_to_a_batch_the_run_ends_well_or_the_next_one_does() {
    let parameters = &[SERVER, DATABASE, EXISTING];
    let whole = World::new();
    whole.apply(RECIPE, parameters);
    let exchanges = whole.sandbox.exchanges();
    let batches: Vec<usize> =
        exchanges.iter().filter(|one| one.service == Service::Sql).map(|one| one.number).collect();
    let script = exchanges.iter().find(|one| one.method == "BATCH").unwrap().number;
    let after = *batches.iter().find(|number| **number > script).unwrap();
    assert!(batches[0] < script, "read, script, read: {batches:?}");
    for number in [batches[0], script, after] {
        for kind in ["reset-before", "reset-after", "silence-after", "status=503"] {
            let fault = format!("request={number} {kind}").parse().unwrap();
            let world = World::with(Switches::default(), vec![fault]);
            // A run that could not see the database has left the user to a person: the next one sees it.
            world.apply(RECIPE, parameters);
            works_and_stays(&world, RECIPE, parameters);
            let (name, made) = user(&world);
            assert_eq!((name.as_str(), made.sid.as_str()), ("id-demo", SID), "{number} {kind}");
            assert!(made.roles.iter().eq(["db_datareader", "db_datawriter"]), "{number} {kind}");
        }
    }
}

#[test]
fn under_every_assumption_about_databases_it_ends_the_same() {
    let of_databases = Switches::all_flips().into_iter().filter(|(name, _)| name.starts_with("sql-"));
    let mut seen = 0;
    for (name, rules) in of_databases {
        for parameters in [&[SERVER, DATABASE][..], &[SERVER, DATABASE, EXISTING]] {
            let world = World::with(rules.clone(), Vec::new());
            works_and_stays(&world, RECIPE, parameters);
            assert!(user(&world).1.roles.iter().eq(["db_datareader", "db_datawriter"]), "{name}");
        }
        seen += 1;
    }
    assert!(seen >= 3, "{seen}");
}
